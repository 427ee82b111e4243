//! What a request asks for in its own words.

use crate::error::{Failure, FailureKind};
use crate::message::Parameter;
use crate::wstrust::settings::Settings;
use crate::wstrust::words::check_claim;
use crate::wstrust::{APPLIES_TO, CLAIM, is_plain};

/// For which address a token is asked, and with which claims in it.
pub(super) struct Asked<'a> {
    pub(super) applies_to: Option<&'a str>,
    pub(super) claims: Vec<&'a str>,
}

impl<'a> Asked<'a> {
    /// Takes the values of the request before those of the configuration.
    ///
    /// # Errors
    /// One can stand in no message ([`FailureKind::BadToken`]: it is the request's). To ask without it
    /// would be to ask for more.
    pub(super) fn read(
        settings: &'a Settings,
        parameters: &'a [Parameter<'a>],
    ) -> Result<Self, Failure> {
        let mut asked = Self { applies_to: settings.applies_to.as_deref(), claims: Vec::new() };
        for Parameter { name, value } in parameters {
            let text = std::str::from_utf8(value).ok();
            match *name {
                APPLIES_TO => {
                    let address = text.filter(|text| !text.is_empty() && is_plain(text));
                    asked.applies_to = Some(address.ok_or_else(|| {
                        unfit("STSWSTrustAppliesTo", "is no text that a message can hold")
                    })?);
                }
                CLAIM => {
                    let claim = text.filter(|text| check_claim(text).is_ok());
                    let claim =
                        claim.ok_or_else(|| unfit("STSWSTrustClaims", "is no absolute URI"))?;
                    asked.claims.push(claim);
                }
                // Others are of OAuth.
                _ => debug_assert!(false, "a parameter that WS-Trust does not have"),
            }
        }
        Ok(asked)
    }
}

fn unfit(directive: &str, what: &str) -> Failure {
    let reason = format!("a value of \"{directive}\" {what} for this request");
    Failure::new(FailureKind::BadToken, reason)
}
