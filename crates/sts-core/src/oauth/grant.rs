//! What the grants of OAuth differ in, as data: a grant is a file with a [`Grant`], and a row in
//! [`ALL`](super::ALL).

use std::fmt;

use super::answer;
pub use super::source::Source;
use super::token_request::TokenRequest;
use crate::error::{Failure, FailureKind};
use crate::gateway::Gateway;
use crate::issued::Issued;
use crate::message::{Incoming, Names, Outgoing, Subject};
use crate::now::Now;

/// A grant of OAuth (RFC 6749, section 1.3).
pub struct Grant {
    /// The word that `STSType` has for it.
    pub name: &'static str,
    /// What the token of the client becomes.
    pub source: Source,
    /// The same request may be made again while its token is good, so that a token is renewed before its
    /// end unless the operator says otherwise. Some servers lock an account after too many calls, or refuse
    /// an assertion that they have seen.
    pub is_repeatable: bool,
    /// Its `grant_type`, as it stands in a form.
    pub(super) grant_type: &'static str,
    /// Writes the parameters that are its own.
    pub(super) write: for<'a> fn(&mut TokenRequest<'a>, &Given<'a>) -> Result<(), Failure>,
}

/// What a grant makes its parameters of.
pub(super) struct Given<'a> {
    pub(super) gateway: &'a Gateway<'a>,
    pub(super) subject: &'a Subject<'a>,
    pub(super) names: &'a Names<'a>,
}

impl Grant {
    /// Its `grant_type`, as metadata name it (RFC 8414, section 2).
    pub fn grant_type(&self) -> String {
        self.grant_type.replace("%3A", ":")
    }

    /// Writes a request.
    ///
    /// # Errors
    /// There is no source token where there should be one, or it cannot be used; or the gateway cannot
    /// authenticate itself.
    pub(crate) fn request(
        &self,
        gateway: &Gateway<'_>,
        subject: &Subject<'_>,
        names: &Names<'_>,
        now: &Now,
    ) -> Result<Outgoing, Failure> {
        if self.source != Source::None && subject.source.is_empty() {
            return Err(Failure::new(FailureKind::MissingToken, "the source token is empty"));
        }
        let mut request = TokenRequest::new(self.grant_type, subject);
        (self.write)(&mut request, &Given { gateway, subject, names })?;
        request.finish(gateway, subject, names, now)
    }

    /// Reads an answer (RFC 6749, section 5).
    ///
    /// # Errors
    /// The STS refused, or the answer cannot be used.
    pub(crate) fn response(&self, answer: &Incoming<'_>) -> Result<Issued, Failure> {
        answer::read(answer, self.source)
    }
}

/// A name is one grant's.
impl PartialEq for Grant {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Grant {}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
