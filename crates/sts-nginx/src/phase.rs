//! The phases of a request that a module takes part in, and what comes of that.

/// A phase in which the module may look at a request, in the order in which NGINX runs them
/// (`ngx_http_phases`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    Rewrite,
    Access,
    PreContent,
}

/// What NGINX does with the request now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It goes on. Never "OK": an exchange authenticates no client.
    GoOn,
    /// It waits, and the handler is entered again.
    Wait,
    /// It is answered with this status.
    Answer(u16),
}
