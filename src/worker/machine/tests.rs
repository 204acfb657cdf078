//! Lives of workers, told as what happens and what is done.

mod table;
mod world;
