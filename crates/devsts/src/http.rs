//! HTTP/1.1 messages: answers to be written in any shape, requests kept exactly as they came.
//!
//! This is not a general HTTP library on purpose: one that repairs or normalises messages could
//! neither show what was received nor send what is wrong.

pub mod answer;
pub mod form;
pub(crate) mod request;
