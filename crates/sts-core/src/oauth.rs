//! The OAuth 2.0 grants and their common answer.

mod answer;
pub mod client_credentials;
pub mod password;
mod refusal;
pub mod token_exchange;
mod token_request;
