//! JSON Web Keys (RFC 7517) for signing: RSA, elliptic curves and secrets (RFC 7518, section 6), Ed25519
//! (RFC 8037, section 2).

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey, EcPoint};
use openssl::error::ErrorStack;
use openssl::pkey::{Id, PKey, Private};
use openssl::rsa::RsaPrivateKeyBuilder;
use openssl::x509::X509;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::algorithm::{Algorithm, CURVES, Curve, MIN_RSA_BITS, OF_ED25519, OF_RSA, of_secret};
use super::error::KeyError;
use super::{Imported, Labels, Secrets, thumbprint};
use crate::json::Member;
use crate::secret::Secret;

/// Reads a private key, or a secret where that is taken.
pub(super) fn import(json: &[u8], secrets: Secrets) -> Result<Imported, KeyError> {
    let jwk: Jwk<'_> = serde_json::from_slice(json).map_err(|_| KeyError::NoKey)?;
    if jwk.keys.is_some() {
        return Err(KeyError::Set);
    }
    jwk.check_use()?;
    let (key, able) = match (text("kty", jwk.kty.as_ref())?, secrets) {
        ("RSA", _) => (jwk.rsa()?, OF_RSA),
        ("EC", _) => jwk.elliptic()?,
        ("OKP", _) => (jwk.edwards()?, OF_ED25519),
        ("oct", Secrets::Refused) => return Err(KeyError::Symmetric),
        ("oct", Secrets::Taken) => jwk.secret()?,
        _ => return Err(KeyError::Type),
    };
    let said = jwk.algorithm(able)?;
    let labels = jwk.labels(&key)?;
    Ok(Imported { key, able, said, labels })
}

/// The members of interest. `null` counts as absent.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct Jwk<'a> {
    kty: Option<Member<'a>>,
    #[serde(rename = "use")]
    usage: Option<Member<'a>>,
    key_ops: Option<Vec<Member<'a>>>,
    alg: Option<Member<'a>>,
    kid: Option<Member<'a>>,
    x5c: Option<Vec<Member<'a>>>,
    #[serde(rename = "x5t#S256")]
    x5t_s256: Option<Member<'a>>,
    crv: Option<Member<'a>>,
    x: Option<Member<'a>>,
    y: Option<Member<'a>>,
    n: Option<Member<'a>>,
    e: Option<Member<'a>>,
    d: Option<Member<'a>>,
    p: Option<Member<'a>>,
    q: Option<Member<'a>>,
    dp: Option<Member<'a>>,
    dq: Option<Member<'a>>,
    qi: Option<Member<'a>>,
    oth: Option<IgnoredAny>,
    k: Option<Member<'a>>,
    keys: Option<IgnoredAny>,
}

