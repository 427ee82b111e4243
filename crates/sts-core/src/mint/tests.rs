use std::io::ErrorKind;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::client_auth::Refresh;
use crate::now::{NoEntropy, UnixTime};

const NOW: u64 = 1_700_000_000;

fn now() -> Now {
    Now { wall: UnixTime(NOW), entropy: || Ok([7; 32]) }
}

fn secret() -> Secret {
    let k = URL_SAFE_NO_PAD.encode([1; 32]);
    Secret::new(json!({ "kty": "oct", "k": k, "kid": "a" }).to_string())
}

fn key() -> SigningKey {
    SigningKey::import_for_minting(&secret(), None).unwrap()
}

fn made(
    recipe: &Recipe<'_>,
    terms: &Terms,
    filter: Option<&dyn Filter>,
) -> Result<(Value, u64), Failure> {
    let minted = mint(&key(), terms, recipe, filter, &now())?;
    let token = str::from_utf8(minted.token.expose()).unwrap();
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    Ok((serde_json::from_slice(&payload).unwrap(), minted.good_for))
}

fn of_source(source: &str) -> Result<(Value, u64), Failure> {
    let recipe =
        Recipe { source: Some(source.as_bytes()), claims: &[], overrides: Overrides::default() };
    made(&recipe, &Terms::default(), None)
}

const JTI: &str = "BwcHBwcHBwcHBwcHBwcHBw";

