//! What the token of the client becomes in a request to a token endpoint.

/// What the token of the client becomes in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// There is none: the token that is asked for is the gateway's. What is refused is the gateway's
    /// fault.
    None,
    /// A token that says itself of which subject it is.
    Token,
    /// The password of a user that is named beside it.
    Password,
}
