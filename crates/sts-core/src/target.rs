//! A target token in the forms that it goes on in.

use std::cell::OnceCell;

use crate::encoding::{Encoding, stands_as_it_is};
use crate::secret::Secret;

/// A token as it was issued, which is how it is kept, and its encodings, each made when a reader wants
/// it. All requests that wait for one call share them.
pub struct Target {
    issued: Secret,
    /// Whether it can go on as it was issued: its readers ask more than once.
    stands_as_it_is: bool,
    /// Elsewhere, so that a token without any is small: it is moved from hand to hand.
    encoded: OnceCell<Box<Encoded>>,
}

#[derive(Default)]
struct Encoded {
    base64: OnceCell<Option<Secret>>,
    base64_url: OnceCell<Option<Secret>>,
    deflated: OnceCell<Option<Secret>>,
    password: OnceCell<Option<Secret>>,
}

impl Target {
    /// A token as it was issued.
    pub fn new(issued: Secret) -> Self {
        Self { stands_as_it_is: stands_as_it_is(issued.expose()), issued, encoded: OnceCell::new() }
    }

    /// The token as it was issued.
    pub fn issued(&self) -> &Secret {
        &self.issued
    }

    /// The token as it can go on; `None` where it cannot.
    pub fn encoded(&self, encoding: Option<Encoding>) -> Option<&Secret> {
        let Some(encoding) = encoding else {
            return self.stands_as_it_is.then_some(&self.issued);
        };
        let encoded = self.encoded.get_or_init(Box::default);
        let form = match encoding {
            Encoding::Base64 => &encoded.base64,
            Encoding::Base64Url => &encoded.base64_url,
            Encoding::Deflate => &encoded.deflated,
            Encoding::BasicPassword => &encoded.password,
        };
        form.get_or_init(|| encoding.encode(self.issued.expose())).as_ref()
    }
}
