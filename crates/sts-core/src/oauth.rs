//! The OAuth 2.0 grants and their common answer.

mod answer;
mod refusal;
pub mod token_exchange;
