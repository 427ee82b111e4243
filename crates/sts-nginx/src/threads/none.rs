//! An NGINX that was built without `--with-threads`.

use std::convert::Infallible;

use crate::conf::Conf;
use crate::threads::NotDone;
use crate::value::Reported;

/// There are none.
#[derive(Clone, Copy)]
pub struct Threads(Infallible);

impl Threads {
    /// None.
    ///
    /// # Errors
    /// Never.
    pub fn of(_: &Conf<'_>) -> Result<Option<Self>, Reported> {
        Ok(None)
    }

    /// Does work on one of them.
    ///
    /// # Errors
    /// Never.
    pub async fn run<T>(self, _: impl FnOnce() -> T, _: impl Sized) -> Result<T, NotDone> {
        match self.0 {}
    }
}
