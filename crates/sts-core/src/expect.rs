//! `STSExpect`: what of a token has to be as it was asked for.

mod asked;
mod name;

use std::{mem, str};

use thiserror::Error;

use crate::about::{self, About};
use crate::error::{Failure, FailureKind};
use crate::issued::Issued;
use crate::message::{Names, Subject};
use crate::oauth::grant::Source;
use crate::profile::{Profile, Protocol};
use crate::wstrust::{self, Writer};
pub use asked::AsAsked;
use name::is_name_of;

/// What is expected of a target token. It is no part of what is asked for, so it is looked at each time
/// that a token is used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expect {
    /// What has to be true of it.
    as_asked: AsAsked,
    subject: Option<Rule>,
}

/// What a look at a token has shown. It is kept with the token, for those that expect something else.
/// All that it was compared with is a part of the key, so it holds for all that ask for the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// What is as it was asked for.
    pub as_asked: AsAsked,
    /// Its subject was looked at, and is not the gateway. Not so where nothing expected that.
    pub names_another: bool,
}

/// What is known of a token, and whether it is what its first user expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// What is known.
    pub findings: Findings,
    /// Whether that is what is expected here.
    pub is_expected: bool,
}

/// Which subject a target token has to have.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    /// Any but the gateway: an STS may have its own names for users.
    NotTheGateway,
    /// That of the source token, by this claim where a token is a JWT.
    TheSource(String),
}

impl Expect {
    /// Nothing.
    pub const OFF: Self = Self { as_asked: NOTHING, subject: None };

    /// Reads the words of the directive.
    ///
    /// # Errors
    /// A word is unknown, comes twice, or stands beside `off`.
    pub fn parse(words: &[&str]) -> Result<Self, ExpectError> {
        if let Some(off) = words.iter().find(|word| **word == OFF) {
            return if words == [*off] { Ok(Self::OFF) } else { Err(ExpectError::Off) };
        }
        let mut expect = Self::OFF;
        for word in words {
            let (name, claim) = match word.split_once('=') {
                Some((name, claim)) => (name, Some(claim)),
                None => (*word, None),
            };
            let as_asked = &mut expect.as_asked;
            let is_repeated = match (name, claim) {
                (ISSUED_TOKEN_TYPE, None) => mem::replace(&mut as_asked.issued_token_type, true),
                (AUDIENCE, None) => mem::replace(&mut as_asked.audience, true),
                (SCOPE, None) => mem::replace(&mut as_asked.scope, true),
                (SUBJECT, None) => expect.subject.replace(Rule::NotTheGateway).is_some(),
                (SUBJECT, Some(claim)) if is_claim(claim) => {
                    expect.subject.replace(Rule::TheSource(claim.to_owned())).is_some()
                }
                (SUBJECT, Some(_)) => return Err(ExpectError::Claim),
                _ => return Err(ExpectError::Unknown),
            };
            if is_repeated {
                return Err(ExpectError::Repeated);
            }
        }
        Ok(expect)
    }

    /// What is expected where the operator says nothing: a token of the type that was asked for. And a
    /// gateway that asks for others is not to get a token of its own for them, which STSs give that do
    /// not look for which subject it asks.
    pub fn default_of(protocol: &Protocol) -> Self {
        let asks_for_others = match protocol {
            Protocol::WsTrust(exchange) => exchange.asks_for_others(),
            Protocol::OAuth(_) => false,
        };
        Self {
            as_asked: AsAsked { issued_token_type: true, ..NOTHING },
            subject: asks_for_others.then_some(Rule::NotTheGateway),
        }
    }

    /// Looks at a token that was just issued.
    pub fn look(
        &self,
        profile: &Profile,
        issued: &Issued,
        subject: &Subject<'_>,
        names: &Names<'_>,
    ) -> Look {
        let as_asked = AsAsked::of(issued, subject);
        let token = issued.token.expose();
        let is_right = self.check_subject(profile, token, subject, names).is_ok();
        let findings = Findings { as_asked, names_another: self.subject.is_some() && is_right };
        Look { findings, is_expected: is_right && self.judge(findings).is_ok() }
    }

    /// Judges a token by what is known of it.
    ///
    /// # Errors
    /// It is not what is expected ([`FailureKind::BadAnswer`]).
    pub fn judge(&self, findings: Findings) -> Result<(), Failure> {
        let is = findings.as_asked;
        let reason = if self.as_asked.issued_token_type && !is.issued_token_type {
            "the issued_token_type of the answer is not the requested_token_type, or it is that of a \
             refresh or ID token, which was not asked for (STSExpect)"
        } else if self.as_asked.audience && !is.audience {
            "the token does not say that it is for the audience or resource that was asked for \
             (STSExpect)"
        } else if self.as_asked.scope && !is.scope {
            "the token does not have the scope that was asked for (STSExpect)"
        } else {
            return Ok(());
        };
        Err(Failure::new(FailureKind::BadAnswer, reason))
    }

    /// Whether the subject of a token is still to be looked at: a token that many use is read once.
    pub fn needs_subject(&self, findings: Findings) -> bool {
        match self.subject {
            None => false,
            Some(Rule::NotTheGateway) => !findings.names_another,
            Some(Rule::TheSource(_)) => true,
        }
    }

