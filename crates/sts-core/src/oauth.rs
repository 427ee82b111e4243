//! The OAuth 2.0 grants and their common answer.

mod answer;
pub mod client_credentials;
pub mod grant;
pub mod jwt_bearer;
pub mod password;
mod refusal;
pub mod saml_bearer;
mod source;
pub mod token_exchange;
mod token_request;

use grant::Grant;

/// All grants.
pub static ALL: [&Grant; 5] = [
    &password::GRANT,
    &token_exchange::GRANT,
    &client_credentials::GRANT,
    &jwt_bearer::GRANT,
    &saml_bearer::GRANT,
];
