//! How the gateway authenticates to a proxy on the way to the STS (RFC 9110, section 11.7).

use http::HeaderValue;

use super::error::ClientAuthError;
use super::method::Method;
use super::{ClientAuth, Credentials};
use crate::error::Failure;
use crate::options::{OptionError, Options};
use crate::parameters::USERNAME;

/// What it is written with.
const OPTIONS: [&str; 2] = [USERNAME, PASSWORD_FILE];

const PASSWORD_FILE: &str = "password_file";

impl ClientAuth {
    /// Reads the options of a proxy: the user name, and the file of its password. It is HTTP Basic
    /// (RFC 7617).
    ///
    /// # Errors
    /// An option is missing, unknown, or cannot be used; the password stands there itself.
    pub fn for_proxy(options: &str) -> Result<Self, ClientAuthError> {
        let mut options = Options::parse(options)?;
        if options.contains("password") {
            return Err(ClientAuthError::PasswordOfProxy);
        }
        for key in OPTIONS {
            if !options.contains(key) {
                return Err(OptionError::Missing { key }.into());
            }
        }
        let auth = Self::from_options(Method::Basic, &mut options)?;
        options.finish(&OPTIONS)?;
        Ok(auth)
    }

    /// The value of `Proxy-Authorization`, as of now; `None` for what is no HTTP Basic.
    ///
    /// # Errors
    /// Nothing usable was read yet.
    pub fn proxy_authorization(&self) -> Result<Option<HeaderValue>, Failure> {
        match &self.credentials {
            Credentials::Header(slot) => Ok(Some(slot.value()?.as_ref().clone())),
            _ => Ok(None),
        }
    }
}
