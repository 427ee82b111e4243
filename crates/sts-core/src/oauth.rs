//! The OAuth 2.0 grants and their common answer.

mod answer;
pub mod client_credentials;
pub mod grant;
pub mod password;
mod refusal;
pub mod token_exchange;
mod token_request;

use grant::Grant;

/// All grants.
pub static ALL: [&Grant; 3] =
    [&password::GRANT, &token_exchange::GRANT, &client_credentials::GRANT];
