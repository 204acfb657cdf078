//! Lives of workers, told as what happens and what is done.

mod clock;
mod table;
mod world;
