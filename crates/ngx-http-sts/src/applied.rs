//! What a location has put into a request.

use std::rc::Rc;

use crate::conf::Carrier;
use crate::conf::carrier::Passed;

/// What a location has put into a request.
pub(crate) struct Applied {
    /// The visit of the request in which it did.
    pub(crate) visit: u32,
    pub(crate) carrier: Rc<Carrier>,
    pub(crate) with_token: bool,
}

impl Applied {
    /// Whether this is what a location does in a visit: it has nothing more to do then.
    pub(crate) fn is(&self, visit: u32, carrier: &Rc<Carrier>) -> bool {
        self.visit == visit && Rc::ptr_eq(&self.carrier, carrier)
    }

    /// The places that it has a token in.
    pub(crate) fn places(&self) -> &[Passed] {
        if self.with_token { &self.carrier.pass } else { &[] }
    }
}
