//! A minted token that another exchange is made of: servers that keep the `jti` of an assertion refuse one
//! that comes again (RFC 7523, section 3), so no call shows what another one has shown.

use std::cell::Cell;
use std::rc::Rc;

use sts_core::encoding::Encoding;
use sts_core::error::Failure;
use sts_core::profile::Parameter;
use sts_core::secret::{Secret, SharedSecret};
use sts_core::target::Target;
use sts_flight::granted::CacheStatus;

use super::{Minter, Needs};

/// What it takes to make such a token anew.
pub(crate) struct Once {
    minter: Rc<Minter>,
    source: SharedSecret,
    values: Vec<(String, Secret)>,
    needs: Needs,
    /// How it stands in a variable.
    encoding: Option<Encoding>,
    /// A call has shown the one that is kept, or may have.
    was_shown: Cell<bool>,
}

impl Once {
    /// One that a request has come to like this: what lay in the cache, others may have shown.
    pub(crate) fn new(
        minter: &Rc<Minter>,
        source: &SharedSecret,
        values: &[Parameter<'_>],
        needs: Needs,
        encoding: Option<Encoding>,
        status: CacheStatus,
    ) -> Self {
        let copy = |one: &Parameter<'_>| (one.name.to_owned(), Secret::new(one.value));
        Self {
            minter: minter.clone(),
            source: source.clone(),
            values: values.iter().map(copy).collect(),
            needs,
            encoding,
            was_shown: Cell::new(status != CacheStatus::Miss),
        }
    }

    /// The token for a call that is made now; `None`: the one that is there, which no call has shown.
    ///
    /// # Errors
    /// It cannot be made.
    pub(crate) fn next(&self) -> Result<Option<Secret>, Failure> {
        if !self.was_shown.replace(true) {
            return Ok(None);
        }
        let minted = self.minter.make(self.source.expose(), &self.parameters(), self.needs)?;
        Ok(Some(Secret::new(minted.token.issued().expose())))
    }

    /// Whether a call has to wait for its turn before the token is made for it.
    pub(crate) fn takes_long(&self) -> bool {
        self.was_shown.get() && self.minter.takes_long(self.source.expose(), &self.parameters())
    }

    /// How many tokens like it may wait to be made.
    pub(crate) fn queued(&self) -> usize {
        self.minter.queued
    }

    fn parameters(&self) -> Vec<Parameter<'_>> {
        self.values.iter().map(|(name, value)| Parameter { name, value: value.expose() }).collect()
    }

    /// A token as it was made, and as it stands in a variable.
    pub(crate) fn forms(&self, token: &Secret) -> Vec<Secret> {
        let copy = |secret: &Secret| Secret::new(secret.expose());
        let mut forms = vec![copy(token)];
        if let Some(encoding) = self.encoding {
            forms.extend(Target::new(copy(token)).encoded(Some(encoding)).map(copy));
        }
        forms
    }
}