impl Jwk<'_> {
    /// RFC 7517, sections 4.2 and 4.3: what the owner of a key says that it is for.
    fn check_use(&self) -> Result<(), KeyError> {
        if self.usage.as_ref().is_some_and(|usage| usage.as_text() != Some("sig")) {
            return Err(KeyError::Use { member: "use" });
        }
        match &self.key_ops {
            Some(operations) if !operations.iter().any(|one| one.as_text() == Some("sign")) => {
                Err(KeyError::Use { member: "key_ops" })
            }
            _ => Ok(()),
        }
    }

    /// What it says that it is used with; nothing, where it does not say.
    fn algorithm(&self, allowed: &'static [Algorithm]) -> Result<Option<Algorithm>, KeyError> {
        let Some(name) = &self.alg else { return Ok(None) };
        let is_it = |algorithm: &&Algorithm| name.as_text() == Some(algorithm.name());
        let known = allowed.iter().find(is_it).copied();
        known.map(Some).ok_or(KeyError::Algorithm { allowed })
    }

    /// RFC 7518, section 6.4.
    fn secret(&self) -> Result<(PKey<Private>, &'static [Algorithm]), KeyError> {
        let secret = bytes("k", self.k.as_ref())?;
        let able = of_secret(secret.len());
        if able.is_empty() {
            return Err(KeyError::ShortSecret);
        }
        Ok((PKey::hmac(secret.expose()).map_err(refused)?, able))
    }

    /// RFC 7518, section 6.3.
    fn rsa(&self) -> Result<PKey<Private>, KeyError> {
        if self.oth.is_some() {
            return Err(KeyError::OtherPrimes);
        }
        let n = number("n", self.n.as_ref())?;
        if n.num_bits() < MIN_RSA_BITS.cast_signed() {
            return Err(KeyError::Short);
        }
        let e = number("e", self.e.as_ref())?;
        let d = private(number("d", self.d.as_ref()))?;
        let mut builder = RsaPrivateKeyBuilder::new(n, e, d).map_err(refused)?;
        // RFC 7518, section 6.3.2: with one of them, all of them.
        if [&self.p, &self.q, &self.dp, &self.dq, &self.qi].into_iter().any(Option::is_some) {
            let (p, q) = (number("p", self.p.as_ref())?, number("q", self.q.as_ref())?);
            let (dp, dq) = (number("dp", self.dp.as_ref())?, number("dq", self.dq.as_ref())?);
            let qi = number("qi", self.qi.as_ref())?;
            builder = builder.set_factors(p, q).map_err(refused)?;
            builder = builder.set_crt_params(dp, dq, qi).map_err(refused)?;
        }
        PKey::from_rsa(builder.build()).map_err(refused)
    }

    /// RFC 7518, section 6.2.
    fn elliptic(&self) -> Result<(PKey<Private>, &'static [Algorithm]), KeyError> {
        let name = text("crv", self.crv.as_ref())?;
        let curve = CURVES.iter().find(|curve| curve.name == name).ok_or(KeyError::Curve)?;
        let (x, y) = (number("x", self.x.as_ref())?, number("y", self.y.as_ref())?);
        let mut d = private(number("d", self.d.as_ref()))?;
        let key = elliptic_key(curve, &x, &y, &d);
        // The key has a copy; nothing else wipes this one.
        d.clear();
        Ok((key.map_err(|_| KeyError::Inconsistent)?, curve.algorithms))
    }

    /// RFC 8037, section 2.
    fn edwards(&self) -> Result<PKey<Private>, KeyError> {
        if text("crv", self.crv.as_ref())? != "Ed25519" {
            return Err(KeyError::Curve);
        }
        let x = bytes("x", self.x.as_ref())?;
        let d = private(bytes("d", self.d.as_ref()))?;
        let key = PKey::private_key_from_raw_bytes(d.expose(), Id::ED25519)
            .map_err(|_| KeyError::Member { member: "d" })?;
        let public = key.raw_public_key().map_err(refused)?;
        if public == x.expose() { Ok(key) } else { Err(KeyError::Inconsistent) }
    }

    fn labels(&self, key: &PKey<Private>) -> Result<Labels, KeyError> {
        let id = self.kid.as_ref().map(|kid| text("kid", Some(kid)).map(str::to_owned));
        let given = match &self.x5t_s256 {
            Some(member) => {
                let digest = bytes("x5t#S256", Some(member))?;
                if digest.len() != SHA_256_LEN {
                    return Err(KeyError::Member { member: "x5t#S256" });
                }
                Some(URL_SAFE_NO_PAD.encode(digest.expose()))
            }
            None => None,
        };
        let made = self.x5c.as_ref().map(|chain| of_chain(chain, key)).transpose()?;
        if given.as_ref().zip(made.as_ref()).is_some_and(|(given, made)| given != made) {
            return Err(KeyError::CertificateMismatch);
        }
        Ok(Labels { id: id.transpose()?, thumbprint: given.or(made) })
    }
}

fn elliptic_key(
    curve: &Curve,
    x: &BigNum,
    y: &BigNum,
    d: &BigNum,
) -> Result<PKey<Private>, ErrorStack> {
    let group = EcGroup::from_curve_name(curve.nid)?;
    let mut context = BigNumContext::new()?;
    let mut point = EcPoint::new(&group)?;
    // Fails for a point that is not on the curve.
    point.set_affine_coordinates_gfp(&group, x, y, &mut context)?;
    let key = EcKey::from_private_components(&group, d, &point)?;
    key.check_key()?;
    PKey::from_ec_key(key)
}

/// RFC 7517, section 4.7: the first certificate is the one of the key.
fn of_chain(chain: &[Member<'_>], key: &PKey<Private>) -> Result<String, KeyError> {
    let first = chain.first().and_then(Member::as_text).ok_or(KeyError::Certificate)?;
    let der = STANDARD.decode(first).map_err(|_| KeyError::Certificate)?;
    let certificate = X509::from_der(&der).map_err(|_| KeyError::Certificate)?;
    let public = certificate.public_key().map_err(|_| KeyError::Certificate)?;
    if public.public_eq(key) { Ok(thumbprint(&der)) } else { Err(KeyError::CertificateMismatch) }
}

fn text<'a>(member: &'static str, value: Option<&'a Member<'_>>) -> Result<&'a str, KeyError> {
    let value = value.ok_or(KeyError::Missing { member })?;
    value.as_text().filter(|text| !text.is_empty()).ok_or(KeyError::Member { member })
}

fn bytes(member: &'static str, value: Option<&Member<'_>>) -> Result<Secret, KeyError> {
    let decoded = URL_SAFE_NO_PAD.decode(text(member, value)?);
    decoded.map(Secret::new).map_err(|_| KeyError::Member { member })
}

/// RFC 7518, section 2: an unsigned integer, its most significant byte first.
fn number(member: &'static str, value: Option<&Member<'_>>) -> Result<BigNum, KeyError> {
    let bytes = bytes(member, value)?;
    let mut number = BigNum::new_secure().map_err(refused)?;
    number.copy_from_slice(bytes.expose()).map_err(refused)?;
    Ok(number)
}

/// A key without its private part is a public one.
fn private<T>(value: Result<T, KeyError>) -> Result<T, KeyError> {
    value.map_err(|error| match error {
        KeyError::Missing { .. } => KeyError::Public,
        error => error,
    })
}

fn refused(_: ErrorStack) -> KeyError {
    KeyError::Refused
}

const SHA_256_LEN: usize = 32;
