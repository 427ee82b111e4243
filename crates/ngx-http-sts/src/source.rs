//! The source token of a request, and what was found where it may stand.

use std::rc::Rc;

use sts_core::encoding::Encoding;
use sts_core::error::Failure;
use sts_core::secret::SharedSecret;

use crate::conf::Carrier;

/// A source token as it was found, with the expression that gave it. A later visit may see a request
/// from which it has been removed.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) text: Rc<str>,
    pub(crate) token: SharedSecret,
    pub(crate) encoding: Option<Encoding>,
    /// By which `STSAcceptSourceTokenIn` of its location it was found.
    pub(crate) accepted: Option<usize>,
    /// It came with the scheme DPoP.
    pub(crate) with_dpop: bool,
    /// The token of what acts for the subject, where there is one.
    pub(crate) actor: Option<SharedSecret>,
    /// It is made of results of other exchanges, which the next visit has anew.
    pub(crate) is_of_visit: bool,
    /// Why there is none that could be used, although there is something.
    pub(crate) fault: Option<Box<Failure>>,
}

impl Source {
    /// A token that was found, or is empty.
    pub(crate) fn new(carrier: &Carrier, token: &[u8]) -> Self {
        Self {
            text: carrier.source_text.clone(),
            token: SharedSecret::new(token),
            encoding: carrier.source_encoding,
            accepted: None,
            with_dpop: false,
            actor: None,
            is_of_visit: false,
            fault: None,
        }
    }

    pub(crate) fn unusable(carrier: &Carrier, fault: impl Into<Box<Failure>>) -> Self {
        Self { fault: Some(fault.into()), ..Self::new(carrier, &[]) }
    }
}

/// What was found in one place.
#[derive(Clone)]
pub(crate) enum Look {
    Nothing,
    Token { token: SharedSecret, with_dpop: bool },
    Unusable(Box<Failure>),
}
