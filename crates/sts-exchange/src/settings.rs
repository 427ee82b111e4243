//! From directives to an exchange.

pub mod build;
mod minting;
pub mod option_string;
pub mod written;
mod wstrust;
