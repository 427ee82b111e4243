//! From directives to an exchange.

pub mod build;
pub mod contact;
mod minting;
pub mod option_string;
mod policies;
pub mod written;
mod wstrust;
