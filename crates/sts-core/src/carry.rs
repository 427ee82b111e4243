//! Where tokens stand in a request, and how they are taken out of it and put into it.
//!
//! | module | what it is |
//! |---|---|
//! | [`place`] | a place, as the directives name it |
//! | [`credentials`] | a scheme and a token in a header |
//! | [`cookies`] | the pairs of a `Cookie` header |
//! | [`pairs`] | the parameters of a query or a form |
//! | [`variable`] | which variables of NGINX hold them |
//! | [`name`] | when two names of parameters are the same |
//! | [`media_type`] | which bodies are forms that can be read and changed |
//!
//! What is not the token is not parsed and written again but copied: it stays as it is, byte for byte.

pub mod cookies;
pub mod credentials;
pub mod media_type;
pub mod name;
pub mod pairs;
pub mod place;
pub mod variable;

/// How often something is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<T> {
    /// Not at all.
    Nothing,
    /// Once.
    Once(T),
    /// More often: nothing tells which one is meant.
    Repeated,
}

impl<T> Found<T> {
    /// The same of something else.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Found<U> {
        match self {
            Self::Nothing => Found::Nothing,
            Self::Once(one) => Found::Once(change(one)),
            Self::Repeated => Found::Repeated,
        }
    }

    /// What is there in one part and another.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, found) | (found, Self::Nothing) => found,
            _ => Self::Repeated,
        }
    }
}

impl<T> FromIterator<T> for Found<T> {
    fn from_iter<I: IntoIterator<Item = T>>(all: I) -> Self {
        let mut all = all.into_iter();
        match (all.next(), all.next()) {
            (None, _) => Self::Nothing,
            (Some(one), None) => Self::Once(one),
            (Some(_), Some(_)) => Self::Repeated,
        }
    }
}
