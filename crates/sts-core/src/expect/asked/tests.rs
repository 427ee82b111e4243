use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;

use super::*;
use crate::expiry::Expiry;
use crate::issued::TokenType;
use crate::profile::Parameter;
use crate::secret::Secret;

fn look(parameters: &[(&str, &str)], token: &str, told: Told, scope: Told) -> AsAsked {
    let parameters: Vec<_> = parameters
        .iter()
        .map(|(name, value)| Parameter { name, value: value.as_bytes() })
        .collect();
    let issued = Issued {
        token: Secret::new(token),
        token_type: TokenType::Bearer,
        expires_in: None,
        expiry: Expiry::Unsaid,
        doubt: None,
        issued_token_type: told,
        scope,
    };
    AsAsked::of(&issued, &Subject { source: b"s", parameters: &parameters })
}

fn jwt(claims: &str) -> String {
    format!("eyJhbGciOiJub25lIn0.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
}

fn text(text: &str) -> Told {
    Told::Text(text.into())
}

#[test]
fn a_token_is_of_the_type_that_was_asked_for() {
    let urn = |short: &str| format!("urn:ietf:params:oauth:token-type:{short}");
    for (asked, told, is_right) in [
        // Nothing is asked for: all but what is dangerous.
        ("", "access_token", true),
        ("", "jwt", true),
        ("", "saml2", true),
        ("", "id-jag", true),
        ("", "refresh_token", false),
        ("", "id_token", false),
        ("access_token", "access_token", true),
        ("access_token", "jwt", true),
        ("jwt", "access_token", true),
        ("access_token", "refresh_token", false),
        ("access_token", "id_token", false),
        ("access_token", "saml2", false),
        ("jwt", "id_token", false),
        ("id_token", "id_token", true),
        ("id_token", "access_token", false),
        ("refresh_token", "refresh_token", true),
        ("saml2", "saml2", true),
        ("saml2", "saml1", false),
        ("id-jag", "id-jag", true),
        ("id-jag", "access_token", false),
    ] {
        let names =
            |name: &str| match parameters::token_type("requested_token_type", name.as_bytes()) {
                Some(_) => vec![name.to_owned(), urn(name)],
                None => vec![urn(name)],
            };
        let asked = if asked.is_empty() { vec![String::new()] } else { names(asked) };
        for asked in asked {
            for told in names(told) {
                let parameters = [("requested_token_type", asked.as_str())];
                let parameters = if asked.is_empty() { &[][..] } else { &parameters };
                let found = look(parameters, "t", text(&told), Told::Nothing);
                assert_eq!(found.issued_token_type, is_right, "{asked:?} {told:?}");
            }
        }
    }
    for asked in [&[][..], &[("requested_token_type", "saml2")]] {
        assert!(look(asked, "t", Told::Nothing, Told::Nothing).issued_token_type);
        assert!(!look(asked, "t", Told::Unreadable, Told::Nothing).issued_token_type);
    }
    // An omitted parameter asks for nothing.
    let empty = look(&[("requested_token_type", "")], "t", text(&urn("id_token")), Told::Nothing);
    assert!(!empty.issued_token_type);
}

#[test]
fn a_token_says_that_it_is_for_each_audience_and_resource() {
    let one = [("audience", "orders")];
    let both = [("audience", "orders"), ("resource", "https://a/"), ("audience", "stock")];
    for (claims, has_one, has_both) in [
        (r#"{"aud":"orders"}"#, true, false),
        (r#"{"aud":["account","orders"]}"#, true, false),
        (r#"{"aud":["stock","https://a/","orders"]}"#, true, true),
        (r#"{"\u0061ud":"\u006frders"}"#, true, false),
        (r#"{"aud":"Orders"}"#, false, false),
        (r#"{"aud":"orders "}"#, false, false),
        (r#"{"aud":["other"]}"#, false, false),
        (r#"{"aud":[]}"#, false, false),
        (r#"{"aud":[["orders"]]}"#, false, false),
        (r#"{"aud":["orders",1]}"#, false, false),
        (r#"{"aud":null}"#, false, false),
        (r#"{"aud":{"orders":1}}"#, false, false),
        (r#"{"azp":"orders"}"#, false, false),
        (r#"{"aud":"orders","aud":"orders"}"#, false, false),
        (r#"{"aud":"orders"} x"#, false, false),
        (r#"{"aud":"orders""#, false, false),
        (r#"["aud","orders"]"#, false, false),
    ] {
        let found = |asked: &[_]| look(asked, &jwt(claims), Told::Nothing, Told::Nothing).audience;
        assert_eq!((found(&one), found(&both)), (has_one, has_both), "{claims}");
        assert!(found(&[("scope", "a")]), "nothing is asked");
    }
    let omitted = [("audience", ""), ("resource", "")];
    assert!(look(&omitted, "opaque", Told::Nothing, Told::Nothing).audience);
    for opaque in ["opaque", "a.b.c", "<a/>"] {
        assert!(!look(&one, opaque, Told::Nothing, Told::Nothing).audience, "{opaque}");
        assert!(look(&[], opaque, Told::Nothing, Told::Nothing).audience, "{opaque}");
    }
}

#[test]
fn a_token_has_all_of_the_scope() {
    let asked = [("scope", "read write")];
    let of = |token: &str, scope: Told| look(&asked, token, Told::Nothing, scope).scope;
    // By the answer.
    for (told, is_right) in [
        (Told::Nothing, true),
        (text("read write"), true),
        (text("write profile read"), true),
        (text("read"), false),
        (text(""), false),
        (text("readwrite"), false),
        (text("READ write"), false),
        (Told::Unreadable, false),
    ] {
        assert_eq!(of("opaque", told.clone()), is_right, "{told:?}");
        assert_eq!(of(&jwt("{}"), told.clone()), is_right, "{told:?}");
        assert!(look(&[], "opaque", Told::Nothing, told.clone()).scope, "{told:?}");
        assert!(look(&[("scope", " ")], "opaque", Told::Nothing, told).scope);
    }
    // By the token, whatever the answer says.
    for (claims, is_right) in [
        (r#"{"scope":"read write"}"#, true),
        (r#"{"scp":"write read x"}"#, true),
        (r#"{"scp":["read","write"]}"#, true),
        (r#"{"scope":"read"}"#, false),
        (r#"{"scp":["read"]}"#, false),
        (r#"{"scope":null}"#, false),
        (r#"{"scope":["read write",1]}"#, false),
        (r#"{"scope":"read write","scp":["write","read"]}"#, true),
        (r#"{"scope":"read write","scp":["read"]}"#, false),
        (r#"{"scp":"read write","scp":"read write"}"#, false),
        (r#"{"scope":"read write""#, false),
    ] {
        for told in [Told::Nothing, text("read write")] {
            assert_eq!(of(&jwt(claims), told), is_right, "{claims}");
        }
    }
}

#[test]
fn an_encrypted_token_says_nothing() {
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let token = format!("{}.{}.aXY.eA.dGFn", encode(r#"{"enc":"A256GCM"}"#), encode("a key"));
    let asked = [("audience", "orders"), ("scope", "read")];
    let found = look(&asked, &token, Told::Nothing, Told::Nothing);
    assert_eq!(found, AsAsked { issued_token_type: true, audience: false, scope: true });
}

proptest! {
    #[test]
    fn no_token_panics(claims: Vec<u8>, text: String, asked: String) {
        let parameters = [("audience", asked.as_str()), ("scope", asked.as_str())];
        for claims in [&claims[..], format!(r#"{{"aud":{text}}}"#).as_bytes()] {
            let token = format!("eyJhbGciOiJub25lIn0.{}.c2ln", URL_SAFE_NO_PAD.encode(claims));
            look(&parameters, &token, Told::Nothing, Told::Text(text.as_str().into()));
        }
    }
}
