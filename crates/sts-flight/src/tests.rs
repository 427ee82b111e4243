//! The rules of flights, as stories of clients, workers and an STS, under a clock that the test sets.

mod coalescing;
mod deadlines;
mod leaving;
mod limits;
mod negative;
mod policies;
mod refreshing;
mod rushes;
mod stores;
mod unshared;
mod workers;
mod world;
