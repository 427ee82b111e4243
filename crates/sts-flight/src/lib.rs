//! One call for a key, however many requests of however many workers want its token.
//!
//! In a worker, requests with the same key and cache share one [`flight`]. Over workers the shared cache
//! elects the one that calls ([`election`]); the others look into it until the answer is there.
//!
//! What locations may differ in although they ask for the same is no part of the key: how long they
//! wait, how large an answer and how many calls they allow, for how long they use a token again, which
//! types of token they take. So a call that ended at such a limit of the request it was made for has
//! ended for those with the same limits or narrower ones. For the others another call is made.
//!
//! | module | what it is |
//! |---|---|
//! | [`host`] | what flights run on: tasks, timers, requests that can be resumed, a cache, a call |
//! | [`election`] | the shared cache, as far as it says what to do for a key |
//! | [`lease`] | the duty to call |
//! | [`store`] | a store behind the cache, which several nodes share |
//! | [`flight`] | the call for a key, and the requests of this worker that wait for it |
//! | [`ahead`] | when a token is renewed before its end, and for how long a refusal is remembered |
//! | [`flights`] | all of a worker, and how a request comes to one |
//! | [`waiting`] | a request that waits |
//! | [`made`] | what is made at once, and needs no call |
//! | [`token`] | a token, and what is known of it |
//! | [`granted`] | a token that a request may use |
//! | [`failed`] | a call that ended without a token |
//!
//! Nothing here knows NGINX, a socket or a clock: they are [`host::Host`].
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod ahead;
pub mod election;
pub mod failed;
pub mod flight;
pub mod flights;
pub mod granted;
mod heartbeat;
pub mod host;
pub mod lease;
pub mod made;
mod rush;
pub mod store;
pub mod token;
pub mod waiting;

#[cfg(test)]
mod tests;
