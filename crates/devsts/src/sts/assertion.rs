//! Client assertions: JWTs by which a client proves its identity (RFC 7521 section 4.2, RFC 7523
//! section 3), checked without leniency. Nothing here is shared with what makes them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::bn::BigNum;
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey};
use openssl::rsa::Padding;
use openssl::sign::{RsaPssSaltlen, Signer, Verifier};
use serde_json::{Map, Value};

use super::client::{Client, Key, Method};
use super::token_endpoint::Refusal;
use crate::server::call::Call;

pub(super) const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Seconds that clocks may differ.
const SKEW: u64 = 10;

/// Seconds that an assertion may live: RFC 7523 section 3 lets a server refuse an `exp` that is
/// unreasonably far away.
const MAX_LIFE: u64 = 600;

/// The assertions that were accepted and have not expired (RFC 7523 section 3, item 7).
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<HashMap<(String, String), u64>>);

/// What the assertions of clients have to be like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Expected {
    /// For the endpoint, of type `JWT` or of none, as before rfc7523bis.
    #[default]
    Endpoint,
    /// For this issuer alone, and of the type that rfc7523bis made for them.
    Issuer(String),
}

/// The `typ` that rfc7523bis has for the assertions of clients.
const TYPE: &str = "client-authentication+jwt";

/// A JWT, decoded and not yet verified.
pub(super) struct Jwt<'a> {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    signed: &'a str,
    signature: Vec<u8>,
}

/// The client that the assertion proves to be there.
pub(super) fn authenticate<'c>(
    call: &Call,
    assertion: &str,
    clients: &'c [Client],
    seen: &Seen,
    expected: &Expected,
) -> Result<&'c Client, Refusal> {
    let jwt = Jwt::parse(assertion).ok_or_else(|| invalid("it is no JWT"))?;
    let text = |name: &str| jwt.text(name).map_err(|problem| invalid(&problem));
    let subject = text("sub")?;
    if text("iss")? != subject {
        return Err(invalid("iss and sub differ"));
    }
    if call.parameter("client_id").is_some_and(|id| !id.is_empty() && id != subject) {
        return Err(invalid("client_id is not its subject"));
    }
    let client = clients.iter().find(|client| client.id == subject);
    let client = client.ok_or_else(|| invalid("unknown client"))?;
    jwt.check_kind(expected, &audience(call)).map_err(invalid)?;
    jwt.verify(client)?;
    let expiry = jwt.check_times(now(), Some(MAX_LIFE)).map_err(|problem| invalid(&problem))?;
    let id = text("jti")?.to_owned();
    seen.note(&client.id, id, expiry)?;
    Ok(client)
}

