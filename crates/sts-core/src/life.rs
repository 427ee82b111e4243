//! How long an issued token may be used again.

pub use crate::expiry::Doubt;
use crate::expiry::Expiry;
use crate::issued::Issued;
use crate::jwt;
use crate::now::UnixTime;
use crate::wstrust::assertion_expiry;

/// What the operator says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LifePolicy {
    /// Seconds for which a token is used at most, whatever the STS says.
    pub cap: u64,
    /// Milliseconds taken off every expiry, since clocks differ and requests travel.
    pub leeway: u64,
}

/// The leeway takes at most this part of a life: a token of a minute is still worth keeping.
const LARGEST_LEEWAY: u64 = 10;

/// For how long a token is good, whatever the operator says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// Seconds from when the request for it was sent; `None` where nothing says anything.
    pub seconds: Option<u64>,
    /// Why there are none, where the operator should know it.
    pub doubt: Option<Doubt>,
    /// It is the source token that says so: what is asked for later lives no longer.
    pub ends_with_source: bool,
}

/// For how long a token is good, counted from `sent`, when the request for it was sent: the least of
/// what the STS said, the token's own expiry, that of the source token and that of the actor token.
///
/// HTTP's caching headers have no say: they are about the answer, not about the token.
pub fn good_for(issued: &Issued, source: Expiry, actor: Expiry, sent: UnixTime) -> Life {
    let token = issued.token.expose();
    // WS-Trust has looked into its assertions already.
    let assertion = match issued.expiry {
        Expiry::Unsaid => assertion_expiry(token),
        said => said,
    };
    let own = jwt::expiry(token).and(assertion);
    let of_source = source.and(actor).seconds_left(sent);
    let ends = [issued.expires_in, own.seconds_left(sent), of_source];
    let doubts = [
        issued.doubt,
        (own == Expiry::Unreadable).then_some(Doubt::Issued),
        (source == Expiry::Unreadable).then_some(Doubt::Source),
        (actor == Expiry::Unreadable).then_some(Doubt::Actor),
    ];
    let seconds = ends.into_iter().flatten().min();
    Life {
        seconds,
        doubt: doubts.into_iter().flatten().next(),
        ends_with_source: seconds.is_some() && of_source == seconds,
    }
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
    use crate::issued::{TokenType, Told};
    use crate::secret::Secret;
    use crate::source::claims;

    const SENT: UnixTime = UnixTime(1_000_000);
    const NO_LEEWAY: LifePolicy = LifePolicy { cap: 300, leeway: 0 };

    fn life(issued: &Issued, source: &[u8], sent: UnixTime, policy: &LifePolicy) -> u64 {
        policy.life(good_for(issued, claims(source).expiry(source), Expiry::Unsaid, sent).seconds)
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
            expiry: Expiry::Unsaid,
            doubt: None,
            issued_token_type: Told::Nothing,
            scope: Told::Nothing,
        }
    }

    #[test]
    fn the_operators_cap_holds_when_the_sts_says_no_less() {
        assert_eq!(life(&issued("t", None), b"s", SENT, &NO_LEEWAY), 300_000);
        assert_eq!(life(&issued("t", Some(3600)), b"s", SENT, &NO_LEEWAY), 300_000);
    }

    #[test]
    fn what_the_sts_says_holds_when_it_is_less() {
        assert_eq!(life(&issued("t", Some(60)), b"s", SENT, &NO_LEEWAY), 60_000);
        let until = Issued { expiry: Expiry::At(UnixTime(SENT.0 + 40)), ..issued("t", Some(60)) };
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
    fn what_ends_with_its_source_is_told() {
        let ends_with_source = |issued: &Issued, source: &[u8]| {
            good_for(issued, claims(source).expiry(source), Expiry::Unsaid, SENT).ends_with_source
        };
        for (told, own, source, is_so) in [
            (Some(60), b"t".to_vec(), b"s".to_vec(), false),
            (Some(60), b"t".to_vec(), jwt(61), false),
            (Some(60), b"t".to_vec(), jwt(60), true),
            (Some(60), b"t".to_vec(), jwt(20), true),
            (Some(60), jwt(20), jwt(30), false),
            (Some(60), jwt(40), jwt(30), true),
            (None, b"t".to_vec(), jwt(30), true),
            (None, b"t".to_vec(), b"s".to_vec(), false),
        ] {
            assert_eq!(ends_with_source(&issued(own, told), &source), is_so, "{told:?} {source:?}");
        }
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
    }

    #[test]
    fn an_expiry_that_cannot_be_read_is_no_long_life_and_is_told() {
        let assertion = "<Assertion xmlns='urn:oasis:names:tc:SAML:2.0:assertion'>\
                         <Conditions NotOnOrAfter='soon'/></Assertion>";
        let broken = assertion.replace("/></", "></");
        let jwt = format!("e30.{}.s", URL_SAFE_NO_PAD.encode(r#"{"exp":"soon"}"#));
        for token in [assertion, &broken, &URL_SAFE_NO_PAD.encode(assertion), &jwt] {
            let life = good_for(&issued(token, Some(60)), Expiry::Unsaid, Expiry::Unsaid, SENT);
            assert_eq!((life.seconds, life.doubt), (Some(0), Some(Doubt::Issued)), "{token}");
            let source = claims(token.as_bytes()).expiry(token.as_bytes());
            let life = good_for(&issued("t", Some(60)), source, Expiry::Unsaid, SENT);
            assert_eq!((life.seconds, life.doubt), (Some(0), Some(Doubt::Source)), "{token}");
            let life = good_for(&issued("t", Some(60)), Expiry::Unsaid, source, SENT);
            assert_eq!((life.seconds, life.doubt), (Some(0), Some(Doubt::Actor)), "{token}");
        }
        let unread = Issued { doubt: Some(Doubt::ExpiresIn), ..issued("t", Some(0)) };
        let life = good_for(&unread, Expiry::Unsaid, Expiry::Unsaid, SENT);
        assert_eq!((life.seconds, life.doubt), (Some(0), Some(Doubt::ExpiresIn)));
    }

    #[test]
    fn the_end_of_what_acts_for_the_source_holds_when_it_is_less() {
        let ends = |seconds| Expiry::At(UnixTime(SENT.0 + seconds));
        let seconds = |source, actor| good_for(&issued("t", Some(60)), source, actor, SENT).seconds;
        assert_eq!(seconds(ends(40), ends(30)), Some(30));
        assert_eq!(seconds(ends(20), ends(30)), Some(20));
        assert_eq!(seconds(Expiry::Unsaid, ends(90)), Some(60));
        assert_eq!(seconds(ends(40), Expiry::OneUse), Some(0));
    }

    #[test]
    fn what_is_for_one_use_has_no_life_and_that_is_no_doubt() {
        let saml_2 = "<a:Assertion xmlns:a='urn:oasis:names:tc:SAML:2.0:assertion'>\
                      <a:Conditions NotOnOrAfter='9999-12-31T23:59:59Z'><a:OneTimeUse/>\
                      </a:Conditions></a:Assertion>";
        let saml_1 = saml_2.replace(":2.0:", ":1.0:").replace("OneTimeUse", "DoNotCacheCondition");
        let typed =
            saml_2.replace("a:OneTimeUse", "a:Condition xsi:type='b:OneTimeUseType'").replace(
                "xmlns:a",
                "xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' \
                      xmlns:b='urn:oasis:names:tc:SAML:2.0:assertion' xmlns:a",
            );
        let encoded = base64::engine::general_purpose::STANDARD.encode(format!("\n{saml_2}"));
        for token in [saml_2, &saml_1, &typed, &encoded] {
            let once = |ends_with_source| Life { seconds: Some(0), doubt: None, ends_with_source };
            assert_eq!(
                good_for(&issued(token, Some(60)), Expiry::Unsaid, Expiry::Unsaid, SENT),
                once(false),
                "{token}"
            );
            let source = claims(token.as_bytes()).expiry(token.as_bytes());
            assert_eq!(
                good_for(&issued("t", Some(60)), source, Expiry::Unsaid, SENT),
                once(true),
                "{token}"
            );
        }
    }

    #[test]
    fn what_an_advice_says_is_about_another_assertion() {
        let inner = "<Assertion xmlns='urn:oasis:names:tc:SAML:2.0:assertion'><Subject>\
                     <SubjectConfirmation><SubjectConfirmationData \
                     NotOnOrAfter='1970-01-12T13:46:50Z'/></SubjectConfirmation></Subject>\
                     <Conditions NotOnOrAfter='1970-01-12T13:46:41Z'><OneTimeUse/></Conditions>\
                     </Assertion>";
        let outer = format!(
            "<Assertion xmlns='urn:oasis:names:tc:SAML:2.0:assertion'>\
             <Conditions NotOnOrAfter='1970-01-12T13:47:10Z'/><Advice>{inner}</Advice></Assertion>"
        );
        assert_eq!(life(&issued("t", Some(60)), outer.as_bytes(), SENT, &NO_LEEWAY), 30_000);
        assert_eq!(life(&issued(outer, Some(60)), b"s", SENT, &NO_LEEWAY), 30_000);
    }

    #[test]
    fn never_is_as_long_as_the_operator_allows() {
        for never in
            ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59.9999999Z", "10000-01-01T00:00:00Z"]
        {
            let token = format!(
                "<Assertion xmlns='urn:oasis:names:tc:SAML:2.0:assertion'>\
                 <Conditions NotOnOrAfter='{never}'/></Assertion>"
            );
            assert_eq!(life(&issued(&*token, None), b"s", SENT, &NO_LEEWAY), 300_000, "{never}");
        }
    }

    #[test]
    fn what_is_expired_has_no_life() {
        assert_eq!(life(&issued("t", Some(0)), b"s", SENT, &NO_LEEWAY), 0);
        let past = Issued { expiry: Expiry::At(UnixTime(5)), ..issued("t", None) };
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
