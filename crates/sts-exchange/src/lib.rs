//! One security token exchange on the command line, with the module's own code for what is said to an STS
//! and what its answer means.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod call;
pub mod causes;
pub mod chain;
pub mod cli;
pub mod compare;
pub mod conf;
pub mod decode;
pub mod directives;
pub mod discover;
pub mod exchange;
pub mod exit;
pub mod files;
pub mod harmless;
mod jwt;
pub mod nginx;
pub mod problem;
pub mod redact;
pub mod run;
mod saml;
pub mod settings;
pub mod show;
pub mod values;
pub mod wire;
pub mod words;
