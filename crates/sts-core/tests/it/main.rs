//! What a user of the crate sees: what goes to an STS, and what comes of its answer. One binary, with a
//! module for each topic.

mod answers;
mod grants;
mod messages;
mod recorded;
mod token_exchange;
mod wstrust;
