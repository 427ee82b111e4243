//! A target token in the forms that it is passed on in.

use std::cell::OnceCell;

use sts_core::encoding::{Encoding, stands_as_it_is};
use sts_core::secret::Secret;

/// A token as it was issued, which is how it is kept, and its encodings, each made when somebody wants
/// it. All requests that wait for one call share them.
pub(crate) struct Target {
    issued: Secret,
    base64: OnceCell<Option<Secret>>,
    base64_url: OnceCell<Option<Secret>>,
    deflated: OnceCell<Option<Secret>>,
}

impl Target {
    pub(crate) fn new(issued: Secret) -> Self {
        Self {
            issued,
            base64: OnceCell::new(),
            base64_url: OnceCell::new(),
            deflated: OnceCell::new(),
        }
    }

    /// The token as it was issued.
    pub(crate) fn issued(&self) -> &Secret {
        &self.issued
    }

    /// The token as it can be passed on; `None` where it cannot.
    pub(crate) fn encoded(&self, encoding: Option<Encoding>) -> Option<&Secret> {
        let Some(encoding) = encoding else {
            return stands_as_it_is(self.issued.expose()).then_some(&self.issued);
        };
        let form = match encoding {
            Encoding::Base64 => &self.base64,
            Encoding::Base64Url => &self.base64_url,
            Encoding::Deflate => &self.deflated,
        };
        form.get_or_init(|| encoding.encode(self.issued.expose())).as_ref()
    }
}