impl<'a> Jwt<'a> {
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        let object = |part: &str| serde_json::from_slice(&decode(part)?).ok();
        Some(Self {
            header: object(header)?,
            claims: object(claims)?,
            signed,
            signature: decode(signature)?,
        })
    }

    pub(super) fn text(&self, name: &str) -> Result<&str, String> {
        let text = self.claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        text.ok_or_else(|| format!("{name} is missing"))
    }

    fn time(&self, name: &str) -> Result<Option<u64>, String> {
        match self.claims.get(name) {
            None => Ok(None),
            Some(value) => value.as_u64().map(Some).ok_or_else(|| format!("{name} is no time")),
        }
    }

    pub(super) fn is_for(&self, audience: &str) -> bool {
        match self.claims.get("aud") {
            Some(Value::String(aud)) => aud == audience,
            Some(Value::Array(all)) => all.iter().any(|aud| aud == audience),
            _ => false,
        }
    }

    /// Whether it is for this server and for no other.
    pub(super) fn is_for_alone(&self, audience: &str) -> bool {
        let others = self.claims.get("aud").and_then(Value::as_array).map_or(0, Vec::len);
        self.is_for(audience) && others < 2
    }

    /// Which kind of token it says to be.
    pub(super) fn kind(&self) -> Option<&str> {
        self.header.get("typ").and_then(Value::as_str)
    }

    /// Which kind of assertion it is, and for which server.
    fn check_kind(&self, expected: &Expected, endpoint: &str) -> Result<(), &'static str> {
        let kind = self.kind();
        match expected {
            Expected::Endpoint if kind.is_some_and(|kind| !kind.eq_ignore_ascii_case("JWT")) => {
                Err("its typ is not JWT")
            }
            Expected::Endpoint if !self.is_for(endpoint) => Err("aud is not this endpoint"),
            Expected::Issuer(_) if kind != Some(TYPE) => Err("its typ is not that of rfc7523bis"),
            // One string, and no list of one.
            Expected::Issuer(issuer) if self.claims.get("aud") != Some(&Value::from(&**issuer)) => {
                Err("aud is not this issuer")
            }
            Expected::Endpoint | Expected::Issuer(_) => Ok(()),
        }
    }

    /// `longest` is in seconds.
    pub(super) fn check_times(&self, now: u64, longest: Option<u64>) -> Result<u64, String> {
        let expiry = self.time("exp")?.ok_or("exp is missing")?;
        if expiry <= now {
            return Err("it has expired".to_owned());
        }
        if longest.is_some_and(|longest| expiry > now + longest) {
            return Err("exp is too far away".to_owned());
        }
        let future =
            |name: &str| Ok::<_, String>(self.time(name)?.is_some_and(|time| time > now + SKEW));
        if future("iat")? || future("nbf")? {
            return Err("it is not valid yet".to_owned());
        }
        Ok(expiry)
    }

    /// Verifies that the key which is known for the client has signed it.
    pub(super) fn verify_signature(&self, client: &Client) -> Result<(), Refusal> {
        let algorithm = self.header.get("alg").and_then(Value::as_str).unwrap_or_default();
        let key = client.key.as_ref().ok_or_else(|| invalid("the client has no key"))?;
        let good = self.is_signed_by(key, algorithm).unwrap_or(false);
        if good { Ok(()) } else { Err(invalid("its signature is wrong")) }
    }

    fn verify(&self, client: &Client) -> Result<(), Refusal> {
        let header = |name: &str| self.header.get(name).and_then(Value::as_str);
        let algorithm = header("alg").unwrap_or_default();
        let good = match (algorithm, &client.key) {
            ("HS256", _) if client.allows(Method::ClientSecretJwt) => {
                self.is_mac_of(&client.secret)
            }
            (algorithm, Some(key)) if client.allows(Method::PrivateKeyJwt) => {
                if key.id.is_some() && key.id.as_deref() != header("kid") {
                    return Err(invalid("kid is not that of the client's key"));
                }
                if key.thumbprint.is_some() && key.thumbprint.as_deref() != header("x5t#S256") {
                    return Err(invalid("x5t#S256 is not that of the client's certificate"));
                }
                self.is_signed_by(key, algorithm)
            }
            _ => return Err(invalid("the client may not sign like this")),
        };
        if good.unwrap_or(false) { Ok(()) } else { Err(invalid("its signature is wrong")) }
    }

    fn is_mac_of(&self, secret: &str) -> Result<bool, ErrorStack> {
        let key = PKey::hmac(secret.as_bytes())?;
        let mut signer = Signer::new(MessageDigest::sha256(), &key)?;
        let mac = signer.sign_oneshot_to_vec(self.signed.as_bytes())?;
        Ok(mac.len() == self.signature.len() && openssl::memcmp::eq(&mac, &self.signature))
    }

    /// RFC 7518 section 3.1 and RFC 8037 section 3.1.
    pub(super) fn is_signed_by(&self, key: &Key, algorithm: &str) -> Result<bool, ErrorStack> {
        let key = &key.public;
        let (kind, digest) = algorithm.split_at_checked(2).unwrap_or_default();
        let digest = match digest {
            "256" => MessageDigest::sha256(),
            "384" => MessageDigest::sha384(),
            "512" => MessageDigest::sha512(),
            _ if algorithm == "EdDSA" && key.id() == Id::ED25519 => {
                let mut verifier = Verifier::new_without_digest(key)?;
                return verifier.verify_oneshot(&self.signature, self.signed.as_bytes());
            }
            _ => return Ok(false),
        };
        match (kind, key.id()) {
            ("RS" | "PS", Id::RSA) | ("PS", Id::RSA_PSS) => {
                let mut verifier = Verifier::new(digest, key)?;
                if kind == "PS" {
                    verifier.set_rsa_padding(Padding::PKCS1_PSS)?;
                    verifier.set_rsa_mgf1_md(digest)?;
                    verifier.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH)?;
                }
                verifier.verify_oneshot(&self.signature, self.signed.as_bytes())
            }
            ("ES", Id::EC) => {
                let (curve, length) = match algorithm {
                    "ES256" => (Nid::X9_62_PRIME256V1, 32),
                    "ES384" => (Nid::SECP384R1, 48),
                    _ => (Nid::SECP521R1, 66),
                };
                if key.ec_key()?.group().curve_name() != Some(curve) {
                    return Ok(false);
                }
                let Some((r, s)) = self.signature.split_at_checked(length) else {
                    return Ok(false);
                };
                if s.len() != length {
                    return Ok(false);
                }
                let signature = EcdsaSig::from_private_components(
                    BigNum::from_slice(r)?,
                    BigNum::from_slice(s)?,
                )?;
                let mut verifier = Verifier::new(digest, key)?;
                verifier.verify_oneshot(&signature.to_der()?, self.signed.as_bytes())
            }
            _ => Ok(false),
        }
    }
}

impl Seen {
    /// Refuses an assertion that was there before.
    fn note(&self, client: &str, id: String, expiry: u64) -> Result<(), Refusal> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = now();
        seen.retain(|_, expiry| *expiry > now);
        match seen.insert((client.to_owned(), id), expiry) {
            None => Ok(()),
            Some(_) => Err(invalid("its jti was used before")),
        }
    }
}

/// What an assertion for this endpoint names: its URL, as the client has it.
pub(super) fn audience(call: &Call) -> String {
    let scheme = if call.tls.is_some() { "https" } else { "http" };
    format!("{scheme}://{}{}", call.header("host").unwrap_or_default(), call.path())
}

pub(super) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) fn invalid(problem: &str) -> Refusal {
    Refusal::invalid_client(&format!("the client assertion is refused: {problem}"))
}

pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}