#[test]
fn what_is_missing_is_added() {
    let (claims, good_for) = of_source(r#"{"sub":"alice","groups":["a"]}"#).unwrap();
    let expected = json!({
        "sub": "alice", "groups": ["a"], "iat": NOW, "exp": NOW + 60, "jti": JTI,
    });
    assert_eq!((claims, good_for), (expected, 60));
}

#[test]
fn what_is_there_stays_but_for_a_later_end() {
    let source = format!(r#"{{"iat":5,"nbf":6,"jti":"x","exp":{}}}"#, NOW + 10);
    let (claims, good_for) = of_source(&source).unwrap();
    assert_eq!(claims, json!({ "iat": 5, "nbf": 6, "jti": "x", "exp": NOW + 10 }));
    assert_eq!(good_for, 10);
    let (claims, good_for) = of_source(&format!(r#"{{"exp":{}}}"#, NOW + 3600)).unwrap();
    assert_eq!((&claims["exp"], good_for), (&json!(NOW + 60), 60));
    // A fraction is cut, so that what is kept is never kept too long.
    let (claims, good_for) = of_source(&format!(r#"{{"exp":{}.9}}"#, NOW + 10)).unwrap();
    assert_eq!((&claims["exp"], good_for), (&json!(NOW + 10), 10));
}

#[test]
fn what_cannot_be_used_is_refused_and_not_shown() {
    let deep = format!("{{\"secret\":{}1{}}}", "[".repeat(32), "]".repeat(32));
    let large = format!("{{\"secret\":\"{}\"}}", "x".repeat(MAX_BYTES));
    for source in [
        "",
        "secret",
        "[\"secret\"]",
        "\"secret\"",
        "null",
        "{\"secret\":1",
        "{\"secret\":1,\"secret\":1}",
        "{\"secret\":123456789012345678901234567890}",
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJzZWNyZXQifQ.",
        &deep,
        &large,
        "{\"exp\":\"1900000000\"}",
        "{\"exp\":1699999999}",
        "{\"exp\":1700000000}",
        "{\"exp\":-1}",
        "{\"exp\":null}",
        "{\"iat\":\"secret\"}",
        "{\"nbf\":[]}",
        "{\"nbf\":1800000000}",
        "{\"sub\":1}",
        "{\"iss\":{}}",
        "{\"jti\":7}",
        "{\"aud\":[\"a\",1]}",
        "{\"aud\":null}",
    ] {
        let failure = of_source(source).map(|_| ()).unwrap_err();
        assert_eq!(failure.kind, FailureKind::BadToken, "{source}");
        assert!(!failure.reason.contains("secret"), "{}", failure.reason);
        assert!(!failure.reason.contains("19000"), "{}", failure.reason);
    }
}

#[test]
fn claims_that_are_written_win_over_the_source_and_overrides_over_both() {
    let claim = |name, value: &'static str| Claim {
        name,
        claim_type: ClaimType::String,
        value: value.as_bytes(),
    };
    let recipe = Recipe {
        source: Some(br#"{"sub":"a","aud":"a","role":"a","iss":"a","client_id":"a"}"#),
        claims: &[claim("role", "b"), claim("sub", "b")],
        overrides: Overrides {
            issuer: Some(b"c"),
            subject: Some(b"c"),
            audience: vec![b"c", b"d"],
            client_id: Some(b"c"),
        },
    };
    let (claims, _) = made(&recipe, &Terms::default(), None).unwrap();
    let expected = json!({
        "sub": "c", "aud": ["c", "d"], "role": "b", "iss": "c", "client_id": "c",
        "iat": NOW, "exp": NOW + 60, "jti": JTI,
    });
    assert_eq!(claims, expected);
}

struct With<F>(F);

impl<F: Fn(&Claims) -> Result<Claims, String>> Filter for With<F> {
    fn run(&self, claims: &Claims) -> Result<Claims, String> {
        (self.0)(claims)
    }
}

#[test]
fn a_filter_comes_first_and_changes_no_override() {
    let filter = With(|claims: &Claims| {
        assert!(!claims.contains_key("iat") && !claims.contains_key("exp"));
        assert_eq!(claims["sub"], "alice");
        let all = json!({ "sub": "mallory", "iss": "mallory", "exp": u64::MAX, "kept": true });
        Ok(all.as_object().unwrap().clone())
    });
    let recipe = Recipe {
        source: Some(br#"{"sub":"alice"}"#),
        claims: &[],
        overrides: Overrides { issuer: Some(b"gateway"), ..Overrides::default() },
    };
    let (claims, good_for) = made(&recipe, &Terms::default(), Some(&filter)).unwrap();
    assert_eq!((&claims["iss"], &claims["sub"]), (&json!("gateway"), &json!("mallory")));
    assert_eq!((&claims["exp"], good_for), (&json!(NOW + 60), 60));
    let filter = With(|_: &Claims| Err("the filter gave no object".to_owned()));
    let failure = made(&recipe, &Terms::default(), Some(&filter)).map(|_| ()).unwrap_err();
    assert_eq!(failure.kind, FailureKind::BadAnswer);
    assert_eq!(failure.reason, "the filter gave no object");
}

#[test]
fn terms_decide_on_life_start_and_type() {
    let terms = Terms { lifetime: 600, not_before: true, kind: TokenKind::AccessToken };
    let recipe = Recipe { source: None, claims: &[], overrides: Overrides::default() };
    let (claims, good_for) = made(&recipe, &terms, None).unwrap();
    let expected = json!({ "iat": NOW, "nbf": NOW, "exp": NOW + 600, "jti": JTI });
    assert_eq!((claims, good_for), (expected, 600));
    let minted = mint(&key(), &terms, &recipe, None, &now()).unwrap();
    let header = minted.token.expose().split(|byte| *byte == b'.').next().unwrap();
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    assert_eq!(header, json!({ "alg": "HS256", "kid": "a", "typ": "at+jwt" }));
}

#[test]
fn without_random_bytes_there_is_no_token() {
    let recipe = Recipe { source: Some(b"{}"), claims: &[], overrides: Overrides::default() };
    let now = Now { entropy: || Err(NoEntropy), ..now() };
    let failure = mint(&key(), &Terms::default(), &recipe, None, &now).map(|_| ()).unwrap_err();
    assert_eq!(failure.kind, FailureKind::BadAnswer);
}

#[test]
fn a_key_in_a_file_is_used_as_it_is_now_and_known_by_its_name() {
    let key = MintingKey::of_file("a.jwk".into(), None);
    assert!(key.key().is_err());
    assert!(key.is_file_due(UnixTime(1)) && !key.is_file_due(UnixTime(1)));
    assert_eq!(key.refresh(Ok(secret())), Refresh::Changed);
    assert!(key.key().unwrap().public().is_none());
    assert!(matches!(key.refresh(Err(ErrorKind::NotFound)), Refresh::Failed(_)));
    assert!(key.key().is_ok() && key.problem().is_some());
    let same = MintingKey::of_file("a.jwk".into(), None);
    assert!(key == same);
    assert!(key != MintingKey::of_file("b.jwk".into(), None));
    assert!(key != MintingKey::of_file("a.jwk".into(), Some(crate::jose::Algorithm::Hs256)));
    assert!(key != MintingKey::fixed(&secret(), None).unwrap());
    assert!(!MintingKey::fixed(&secret(), None).unwrap().is_file_due(UnixTime(1)));
}

#[test]
fn a_key_that_may_be_missing_goes_with_its_file() {
    let key = MintingKey::of_optional_file("a".into(), None);
    assert_eq!(key.refresh(Err(ErrorKind::NotFound)), Refresh::Unchanged);
    assert!(key.problem().is_none() && key.key().is_err());
    for _ in 0..2 {
        assert_eq!(key.refresh(Ok(secret())), Refresh::Changed);
        assert!(key.key().is_ok());
        assert_eq!(key.refresh(Err(ErrorKind::NotFound)), Refresh::Unchanged);
        assert!(key.key().is_err());
    }
    assert!(matches!(key.refresh(Err(ErrorKind::PermissionDenied)), Refresh::Failed(_)));
    assert!(key != MintingKey::of_file("a".into(), None));
}

#[test]
fn all_that_the_configuration_says_changes_the_key() {
    use crate::cache_key::ExchangeKey;
    let (file, other) =
        (MintingKey::of_file("a".into(), None), MintingKey::of_file("b".into(), None));
    let terms = Terms::default();
    let base = || Identity {
        key: &file,
        terms: &terms,
        has_source: true,
        overrides: [false; 3],
        audiences: 0,
        claims: &[],
        filter: None,
    };
    let longer = Terms { lifetime: 61, ..terms.clone() };
    let not_before = Terms { not_before: true, ..terms.clone() };
    let access = Terms { kind: TokenKind::AccessToken, ..terms.clone() };
    let all = [
        base(),
        Identity { key: &other, ..base() },
        Identity { terms: &longer, ..base() },
        Identity { terms: &not_before, ..base() },
        Identity { terms: &access, ..base() },
        Identity { has_source: false, ..base() },
        Identity { overrides: [true, false, false], ..base() },
        Identity { overrides: [false, true, false], ..base() },
        Identity { overrides: [false, false, true], ..base() },
        Identity { audiences: 1, ..base() },
        Identity { claims: &[("a", ClaimType::String)], ..base() },
        Identity { claims: &[("b", ClaimType::String)], ..base() },
        Identity { claims: &[("a", ClaimType::Json)], ..base() },
        Identity { filter: Some("."), ..base() },
        Identity { filter: Some(""), ..base() },
    ];
    let mut keys: Vec<_> =
        all.iter().map(|one| *ExchangeKey::of_minting(one, &[0; 32]).digest()).collect();
    keys.push(*ExchangeKey::of_minting(&base(), &[1; 32]).digest());
    let count = keys.len();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), count);
}

proptest! {
    #[test]
    fn what_a_request_brings_never_becomes_another_claim(
        value: Vec<u8>, subject: String, source in "\\PC{0,40}",
    ) {
        let claims: Vec<_> = ClaimType::WORDS
            .iter()
            .map(|(name, claim_type)| Claim { name, claim_type: *claim_type, value: &value })
            .collect();
        let recipes = [
            Recipe { source: None, claims: &claims, overrides: Overrides::default() },
            Recipe {
                source: None,
                claims: claims.get(..1).unwrap(),
                overrides: Overrides { subject: Some(subject.as_bytes()), ..Overrides::default() },
            },
            Recipe { source: Some(source.as_bytes()), claims: &[], overrides: Overrides::default() },
        ];
        for recipe in recipes {
            let Ok((made, _)) = made(&recipe, &Terms::default(), None) else { continue };
            if recipe.source.is_some() { continue }
            let known = ["string", "number", "boolean", "list", "json", "sub", "iat", "exp", "jti"];
            for name in made.as_object().unwrap().keys() {
                prop_assert!(known.contains(&name.as_str()), "{}", name);
            }
        }
    }
}
