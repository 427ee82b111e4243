//! What a request brings to its call, and what of that is made anew for each call.

use std::cell::RefCell;
use std::rc::Rc;

use ::http::{HeaderName, HeaderValue};
use sts_core::error::{Failure, FailureKind};
use sts_core::profile::Outgoing;
use sts_core::secret::{Secret, SharedSecret};
use sts_core::source::{self, Claims};

use crate::minter::Once;
use crate::parameters::Parameters;
use crate::request_header::RequestHeader;

/// What a request brings to its call.
pub(crate) struct Brought {
    /// The source token, decoded.
    pub(crate) token: SharedSecret,
    /// What that says of itself.
    pub(crate) claims: Claims,
    pub(crate) parameters: Parameters,
    /// Headers of the call.
    pub(crate) headers: Vec<Header>,
    /// The client assertion, where another exchange has brought it.
    pub(crate) assertion: Option<Secret>,
}

/// A header of the call, its value evaluated.
pub(crate) struct Header {
    name: HeaderName,
    /// Such as a header can have.
    value: Secret,
    may_be_secret: bool,
}

/// A token that the gateway has made, which stands in what a request brings.
pub(crate) struct Minted {
    pub(crate) once: Rc<Once>,
    pub(crate) token: Secret,
}

/// What went out with a call, where it was made anew.
#[derive(Default)]
pub(crate) struct Renewed(RefCell<Option<Rc<Brought>>>);

impl Header {
    pub(crate) fn new(header: &RequestHeader, value: &[u8]) -> Self {
        let may_be_secret = header.may_be_secret();
        Self { name: header.name.clone(), value: Secret::new(value), may_be_secret }
    }
}

impl Brought {
    /// Adds the headers to what goes out.
    ///
    /// # Errors
    /// One holds what no header can.
    pub(crate) fn add_headers(&self, outgoing: &mut Outgoing) -> Result<(), Failure> {
        for Header { name, value, may_be_secret: _ } in &self.headers {
            let value = HeaderValue::from_bytes(value.expose()).map_err(|_| {
                Failure::new(FailureKind::BadHeader, format!("the header \"{name}\" has no value"))
            })?;
            outgoing.headers.insert(name, value);
        }
        Ok(())
    }

    /// What no line of the log may show, besides token and parameters.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &[u8]> {
        let headers = self.headers.iter().filter(|header| header.may_be_secret);
        headers.map(|header| &header.value).chain(&self.assertion).map(Secret::expose)
    }

    /// The same for a call that is made now: no STS sees a token twice that the gateway has made.
    ///
    /// # Errors
    /// One cannot be made.
    fn renewed(&self, minted: &[Minted]) -> Result<Option<Self>, Failure> {
        let mut renewed: Option<Self> = None;
        for Minted { once, token } in minted {
            let brought = renewed.as_ref().unwrap_or(self);
            let forms = once.forms(token);
            if !forms.iter().any(|form| brought.has(form.expose())) {
                continue;
            }
            if let Some(next) = once.next()? {
                let next = once.forms(&next);
                let pairs: Vec<_> = forms.iter().zip(&next).collect();
                renewed = Some(brought.with(&pairs));
            }
        }
        Ok(renewed)
    }

    fn has(&self, token: &[u8]) -> bool {
        let mut rest = self.headers.iter().map(|header| &header.value).chain(&self.assertion);
        place(self.token.expose(), token).is_some()
            || self.parameters.list().iter().any(|one| place(one.value, token).is_some())
            || rest.any(|value| place(value.expose(), token).is_some())
    }

    /// The same with other tokens in the place of those.
    fn with(&self, pairs: &[(&Secret, &Secret)]) -> Self {
        let make = |value: &[u8]| with_others(value, pairs);
        let token = SharedSecret::new(make(self.token.expose()).expose());
        Self {
            claims: source::claims(token.expose()),
            token,
            parameters: self.parameters.map(make),
            headers: self
                .headers
                .iter()
                .map(|Header { name, value, may_be_secret }| Header {
                    name: name.clone(),
                    value: make(value.expose()),
                    may_be_secret: *may_be_secret,
                })
                .collect(),
            assertion: self.assertion.as_ref().map(|it| make(it.expose())),
        }
    }
}

impl Renewed {
    /// Makes anew what has to be for a call that is written now.
    ///
    /// # Errors
    /// It cannot be made.
    pub(crate) fn renew(&self, brought: &Brought, minted: &[Minted]) -> Result<(), Failure> {
        if !minted.is_empty() {
            self.0.replace(brought.renewed(minted)?.map(Rc::new));
        }
        Ok(())
    }

    /// Calls `use_it` with what went out.
    pub(crate) fn or<R>(&self, brought: &Brought, use_it: impl FnOnce(&Brought) -> R) -> R {
        let renewed = self.0.borrow().clone();
        use_it(renewed.as_deref().unwrap_or(brought))
    }
}

/// Where a token begins in a value.
fn place(value: &[u8], token: &[u8]) -> Option<usize> {
    if token.is_empty() {
        return None;
    }
    value.windows(token.len()).position(|part| part == token)
}

fn with_others(value: &[u8], pairs: &[(&Secret, &Secret)]) -> Secret {
    let mut made = Secret::new(value);
    for (old, new) in pairs {
        made = with_other(made.expose(), old.expose(), new.expose());
    }
    made
}

fn with_other(value: &[u8], old: &[u8], new: &[u8]) -> Secret {
    let count = parts(value, old).count();
    let mut made = Secret::with_capacity(value.len() + count * new.len());
    for (number, part) in parts(value, old).enumerate() {
        if number > 0 {
            made.append(new);
        }
        made.append(part);
    }
    made
}

/// What stands around a token.
fn parts<'v>(value: &'v [u8], token: &'v [u8]) -> impl Iterator<Item = &'v [u8]> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let value = rest?;
        let found = place(value, token).and_then(|at| {
            let (before, behind) = value.split_at_checked(at)?;
            Some((before, behind.get(token.len()..)?))
        });
        let (part, behind) = found.map_or((value, None), |(before, behind)| (before, Some(behind)));
        rest = behind;
        Some(part)
    })
}
