//! The protocols of security token exchange, as pure functions.
//!
//! Nothing here knows NGINX, a socket, a clock or a source of randomness: what is needed of them
//! comes in as an argument. So each protocol can be read, tested and fuzzed by itself.
//!
//! | module | what it is |
//! |---|---|
//! | [`profile`] | a checked exchange: [`Profile::request`](profile::Profile::request) writes what goes to the STS, [`Profile::response`](profile::Profile::response) reads what comes back |
//! | [`message`] | what goes to an STS and comes back, whatever is spoken |
//! | [`endpoint`] | the address of an STS, or of the issuer that tells it |
//! | [`metadata`] | what an issuer says of its endpoints |
//! | [`client_auth`] | how the gateway authenticates itself to the STS |
//! | [`parameters`] | which extra request parameters are allowed |
//! | [`oauth`] | the OAuth 2.0 grants and their common answer |
//! | [`wstrust`] | WS-Trust over SOAP |
//! | [`argument`] | the forms of the arguments of directives |
//! | [`options`] | the form-encoded option strings of directives |
//! | [`jose`] | keys, and the signatures made with them |
//! | [`mint`] | tokens that the gateway makes itself |
//! | [`issued`] | what an STS issued |
//! | [`error`] | why an exchange failed, and which side is at fault |
//! | [`known`] | secrets that an STS may repeat |
//! | [`report`] | when and how loudly a failure is reported |
//! | [`encoding`] | how a token stands in what it is read from, or put into |
//! | [`cache_key`] | the name that an issued token has in a cache |
//! | [`expect`] | what of an issued token has to be as it was asked for |
//! | [`source_tag`] | how all tokens are found that were issued for one source token |
//! | [`fields`] | a digest over several fields |
//! | [`life`] | how long an issued token may be used again |
//! | [`expiry`] | what a token says of its own end |
//! | [`jwt`] | what a JWT says of itself |
//! | [`carry`] | where tokens stand in a request, and how they are taken out and put in |
//! | [`request_header`] | headers that an operator adds to the calls |
//! | [`step_up`] | what a client has to do before its token is exchanged |
//! | [`source`] | what a source token says of itself |
//! | [`target`] | a target token in the forms that it goes on in |
//! | [`secret`] | types that keep tokens and credentials out of logs |
//! | [`now`] | time and randomness, as arguments |
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod about;
mod advice;
pub mod argument;
pub mod cache_key;
pub mod carry;
pub mod claim;
pub mod client_auth;
mod content;
pub mod encoding;
pub mod endpoint;
pub mod error;
mod excerpt;
pub mod expect;
pub mod expiry;
pub mod fields;
mod form;
mod gateway;
mod hex;
pub mod issued;
pub mod jose;
mod json;
pub mod jwt;
pub mod known;
pub mod life;
pub mod message;
pub mod metadata;
pub mod mint;
pub mod now;
pub mod oauth;
pub mod options;
pub mod parameters;
pub mod profile;
pub mod report;
pub mod request_header;
pub mod retry_after;
pub mod source;
pub mod source_tag;
pub mod step_up;
mod subjects;
pub mod target;
pub mod wstrust;

pub use sts_secret as secret;
