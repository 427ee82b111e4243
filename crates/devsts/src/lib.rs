//! A development STS and an echo backend, as libraries for tests and as processes.
//!
//! The STS checks what it is sent as strictly as the standards allow, so that a test that succeeds
//! here says something about real ones. What it does wrong, it does on request: see [`Script`].
//!
//! | module | what it is |
//! |---|---|
//! | [`sts`] | the STS: token endpoint, clients, what it issues |
//! | [`backend`] | a backend that answers with the request as it received it |
//! | [`script`] | misbehaviour on request: delays, resets, half answers, raw bytes |
//! | [`server`] | the HTTP/1.1 server under both, and what it noted about its connections and calls |
//! | [`http`] | answers as values, requests as they came |
//! | [`pki`] | certificates for tests |
//!
//! ```
//! use std::time::Duration;
//! use devsts::{Answer, Client, Script, Sts, When};
//!
//! let sts = Sts::builder().client(Client::new("otxclient", "2Federate")).start()?;
//! // The second call is answered after its connection has been reset half-way.
//! sts.script(When::call(2), Script::new().limit(20).usual().reset());
//! sts.script(When::subject("late"), Script::new().wait(Duration::from_millis(150)).usual());
//! sts.script(When::subject_prefix("busy-"), Script::new().answer(Answer::new(503).header("Retry-After", "7")));
//! println!("the token endpoint is {}", sts.endpoint());
//! assert_eq!(sts.call_count(), 0);
//! # Ok::<(), std::io::Error>(())
//! ```
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod backend;
pub mod http;
pub mod pki;
pub mod script;
pub mod server;
pub mod sts;

pub use backend::Backend;
pub use http::answer::Answer;
pub use script::{Gate, Script, When};
pub use server::call::Call;
pub use server::listen::Listen;
pub use server::tls::Tls;
pub use sts::client::{Client, Method};
pub use sts::wstrust::WsTrust;
pub use sts::{Metadata, Sts, is_for, target_for};
