//! Lives of workers, as events and the effects that follow.

mod clock;
mod endings;
mod launches;
mod probing;
mod requests;
mod specs;
mod table;
mod world;
