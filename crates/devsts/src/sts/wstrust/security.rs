//! `wsse:Security`: when the message was made, by which requestor, and for which subject.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use openssl::sha::Sha1;
use roxmltree::Node;

use super::envelope::Envelope;
use super::fault::Fault;
use super::names::{BASE64_BINARY, PASSWORD_DIGEST, PASSWORD_TEXT, WSSE, WSU};
use super::replay::Seen;
use super::time;
use super::xml::{at_most_one, children, is, one, text};
use crate::server::call::Call;

/// What was found there.
pub(super) struct Security<'a> {
    username: Option<UsernameToken>,
    /// All that is neither timestamp nor `UsernameToken` of the requestor.
    pub(super) tokens: Vec<Node<'a, 'a>>,
}

/// A name, and what shows that it is the requestor's.
pub(super) struct UsernameToken {
    pub(super) name: String,
    password: String,
    password_type: String,
    nonce: Vec<u8>,
    created: String,
}

/// A clock may be ahead by so much.
const SKEW: Duration = Duration::from_secs(60);

/// A message is good for no longer than this.
const LONGEST: Duration = Duration::from_secs(300);

impl<'a> Security<'a> {
    pub(super) fn read(
        envelope: &Envelope<'a>,
        now: SystemTime,
        seen: &Seen,
    ) -> Result<Self, Fault> {
        let invalid = |reason: String| Fault::wsse("InvalidSecurity", &reason);
        check_ids(envelope)?;
        let parts = children(envelope.security).map_err(invalid)?;
        let timestamp = one(&parts, WSU, "Timestamp").map_err(invalid)?;
        let made = check_timestamp(timestamp, now)?;
        let username = at_most_one(&parts, WSSE, "UsernameToken").map_err(invalid)?;
        let username = username.map(UsernameToken::read).transpose().map_err(invalid)?;
        if let Some(token) = &username {
            let created = time::parse(&token.created)
                .ok_or_else(|| invalid("Created is no time".to_owned()))?;
            // Username Token Profile 1.1, section 3.1: a nonce is worth as much as its age.
            if created != made {
                return Err(invalid("the UsernameToken is not of this message".to_owned()));
            }
            if !seen.is_new(&format!("nonce {}", STANDARD.encode(&token.nonce)), now) {
                return Err(Fault::replayed("the nonce has come before"));
            }
        }
        let tokens = parts
            .into_iter()
            .filter(|part| !is(*part, WSU, "Timestamp") && !is(*part, WSSE, "UsernameToken"));
        Ok(Self { username, tokens: tokens.collect() })
    }

    pub(super) fn has_text(&self, name: &str, password: &str) -> bool {
        self.username.as_ref().is_some_and(|token| token.has_text(name, password))
    }

    /// The name that is there, with its password.
    pub(super) fn user(&self) -> Option<&UsernameToken> {
        self.username.as_ref()
    }

    pub(super) fn has_digest(&self, name: &str, password: &str) -> bool {
        self.username.as_ref().is_some_and(|token| {
            token.name == name
                && token.password_type == PASSWORD_DIGEST
                && token.password == token.digest(password)
        })
    }
}

impl UsernameToken {
    pub(super) fn has_text(&self, name: &str, password: &str) -> bool {
        self.name == name && self.password_type == PASSWORD_TEXT && self.password == password
    }

    pub(super) fn read(node: Node<'_, '_>) -> Result<Self, String> {
        let parts = children(node)?;
        let password = one(&parts, WSSE, "Password")?;
        let nonce = one(&parts, WSSE, "Nonce")?;
        if nonce.attribute("EncodingType") != Some(BASE64_BINARY) {
            return Err("the nonce is in no encoding that is known".to_owned());
        }
        let bytes = STANDARD.decode(text(nonce)?).map_err(|_| "the nonce is not base64")?;
        if bytes.len() < 16 {
            return Err("the nonce is too short".to_owned());
        }
        let token = Self {
            name: text(one(&parts, WSSE, "Username")?)?,
            password_type: password.attribute("Type").unwrap_or_default().to_owned(),
            password: text(password)?,
            nonce: bytes,
            created: text(one(&parts, WSU, "Created")?)?,
        };
        if parts.len() == 4 { Ok(token) } else { Err("the UsernameToken holds more".to_owned()) }
    }

    /// Username Token Profile 1.1, section 3.1.
    fn digest(&self, password: &str) -> String {
        let mut hash = Sha1::new();
        hash.update(&self.nonce);
        hash.update(self.created.as_bytes());
        hash.update(password.as_bytes());
        STANDARD.encode(hash.finish())
    }
}

/// RFC 7617, with UTF-8.
pub(super) fn has_basic(call: &Call, name: &str, password: &str) -> bool {
    let expected = format!("Basic {}", STANDARD.encode(format!("{name}:{password}")));
    call.header("authorization") == Some(expected)
}

/// SOAP Message Security 1.1, section 4.2: an id names one element.
fn check_ids(envelope: &Envelope<'_>) -> Result<(), Fault> {
    let mut ids = HashSet::new();
    for node in envelope.security.document().descendants() {
        for id in node.attribute((WSU, "Id")).into_iter() {
            if !ids.insert(id) {
                return Err(Fault::wsse("InvalidSecurity", "two elements have the same wsu:Id"));
            }
        }
    }
    Ok(())
}

/// SOAP Message Security 1.1, section 10. Says when the message was made.
fn check_timestamp(timestamp: Node<'_, '_>, now: SystemTime) -> Result<SystemTime, Fault> {
    let invalid = |reason: String| Fault::wsse("InvalidSecurity", &reason);
    let parts = children(timestamp).map_err(invalid)?;
    let [created, expires] = parts[..] else {
        return Err(invalid("Timestamp has to have Created and Expires".to_owned()));
    };
    if !is(created, WSU, "Created") || !is(expires, WSU, "Expires") {
        return Err(invalid("Timestamp has to have Created and Expires".to_owned()));
    }
    let moment = |node| {
        let text = text(node).map_err(invalid)?;
        time::parse(&text).ok_or_else(|| invalid(format!("\"{text}\" is no time")))
    };
    let (created, expires) = (moment(created)?, moment(expires)?);
    if created > now + SKEW {
        return Err(Fault::wsse("MessageExpired", "the message is of the future"));
    }
    if expires <= now {
        return Err(Fault::wsse("MessageExpired", "the message is too old"));
    }
    match expires.duration_since(created) {
        Ok(life) if life <= LONGEST => Ok(created),
        _ => Err(invalid("the message is meant to be good for too long".to_owned())),
    }
}
