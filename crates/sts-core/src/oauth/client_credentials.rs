//! The client credentials grant, RFC 6749, section 4.4: a token for the gateway itself. There is no
//! source token, and whose request it is does not matter.

use super::grant::{Grant, Source};

/// RFC 6749, section 4.4.2.
pub static GRANT: Grant = Grant {
    name: "cc",
    source: Source::None,
    is_repeatable: true,
    grant_type: "client_credentials",
    write: |_, _| Ok(()),
};
