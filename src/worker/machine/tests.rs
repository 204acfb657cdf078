//! Lives of workers, told as what happens and what is done.

mod clock;
mod endings;
mod probing;
mod requests;
mod specs;
mod table;
mod world;
