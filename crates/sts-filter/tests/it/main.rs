//! What expressions do, what they cannot do, and what is said then. One binary, with a module for each
//! topic.

mod bounds;
mod costs;
mod manual;
mod outcomes;
mod properties;
mod refused;