    /// Whether the gateway has a name that a token could be compared with.
    ///
    /// # Errors
    /// It has none, and so nothing is refused.
    pub fn check_names(&self, profile: &Profile) -> Result<(), Nameless> {
        let is_nameless = profile.client_id.is_none() && profile.auth.id().is_none();
        let has_source = profile.protocol.has_source();
        if self.subject == Some(Rule::NotTheGateway) && is_nameless && has_source {
            return Err(Nameless);
        }
        Ok(())
    }

    /// Compares the subject of a target token with what it was asked for.
    ///
    /// # Errors
    /// It is not what is expected ([`FailureKind::BadAnswer`]).
    pub fn check_subject(
        &self,
        profile: &Profile,
        target: &[u8],
        subject: &Subject<'_>,
        names: &Names<'_>,
    ) -> Result<(), Failure> {
        let Some(rule) = self.subject.as_ref().filter(|_| profile.protocol.has_source()) else {
            return Ok(());
        };
        let claim = match rule {
            Rule::NotTheGateway => DEFAULT_CLAIM,
            Rule::TheSource(claim) => claim,
        };
        let bad = |reason| Err(Failure::new(FailureKind::BadAnswer, reason));
        let about = about::read(target, claim, Writer::Sts);
        let targets = match &about {
            About::Named(names) => names.as_slice(),
            About::Unclear => {
                return bad("the token does not name its subject clearly (STSExpect)");
            }
            About::Unsaid if *rule == Rule::NotTheGateway => return Ok(()),
            About::Unsaid => return bad("the token names no subject (STSExpect)"),
        };
        // An STS that names one user by several claims names itself by the first of them.
        let by_default = match rule {
            Rule::TheSource(claim) if claim != DEFAULT_CLAIM => {
                about::read(target, DEFAULT_CLAIM, Writer::Sts)
            }
            _ => About::Unsaid,
        };
        let defaults = match &by_default {
            About::Named(names) => names.as_slice(),
            About::Unclear | About::Unsaid => &[],
        };
        let gateway =
            [names.client_id, bytes(&profile.client_id), profile.auth.id().map(str::as_bytes)];
        let gateway = gateway.into_iter().flatten().filter_map(|name| str::from_utf8(name).ok());
        for name in gateway {
            if targets.iter().chain(defaults).any(|target| is_name_of(target, name)) {
                return bad(
                    "the token is about the gateway itself, and not about the subject that it was asked \
                     for (STSExpect)",
                );
            }
        }
        if *rule == Rule::NotTheGateway {
            return Ok(());
        }
        match about_source(profile, subject, names, claim) {
            About::Named(sources) if targets.iter().all(|target| sources.contains(target)) => {
                Ok(())
            }
            About::Named(_) => {
                bad("the token is about another subject than the source token (STSExpect)")
            }
            About::Unclear | About::Unsaid => bad("the source token names no subject (STSExpect)"),
        }
    }
}

/// The subject of a source: where it is a password, the user that it is of.
fn about_source(profile: &Profile, subject: &Subject<'_>, names: &Names<'_>, claim: &str) -> About {
    match &profile.protocol {
        Protocol::OAuth(grant) if grant.source == Source::Password => {
            let user = profile.username(names).and_then(|name| str::from_utf8(name).ok());
            user.map_or(About::Unsaid, About::one)
        }
        Protocol::WsTrust(exchange) if exchange.takes_credentials() => {
            wstrust::user_of_credentials(subject.source)
        }
        Protocol::OAuth(_) | Protocol::WsTrust(_) => {
            about::read(subject.source, claim, Writer::Client)
        }
    }
}

fn bytes(text: &Option<String>) -> Option<&[u8]> {
    text.as_deref().map(str::as_bytes)
}

fn is_claim(claim: &str) -> bool {
    !claim.is_empty() && !claim.chars().any(|c| c.is_control() || c.is_whitespace())
}

/// Why the words of the directive cannot be used.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ExpectError {
    /// No claim to compare.
    #[error("\"subject=\" needs the name of a claim, as in \"subject=sub\"")]
    Claim,
    /// Something beside `off`.
    #[error("\"off\" stands alone")]
    Off,
    /// A word that comes twice.
    #[error("a word is given twice")]
    Repeated,
    /// Another word.
    #[error(
        "the words that are allowed are \"issued_token_type\", \"audience\", \"scope\", \"subject\", \
         \"subject=claim\" and \"off\""
    )]
    Unknown,
}

/// A gateway that no token could name.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "the gateway has neither a \"client_id\" nor a \"username\" that the subject of a token could be, so \
     \"subject\" refuses nothing: write \"subject=sub\", or another claim, to compare it with that of \
     the source token"
)]
pub struct Nameless;

const NOTHING: AsAsked = AsAsked { issued_token_type: false, audience: false, scope: false };

const ISSUED_TOKEN_TYPE: &str = "issued_token_type";
const AUDIENCE: &str = "audience";
const SCOPE: &str = "scope";
const SUBJECT: &str = "subject";
const OFF: &str = "off";

/// The claim that is the subject of a JWT, where nothing else is said (RFC 7519, section 4.1.2).
const DEFAULT_CLAIM: &str = "sub";

#[cfg(test)]
mod tests;
