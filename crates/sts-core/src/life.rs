//! How long an issued token may be used again.

use crate::issued::Issued;
use crate::jwt;
use crate::now::UnixTime;
use crate::wstrust::assertion_expiry;

/// What the operator says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LifePolicy {
    /// Seconds that no entry outlives, whatever the STS says.
    pub cap: u64,
    /// Milliseconds taken off every expiry, since clocks differ and requests travel.
    pub leeway: u64,
}

/// The leeway takes at most this part of a life: a token of a minute is still worth keeping.
const LARGEST_LEEWAY: u64 = 10;

/// Seconds for which a token is good, counted from `sent`, when the request for it was sent: the least
/// of what the STS said, the token's own expiry and that of the source token; `None` where none says
/// anything.
///
/// HTTP's caching headers have no say: they are about the answer, not about the token.
pub fn good_for(issued: &Issued, source: Option<UnixTime>, sent: UnixTime) -> Option<u64> {
    let until = |expiry: UnixTime| expiry.0.saturating_sub(sent.0);
    let expiries = [
        issued.expires_in,
        // WS-Trust has looked into its assertions already.
        issued.expires_at.or_else(|| assertion_expiry(issued.token.expose())).map(until),
        jwt::expiry(issued.token.expose()).map(until),
        source.map(until),
    ];
    expiries.into_iter().flatten().min()
}

impl LifePolicy {
    /// Milliseconds for which a token may be used again that is [good for](good_for) so long, counted
    /// from when the request for it was sent; 0 means that only the request that asked for it may use
    /// it.
    pub fn life(&self, good_for: Option<u64>) -> u64 {
        let cap = self.cap.saturating_mul(1000);
        good_for.map_or(cap, |seconds| {
            let life = seconds.saturating_mul(1000);
            cap.min(life - self.leeway.min(life / LARGEST_LEEWAY))
        })
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;
    use crate::issued::TokenType;
    use crate::secret::Secret;
    use crate::source::claims;

    const SENT: UnixTime = UnixTime(1_000_000);
    const NO_LEEWAY: LifePolicy = LifePolicy { cap: 300, leeway: 0 };

    fn life(issued: &Issued, source: &[u8], sent: UnixTime, policy: &LifePolicy) -> u64 {
        policy.life(good_for(issued, claims(source).expiry(source), sent))
    }

    fn jwt(lives: u64) -> Vec<u8> {
        let claims = format!("{{\"exp\":{}}}", SENT.0 + lives);
        format!("e30.{}.s", URL_SAFE_NO_PAD.encode(claims)).into_bytes()
    }

    fn issued(token: impl Into<Vec<u8>>, expires_in: Option<u64>) -> Issued {
        Issued {
            token: Secret::new(token),
            token_type: TokenType::Bearer,
            expires_in,
            expires_at: None,
        }
    }

    #[test]
    fn the_operators_cap_holds_when_nobody_says_less() {
        assert_eq!(life(&issued("t", None), b"s", SENT, &NO_LEEWAY), 300_000);
        assert_eq!(life(&issued("t", Some(3600)), b"s", SENT, &NO_LEEWAY), 300_000);
    }

    #[test]
    fn what_the_sts_says_holds_when_it_is_less() {
        assert_eq!(life(&issued("t", Some(60)), b"s", SENT, &NO_LEEWAY), 60_000);
        let until = Issued { expires_at: Some(UnixTime(SENT.0 + 40)), ..issued("t", Some(60)) };
        assert_eq!(life(&until, b"s", SENT, &NO_LEEWAY), 40_000);
    }

    #[test]
    fn the_targets_own_expiry_holds_when_it_is_less() {
        assert_eq!(life(&issued(jwt(50), Some(60)), b"s", SENT, &NO_LEEWAY), 50_000);
    }

    #[test]
    fn the_sources_own_expiry_holds_when_it_is_less() {
        assert_eq!(life(&issued("t", Some(60)), &jwt(20), SENT, &NO_LEEWAY), 20_000);
    }

    #[test]
    fn an_assertion_has_an_expiry_too() {
        let assertion = |until: &str| {
            format!(
                "<Assertion xmlns='urn:oasis:names:tc:SAML:2.0:assertion'>\
                 <Conditions NotOnOrAfter='{until}'/></Assertion>"
            )
        };
        let source = assertion("1970-01-12T13:47:10Z");
        assert_eq!(life(&issued("t", Some(60)), source.as_bytes(), SENT, &NO_LEEWAY), 30_000);
        let encoded = URL_SAFE_NO_PAD.encode(&source);
        assert_eq!(life(&issued("t", Some(60)), encoded.as_bytes(), SENT, &NO_LEEWAY), 30_000);
        assert_eq!(life(&issued(encoded, Some(60)), b"s", SENT, &NO_LEEWAY), 30_000);
        assert_eq!(life(&issued("PAnother token", Some(60)), b"PA", SENT, &NO_LEEWAY), 60_000);
        let source = assertion("soon");
        assert_eq!(life(&issued("t", Some(60)), source.as_bytes(), SENT, &NO_LEEWAY), 0);
    }

    #[test]
    fn what_is_expired_has_no_life() {
        assert_eq!(life(&issued("t", Some(0)), b"s", SENT, &NO_LEEWAY), 0);
        let past = Issued { expires_at: Some(UnixTime(5)), ..issued("t", None) };
        assert_eq!(life(&past, b"s", SENT, &NO_LEEWAY), 0);
    }

    #[test]
    fn the_leeway_is_taken_off_and_is_at_most_a_tenth() {
        let policy = LifePolicy { cap: 3600, leeway: 15_000 };
        assert_eq!(life(&issued("t", Some(1000)), b"s", SENT, &policy), 985_000);
        assert_eq!(life(&issued("t", Some(60)), b"s", SENT, &policy), 54_000);
    }

    #[test]
    fn the_leeway_is_that_of_the_least_expiry() {
        let policy = LifePolicy { cap: 3600, leeway: 15_000 };
        assert_eq!(life(&issued(jwt(1000), Some(100)), b"s", SENT, &policy), 90_000);
        assert_eq!(life(&issued(jwt(200), Some(1000)), &jwt(300), SENT, &policy), 185_000);
    }

    #[test]
    fn the_cap_is_the_operators_and_has_no_leeway() {
        let policy = LifePolicy { cap: 60, leeway: 15_000 };
        assert_eq!(life(&issued("t", Some(1000)), b"s", SENT, &policy), 60_000);
        assert_eq!(life(&issued("t", None), b"s", SENT, &LifePolicy { cap: 0, ..policy }), 0);
    }
}
