//! The subjects that a token names.

/// The subjects that a token names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// At least one. Several in an assertion of SAML 1.1, whose statements each have one.
    Named(Vec<String>),
    /// More than one reader would agree on: the name comes twice, or is no text.
    Unclear,
    /// It says nothing, or nothing that can be read here: it is opaque, or encrypted.
    Unsaid,
}

impl About {
    pub(crate) fn one(name: &str) -> Self {
        Self::Named(vec![name.to_owned()])
    }
}
