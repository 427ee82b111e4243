use std::sync::atomic::{AtomicU8, Ordering};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use openssl::pkey::PKey;
use serde_json::{Value, json};

use super::proof::Proof;
use super::*;
use crate::endpoint::Endpoint;
use crate::error::{Failure, FailureKind};
use crate::form::Form;
use crate::jose::KeyError;
use crate::known::Known;
use crate::now::{Entropy, NoEntropy, Now};
use crate::options::OptionError;

const NOW: Now = Now { wall: UnixTime(1_700_000_000), entropy: || Ok([7; 32]) };

fn parse(method: &str, options: &str) -> ClientAuth {
    ClientAuth::parse(method, Some(options)).unwrap_or_else(|e| panic!("{method} {options}: {e}"))
}

/// Header and body of a request that has nothing but the client authentication.
fn sent(auth: &ClientAuth) -> Result<(HeaderMap, String), Failure> {
    let endpoint = Endpoint::parse("https://as.example.com/token").unwrap();
    let proof = auth.prove(&endpoint, None, &NOW)?;
    let (mut headers, mut form) = (HeaderMap::new(), Form::with_capacity(0));
    proof.apply(&mut headers, &mut form);
    Ok((headers, String::from_utf8(form.encode().expose().to_vec()).unwrap()))
}

fn authorization(method: &str, options: &str) -> String {
    let (headers, body) = sent(&parse(method, options)).unwrap();
    assert!(body.is_empty(), "RFC 6749, section 2.3: one method a request");
    let value = headers.get(AUTHORIZATION).unwrap();
    assert!(value.is_sensitive());
    value.to_str().unwrap().to_owned()
}

fn error(method: &str, options: Option<&str>) -> ClientAuthError {
    ClientAuth::parse(method, options).err().unwrap_or_else(|| panic!("{method} {options:?}"))
}

#[test]
fn rfc_6749_section_2_3_1() {
    assert_eq!(
        authorization(
            "client_secret_basic",
            "client_id=s6BhdRkqt3&client_secret=7Fjfp0ZBr1KtDRbnfVdmIw"
        ),
        "Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3"
    );
}

#[test]
fn rfc_7617_section_2() {
    assert_eq!(
        authorization("basic", "username=Aladdin&password=open%20sesame"),
        "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
    );
    // Section 2.1: the pound sign in UTF-8.
    assert_eq!(
        authorization("basic", "username=test&password=123%C2%A3"),
        "Basic dGVzdDoxMjPCow=="
    );
}

#[test]
fn only_client_secret_basic_form_encodes_first() {
    // "a:b" and " %&+£€" of RFC 6749, appendix B.
    let value = "+%25%26%2B%C2%A3%E2%82%AC";
    let decoded = |header: String| {
        use base64::Engine;
        let encoded = header.strip_prefix("Basic ").unwrap().to_owned();
        base64::engine::general_purpose::STANDARD.decode(encoded).unwrap()
    };
    let options = format!("client_id=a%3Ab&client_secret={value}");
    assert_eq!(
        decoded(authorization("client_secret_basic", &options)),
        format!("a%3Ab:{value}").into_bytes()
    );
    let options = format!("username=a&password={value}");
    assert_eq!(decoded(authorization("basic", &options)), "a: %&+£€".as_bytes());
}

/// RFC 8037, appendix A.1.
const JWK: &str = r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

#[test]
fn what_each_method_says_of_itself() {
    let jwk = format!("client_id=a&jwk={JWK}");
    // Method, options, id, worth stealing, sends client_id, leaves it to the body, the body alone.
    for (method, options, id, stealing, sends, leaves, alone) in [
        ("none", "", None, false, false, true, true),
        ("basic", "username=a&password=", Some("a"), true, false, false, true),
        ("client_secret_basic", "client_id=a&client_secret=b", Some("a"), true, false, false, true),
        ("client_secret_post", "client_id=a&client_secret=b", Some("a"), true, true, false, false),
        ("client_secret_jwt", "client_id=a&client_secret=b", Some("a"), true, true, false, false),
        ("private_key_jwt", &jwk, Some("a"), true, true, false, false),
        ("private_key_jwt", "client_assertion_file=f", None, true, false, true, false),
        (
            "private_key_jwt",
            "client_assertion_file=f&client_id=a",
            Some("a"),
            true,
            true,
            false,
            false,
        ),
        ("client_cert", "cert=c&key=k", None, false, false, true, true),
    ] {
        let auth = parse(method, options);
        assert_eq!(auth.method().name(), method);
        assert_eq!(auth.id(), id, "{method}");
        assert_eq!(auth.sends_credentials(), stealing, "{method}");
        assert_eq!(auth.sends_client_id(), sends, "{method}");
        assert_eq!(auth.leaves_client_id_to_body(), leaves, "{method}");
        assert_eq!(auth.method().needs_form(), !alone, "{method}");
        assert_eq!(auth.key_pair().is_some(), method == "client_cert");
        let in_files = options.contains("_file") || method == "client_cert";
        assert_eq!(auth.files().next().is_some(), in_files, "{method}");
    }
    assert!(parse("none", "") == ClientAuth::none());
    assert!(ClientAuth::parse("none", None).unwrap() == ClientAuth::none());
}

/// A new key and a certificate for it.
fn certificate(name: &str) -> (String, String) {
    use openssl::asn1::Asn1Time;
    use openssl::hash::MessageDigest;
    use openssl::x509::{X509, X509NameBuilder};

    let group = openssl::ec::EcGroup::from_curve_name(openssl::nid::Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(openssl::ec::EcKey::generate(&group).unwrap());
    let key = key.unwrap();
    let mut subject = X509NameBuilder::new().unwrap();
    subject.append_entry_by_text("CN", name).unwrap();
    let subject = subject.build();
    let mut builder = X509::builder().unwrap();
    builder.set_subject_name(&subject).unwrap();
    builder.set_issuer_name(&subject).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    let pem = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (pem(builder.build().to_pem().unwrap()), pem(key.private_key_to_pem_pkcs8().unwrap()))
}

#[test]
fn a_certificate_is_left_to_the_transport() {
    let auth = parse("client_cert", "cert=/etc/ssl/a%26b.pem&key=key.pem");
    let files: Vec<_> = auth.files().collect();
    assert_eq!(files, [Path::new("/etc/ssl/a&b.pem"), Path::new("key.pem")]);
    let (headers, body) = sent(&auth).unwrap();
    assert!(headers.is_empty() && body.is_empty());
    let failure = auth.key_pair().unwrap().err().unwrap();
    assert_eq!(failure.kind, FailureKind::BadAnswer, "nothing read yet");
    assert_eq!(parse("client_cert", "cert=one.pem&key=one.pem").files().count(), 1);
}

#[test]
fn a_certificate_is_found_beside_its_key_in_any_order() {
    let (own, key) = certificate("own");
    let (authority, _) = certificate("authority");
    for content in [format!("{own}{authority}{key}"), format!("{key}{authority}{own}")] {
        let auth = parse("client_cert", "cert=c&key=k");
        assert_eq!(auth.refresh(read(&content)), Refresh::Changed);
        let pair = auth.key_pair().unwrap().unwrap();
        assert_eq!(pair.certificate.to_pem().unwrap(), own.as_bytes());
        let chain: Vec<_> = pair.chain.iter().map(|one| one.to_pem().unwrap()).collect();
        assert_eq!(chain, [authority.as_bytes()]);
    }
}

#[test]
fn a_certificate_that_does_not_fit_its_key_leaves_the_old_one_in_use() {
    let (certificate, key) = (certificate("old"), certificate("new"));
    let auth = parse("client_cert", "cert=c&key=k");
    assert_eq!(auth.refresh(read(&[&*certificate.0, &*certificate.1].concat())), Refresh::Changed);
    for (content, error) in [
        // Half of a rotation.
        ([&*certificate.0, &*key.1].concat(), KeyError::CertificateMismatch),
        (key.1.clone(), KeyError::CertificatePem),
        (certificate.0.clone(), KeyError::Public),
        ("nothing".to_owned(), KeyError::NoKey),
    ] {
        let failed = Refresh::Failed(CredentialError::Key(error));
        assert_eq!(auth.refresh(read(&content)), failed, "{content}");
        let pair = auth.key_pair().unwrap().unwrap();
        assert_eq!(pair.certificate.to_pem().unwrap(), certificate.0.as_bytes());
    }
}

#[test]
fn options_of_the_method_are_needed_and_no_others() {
    use ClientAuthError::{Exclusive, Missing};
    use OptionError as E;
    for method in Method::ALL {
        let options = Some("nonsense=1");
        let missing = error(method.name(), options);
        match method {
            Method::None => assert_eq!(
                missing,
                E::Unknown { key: "nonsense".to_owned(), allowed: vec![] }.into()
            ),
            method => {
                let key = method.options()[0];
                assert_eq!(missing, Missing { key, method });
                let shown = missing.to_string();
                assert!(shown.contains(method.name()) && shown.contains(key), "{shown}");
            }
        }
    }
    let missing = |key, method| Missing { key, method };
    let unknown = |key: &str, method: Method| -> ClientAuthError {
        E::Unknown { key: key.to_owned(), allowed: method.options().to_vec() }.into()
    };
    let exclusive = |first, second| Exclusive { first, second };
    use Method::{
        Basic, ClientCert, ClientSecretBasic, ClientSecretJwt, ClientSecretPost, PrivateKeyJwt,
    };
    for (method, options, expected) in [
        (Basic, "username=a", missing("password", Basic)),
        (Basic, "username=&password=b", E::Empty { key: "username" }.into()),
        (Basic, "username=a%00&password=b", E::NotText { key: "username" }.into()),
        (Basic, "username=a&password=b&password_file=c", exclusive("password", "password_file")),
        (Basic, "username=a&password_file=", E::Empty { key: "password_file" }.into()),
        (Basic, "client_id=a&client_secret=b", missing("username", Basic)),
        (ClientSecretBasic, "client_secret=b", missing("client_id", ClientSecretBasic)),
        (ClientSecretBasic, "client_id=&client_secret=b", E::Empty { key: "client_id" }.into()),
        (
            ClientSecretBasic,
            "client_id=a&client_secret=b&username=c",
            unknown("username", ClientSecretBasic),
        ),
        (ClientSecretPost, "client_id=a", missing("client_secret", ClientSecretPost)),
        (ClientSecretPost, "client_id=a&client_secret=", E::Empty { key: "client_secret" }.into()),
        (ClientSecretPost, "client_id=a&client_secret=b&aud=c", unknown("aud", ClientSecretPost)),
        (
            ClientSecretPost,
            "client_id=a&client_secret=b&client_secret_file=c",
            exclusive("client_secret", "client_secret_file"),
        ),
        (ClientSecretJwt, "client_id=a&aud=b", missing("client_secret", ClientSecretJwt)),
        (ClientSecretJwt, "client_id=a&client_secret=b&aud=", E::Empty { key: "aud" }.into()),
        (ClientSecretJwt, "client_id=a&client_secret=b&typ=", E::Empty { key: "typ" }.into()),
        (ClientSecretJwt, "client_id=a&client_secret=b&typ=%22", ClientAuthError::AssertionType),
        (ClientSecretJwt, "client_id=a&client_secret=b&typ=a/b/c", ClientAuthError::AssertionType),
        (ClientSecretPost, "client_id=a&client_secret=b&typ=c", unknown("typ", ClientSecretPost)),
        (PrivateKeyJwt, "client_id=a", missing("jwk", PrivateKeyJwt)),
        (PrivateKeyJwt, "jwk_file=a", missing("client_id", PrivateKeyJwt)),
        (PrivateKeyJwt, "client_id=a&jwk=b&jwk_file=c", exclusive("jwk", "jwk_file")),
        (
            PrivateKeyJwt,
            "client_assertion_file=a&jwk_file=b",
            exclusive("client_assertion_file", "jwk_file"),
        ),
        (PrivateKeyJwt, "client_assertion_file=a&aud=b", exclusive("client_assertion_file", "aud")),
        (PrivateKeyJwt, "client_assertion_file=a&typ=b", exclusive("client_assertion_file", "typ")),
        (
            PrivateKeyJwt,
            "client_id=a&jwk_file=b&client_assertion_type=c",
            missing("client_assertion_file", PrivateKeyJwt),
        ),
        (
            PrivateKeyJwt,
            "client_id=a&jwk_file=b&client_secret=c",
            unknown("client_secret", PrivateKeyJwt),
        ),
        (ClientCert, "cert=a", missing("key", ClientCert)),
        (ClientCert, "key=a", missing("cert", ClientCert)),
        (ClientCert, "cert=a&key=b&client_id=c", unknown("client_id", ClientCert)),
    ] {
        assert_eq!(error(method.name(), Some(options)), expected, "{options}");
    }
    assert_eq!(error("none", Some("junk")), E::NoValue { position: 1 }.into());
    assert_eq!(error("basic", None), missing("username", Basic));
}

#[test]
fn basic_refuses_what_http_cannot_carry() {
    assert_eq!(error("basic", Some("username=a%3Ab&password=c")), ClientAuthError::Colon);
    assert_eq!(error("basic", Some("username=a%3Ab&password_file=c")), ClientAuthError::Colon);
    for password in ["a%0A", "%00", "%7F"] {
        let options = format!("username=a&password={password}");
        let error = error("basic", Some(&options));
        let expected = CredentialError::ControlCharacter;
        assert_eq!(error, ClientAuthError::Credential { key: "password", error: expected });
    }
    assert_eq!(authorization("basic", "username=a&password=b:c"), "Basic YTpiOmM=");
}

/// Header and claims of the assertion in a body.
fn assertion_in(body: &str) -> (Value, Value) {
    let assertion = body.split("&client_assertion=").nth(1).unwrap();
    let parts: Vec<_> = assertion.split('.').collect();
    assert_eq!(parts.len(), 3);
    let part = |index: usize| {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[index]).unwrap()).unwrap()
    };
    (part(0), part(1))
}

#[test]
fn an_assertion_is_for_the_endpoint_or_whom_the_operator_names() {
    const ENDPOINT: &str = "https://as.example.com/token";
    const OF_ITS_OWN: &str = "client-authentication+jwt";
    for (options, audience, kind) in [
        ("", ENDPOINT, "JWT"),
        ("&aud=https://as.example.com/", "https://as.example.com/", OF_ITS_OWN),
        ("&aud=a%22b", "a\"b", OF_ITS_OWN),
        ("&aud=https://as.example.com/&typ=JWT", "https://as.example.com/", "JWT"),
        ("&typ=client-authentication%2Bjwt", ENDPOINT, OF_ITS_OWN),
        ("&typ=client-authentication+jwt", ENDPOINT, OF_ITS_OWN),
        ("&typ=application/x.y%2Bjwt", ENDPOINT, "application/x.y+jwt"),
    ] {
        for (method, algorithm, credential) in [
            ("client_secret_jwt", "HS256", "client_secret=2Federate"),
            ("private_key_jwt", "EdDSA", &format!("jwk={JWK}")),
        ] {
            let (headers, body) =
                sent(&parse(method, &format!("client_id=a%20b&{credential}{options}"))).unwrap();
            assert!(headers.is_empty());
            let type_of = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
            let start =
                format!("client_id=a+b&client_assertion_type={type_of}&client_assertion=ey");
            assert!(body.starts_with(&start), "{body}");
            let (header, claims) = assertion_in(&body);
            assert_eq!(header, json!({ "alg": algorithm, "typ": kind }));
            let expected = json!({
                "iss": "a b", "sub": "a b", "aud": audience, "iat": 1_700_000_000,
                "exp": 1_700_000_060, "jti": URL_SAFE_NO_PAD.encode([7; 32]),
            });
            assert_eq!(claims, expected, "{method}");
        }
    }
}

#[test]
fn only_an_assertion_as_of_old_that_nothing_asks_for_is_remarked() {
    for (method, options, expected) in [
        ("client_secret_jwt", "client_id=a&client_secret=b", true),
        ("client_secret_jwt", "client_id=a&client_secret=b&aud=c", false),
        ("client_secret_jwt", "client_id=a&client_secret=b&typ=JWT", false),
        ("private_key_jwt", "client_id=a&jwk_file=b", true),
        ("private_key_jwt", "client_assertion_file=b", false),
        ("client_secret_post", "client_id=a&client_secret=b", false),
    ] {
        assert_eq!(parse(method, options).signs_as_of_old(), expected, "{options}");
    }
}

#[test]
fn an_assertion_names_the_endpoint_without_the_dot_that_is_for_the_look_up() {
    let endpoint = Endpoint::parse("https://sts.ns.svc.:8443/token").unwrap();
    let auth = parse("client_secret_jwt", "client_id=a&client_secret=b");
    let Ok(Proof::Assertion { assertion, .. }) = auth.prove(&endpoint, None, &NOW) else {
        panic!()
    };
    let body = format!("&client_assertion={}", String::from_utf8_lossy(assertion.expose()));
    let (_, claims) = assertion_in(&body);
    assert_eq!(claims["aud"], "https://sts.ns.svc:8443/token");
}

#[test]
fn a_proxy_is_told_a_name_and_the_password_of_a_file() {
    let auth = ClientAuth::for_proxy("username=gate+way&password_file=secret").unwrap();
    assert_eq!(auth.files().collect::<Vec<_>>(), [Path::new("secret")]);
    assert!(auth.proxy_authorization().is_err(), "nothing was read yet");
    assert_eq!(auth.refresh(Ok(Secret::new(b"open:sesame\n"))), Refresh::Changed);
    let value = auth.proxy_authorization().unwrap().unwrap();
    assert!(value.is_sensitive());
    assert_eq!(value, "Basic Z2F0ZSB3YXk6b3BlbjpzZXNhbWU=");
    let mut known = Known::nothing();
    auth.tell(&mut known);
    assert_eq!(known.mask("no: open:sesame"), "no: [secret]");
    assert_eq!(ClientAuth::none().proxy_authorization().unwrap(), None);
}

#[test]
fn what_cannot_be_the_credentials_of_a_proxy_is_refused() {
    use ClientAuthError as E;
    let missing = |key| E::Option(OptionError::Missing { key });
    let unknown = |key: &str| {
        let allowed = vec!["username", "password_file"];
        E::Option(OptionError::Unknown { key: key.to_owned(), allowed })
    };
    for (options, error) in [
        ("", missing("username")),
        ("username=a", missing("password_file")),
        ("password_file=a", missing("username")),
        ("username=a&password=b", E::PasswordOfProxy),
        ("username=a&password=b&password_file=c", E::PasswordOfProxy),
        ("username=a&password_file=c&client_id=d", unknown("client_id")),
        ("username=a%3Ab&password_file=c", E::Colon),
        ("username=&password_file=c", OptionError::Empty { key: "username" }.into()),
        ("username=a&password_file=", OptionError::Empty { key: "password_file" }.into()),
    ] {
        assert_eq!(ClientAuth::for_proxy(options).err(), Some(error), "{options}");
    }
}

#[test]
fn no_assertion_is_made_twice() {
    static COUNTER: AtomicU8 = AtomicU8::new(0);
    let entropy: Entropy = || Ok([COUNTER.fetch_add(1, Ordering::Relaxed); 32]);
    let endpoint = Endpoint::parse("https://sts").unwrap();
    let auth = parse("client_secret_jwt", "client_id=a&client_secret=b");
    let make = || match auth.prove(&endpoint, None, &Now { entropy, ..NOW }) {
        Ok(Proof::Assertion { assertion, .. }) => assertion.expose().to_vec(),
        _ => panic!("no assertion"),
    };
    assert!(make() != make());
}

#[test]
fn without_random_bytes_no_assertion_is_made() {
    let endpoint = Endpoint::parse("https://sts").unwrap();
    let now = Now { entropy: || Err(NoEntropy), ..NOW };
    for (method, options) in [
        ("client_secret_jwt", "client_id=a&client_secret=b".to_owned()),
        ("private_key_jwt", format!("client_id=a&jwk={JWK}")),
    ] {
        let failure = parse(method, &options).prove(&endpoint, None, &now).err().unwrap();
        assert_eq!(failure, Failure::from(NoEntropy), "{method}");
        assert_eq!(failure.kind.status(), 502, "{method}");
    }
}

#[test]
fn a_bad_key_is_told_apart_from_a_missing_one() {
    for (jwk, expected) in [
        ("no%20key", KeyError::NoKey),
        ("%7B%22kty%22:%22oct%22,%22k%22:%22AA%22%7D", KeyError::Symmetric),
    ] {
        let options = format!("client_id=a&jwk={jwk}");
        let error = error("private_key_jwt", Some(&options));
        assert_eq!(error, ClientAuthError::Credential { key: "jwk", error: expected.into() });
    }
}

const FILE_OPTIONS: [(&str, &str); 6] = [
    ("basic", "username=a&password_file=/f"),
    ("client_secret_basic", "client_id=a&client_secret_file=/f"),
    ("client_secret_post", "client_id=a&client_secret_file=/f"),
    ("client_secret_jwt", "client_id=a&client_secret_file=/f"),
    ("private_key_jwt", "client_id=a&jwk_file=/f"),
    ("private_key_jwt", "client_id=a&client_assertion_file=/f"),
];

/// A content that the method can use, another one, and one that it cannot.
fn contents(method: &str, options: &str) -> (String, String, String) {
    if options.contains("jwk_file") {
        let other = PKey::generate_ed25519().unwrap();
        let other = String::from_utf8(other.private_key_to_pem_pkcs8().unwrap()).unwrap();
        return (JWK.to_owned(), other, JWK.replace("nWG", "nWH"));
    }
    if options.contains("assertion") {
        return ("e.e.s".to_owned(), "e.f.s".to_owned(), "e.f".to_owned());
    }
    let bad = if method == "basic" { "a\tb" } else { "" };
    ("s3cret".to_owned(), "s3cond".to_owned(), bad.to_owned())
}

fn read(content: &str) -> Result<Secret, io::ErrorKind> {
    Ok(Secret::new(content))
}

#[test]
fn a_credential_in_a_file_is_like_one_in_the_option() {
    for (method, options) in FILE_OPTIONS {
        let auth = parse(method, options);
        assert_eq!(auth.files().collect::<Vec<_>>(), [Path::new("/f")]);
        let failure = sent(&auth).unwrap_err();
        assert_eq!(failure.kind, FailureKind::BadAnswer, "nothing read yet");
        assert!(failure.reason.contains("\"/f\""), "{failure}");

        let (content, ..) = contents(method, options);
        for end in ["", "\n", "\r\n", "\n\n"] {
            let auth = parse(method, options);
            assert_eq!(auth.refresh(read(&format!("{content}{end}"))), Refresh::Changed);
            let (headers, body) = sent(&auth).unwrap();
            if options.contains("assertion") {
                assert!(body.ends_with("&client_assertion=e.e.s"), "{body}");
            } else {
                let inline = options.replace("_file=/f", &format!("={content}"));
                assert_eq!((headers, body), sent(&parse(method, &inline)).unwrap(), "{method}");
            }
        }
    }
}

#[test]
fn what_cannot_be_used_leaves_the_old_credential_in_use_and_is_told_once() {
    for (method, options) in FILE_OPTIONS {
        let auth = parse(method, options);
        let (good, other, bad) = contents(method, options);
        let shared = auth.clone();
        assert_eq!(auth.refresh(read(&good)), Refresh::Changed, "{method}");
        assert_eq!(auth.refresh(read(&good)), Refresh::Unchanged);
        let first = sent(&auth).unwrap();

        let Refresh::Failed(error) = auth.refresh(read(&bad)) else { panic!("{method}") };
        assert!(!error.to_string().contains("nWH"), "{error}");
        assert_eq!(auth.refresh(read(&bad)), Refresh::Unchanged, "told already");
        assert_eq!(shared.problem(), Some(error), "{method}: each caller is told");
        let unreadable = || Err(io::ErrorKind::PermissionDenied);
        let error = CredentialError::Unreadable(io::ErrorKind::PermissionDenied);
        assert!(error.to_string().starts_with("it cannot be read: permission denied; "));
        assert_eq!(auth.refresh(unreadable()), Refresh::Failed(error));
        assert_eq!(auth.refresh(unreadable()), Refresh::Unchanged);
        assert_eq!(sent(&auth).unwrap(), first, "still in use");

        assert_eq!(auth.refresh(read(&good)), Refresh::Changed, "readable again");
        assert_eq!(auth.problem(), None, "{method}");
        assert_eq!(auth.refresh(read(&good)), Refresh::Unchanged);
        assert_eq!(auth.refresh(read(&other)), Refresh::Changed);
        assert_ne!(sent(&auth).unwrap(), first, "{method}");
        assert_eq!(sent(&shared).unwrap(), sent(&auth).unwrap(), "clones share it");
    }
}

#[test]
fn contents_that_no_credential_has() {
    let auth = parse("client_secret_post", "client_id=a&client_secret_file=/f");
    for content in ["", "\n", "\r\n\n"] {
        let refresh =
            parse("client_secret_post", "client_id=a&client_secret_file=/f").refresh(read(content));
        assert_eq!(refresh, Refresh::Failed(CredentialError::Empty), "{content:?}");
    }
    let large = "x".repeat(64 * 1024 + 1);
    assert_eq!(auth.refresh(read(&large)), Refresh::Failed(CredentialError::TooLarge));
    let auth = parse("private_key_jwt", "client_assertion_file=/f");
    for content in ["a", "a.b", "a..c", "a.b.c.d", "a.b.c d", ".b.c", "a.b.c\nd", "a.b.c="] {
        let content = read(content);
        let auth = parse("private_key_jwt", "client_assertion_file=/f");
        assert_eq!(auth.refresh(content), Refresh::Failed(CredentialError::NoAssertion));
    }
    assert_eq!(auth.refresh(read("a-_.b.c")), Refresh::Changed);
}

#[test]
fn an_assertion_of_somebody_else_may_have_a_type_of_its_own() {
    let auth = parse("private_key_jwt", "client_assertion_file=/f&client_assertion_type=urn:x");
    auth.refresh(read("a.b.c"));
    let (_, body) = sent(&auth).unwrap();
    assert_eq!(body, "client_assertion_type=urn%3Ax&client_assertion=a.b.c");
}

#[test]
fn the_result_of_another_exchange_is_the_assertion_as_it_is() {
    let endpoint = Endpoint::parse("https://as.example.com/token").unwrap();
    let body = |options: &str, brought: Option<&[u8]>| {
        let auth = parse("private_key_jwt", options);
        assert_eq!(auth.needs_result_of(), Some("@agent"));
        assert!(auth.files().next().is_none() && auth.sends_credentials());
        let proof = auth.prove(&endpoint, brought, &NOW)?;
        let (mut headers, mut form) = (HeaderMap::new(), Form::with_capacity(0));
        proof.apply(&mut headers, &mut form);
        assert!(headers.is_empty());
        Ok::<_, Failure>(String::from_utf8(form.encode().expose().to_vec()).unwrap())
    };
    let of_jwts =
        "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
    let plain = "client_assertion=@agent";
    assert_eq!(
        body(plain, Some(b"a-_.b.c")).unwrap(),
        format!("{of_jwts}&client_assertion=a-_.b.c")
    );
    assert_eq!(
        body("client_assertion=%40agent&client_id=a$", Some(b"a.b.c")).unwrap(),
        format!("client_id=a%24&{of_jwts}&client_assertion=a.b.c")
    );
    let typed = "client_assertion=@agent&client_assertion_type=urn:x";
    assert_eq!(
        body(typed, Some(b"opaque")).unwrap(),
        "client_assertion_type=urn%3Ax&client_assertion=opaque"
    );
    for brought in [None, Some(&b""[..]), Some(b"opaque"), Some(b"a.b.c.d.e"), Some(b"a.b.c\r\n")] {
        let failure = body(plain, brought).unwrap_err();
        assert_eq!(failure.kind, FailureKind::BadAnswer);
        assert!(
            failure.reason.contains("\"@agent\"") && !failure.reason.contains("a.b"),
            "{failure}"
        );
    }
    assert_eq!(body(typed, None).unwrap_err().kind, FailureKind::BadAnswer);
}

#[test]
fn only_a_name_and_nothing_of_a_key_stands_for_the_result_of_another_exchange() {
    use ClientAuthError::{AssertionMethod, Exclusive, NoLocation};
    for second in ["jwk", "jwk_file", "aud", "typ", "client_assertion_file"] {
        let options = format!("client_assertion=@a&{second}=b");
        let expected = Exclusive { first: "client_assertion", second };
        assert_eq!(error("private_key_jwt", Some(&options)), expected);
    }
    for name in ["", "@", "agent", "a.b.c", "@a%20b", "@a%0A", "%ff"] {
        let options = format!("client_assertion={name}");
        assert_eq!(error("private_key_jwt", Some(&options)), NoLocation, "{name}");
    }
    for method in Method::ALL.into_iter().filter(|method| *method != Method::PrivateKeyJwt) {
        let options = "client_id=a&client_secret=b&client_assertion=@a";
        assert_eq!(error(method.name(), Some(options)), AssertionMethod { method });
    }
    let of_request = "client_id=$agent&client_assertion=@a";
    let mut options = Options::parse_with_variables(of_request, &["client_id"]).unwrap();
    assert!(ClientAuth::is_result(&options));
    let auth = ClientAuth::from_options(Method::PrivateKeyJwt, &mut options).unwrap();
    assert!(auth.id().is_none() && options.contains("client_id"), "it is the request's");
}

#[test]
fn a_file_is_looked_at_once_a_second() {
    let auth = parse("client_secret_post", "client_id=a&client_secret_file=/f");
    let due = [10, 10, 10, 11, 11, 9, 9, 60].map(|second| auth.is_file_due(UnixTime(second)));
    // A clock that was put back is no reason never to look again.
    assert_eq!(due, [true, false, false, true, false, true, false, true]);
    assert!(!auth.clone().is_file_due(UnixTime(60)), "clones share that too");
    let inline = parse("client_secret_post", "client_id=a&client_secret=b");
    assert!(!inline.is_file_due(UnixTime(10)) && inline.files().next().is_none());
    assert_eq!(inline.refresh(read("c")), Refresh::Unchanged);
}

#[test]
fn two_are_equal_when_they_are_configured_alike() {
    let jwk = format!("client_id=a&jwk={JWK}");
    let jwk_aud = format!("client_id=a&jwk={JWK}&aud=b");
    let all: Vec<_> = [
        ("none", ""),
        ("basic", "username=a&password=b"),
        ("basic", "username=a&password_file=b"),
        ("client_secret_basic", "client_id=a&client_secret=b"),
        ("client_secret_basic", "client_id=a&client_secret=c"),
        ("client_secret_basic", "client_id=b&client_secret=b"),
        ("client_secret_basic", "client_id=a&client_secret_file=b"),
        ("client_secret_basic", "client_id=a&client_secret_file=c"),
        ("client_secret_post", "client_id=a&client_secret=b"),
        ("client_secret_jwt", "client_id=a&client_secret=b"),
        ("client_secret_jwt", "client_id=a&client_secret=b&aud=c"),
        ("client_secret_jwt", "client_id=a&client_secret=b&typ=c"),
        ("private_key_jwt", &jwk),
        ("private_key_jwt", &jwk_aud),
        ("private_key_jwt", "client_id=a&jwk_file=b"),
        ("private_key_jwt", "client_assertion_file=b"),
        ("private_key_jwt", "client_id=a&client_assertion_file=b"),
        ("private_key_jwt", "client_assertion_file=b&client_assertion_type=c"),
        ("private_key_jwt", "client_assertion=@b"),
        ("private_key_jwt", "client_assertion=@c"),
        ("private_key_jwt", "client_assertion=@b&client_id=a"),
        ("private_key_jwt", "client_assertion=@b&client_assertion_type=c"),
        ("client_cert", "cert=a&key=b"),
        ("client_cert", "cert=b&key=a"),
    ]
    .into_iter()
    .map(|(method, options)| (options, parse(method, options), parse(method, options)))
    .collect();
    for (i, (options, one, again)) in all.iter().enumerate() {
        assert!(one == again && one == &one.clone(), "{options}");
        for (other_options, other, _) in &all[i + 1..] {
            assert!(one != other, "{options} {other_options}");
        }
    }
    let (options, one, again) = &all[2];
    one.refresh(read("c"));
    assert!(one == again, "{options}: its content does not count");
}

#[test]
fn what_may_be_a_mistake_in_the_file_of_a_secret_is_remarked() {
    let basic = "client_id=a&client_secret_file=b";
    for (content, remark) in [
        ("secret", None),
        ("secret\n", None),
        ("secret\r\n\r\n", None),
        ("two words", None),
        ("\u{feff}secret", Some(Remark::ByteOrderMark)),
        ("secret \n", Some(Remark::Blank)),
        ("secret\u{20}\u{20}", Some(Remark::Blank)),
        (" secret", Some(Remark::Blank)),
    ] {
        for (method, options) in [
            ("client_secret_basic", basic),
            ("client_secret_post", basic),
            ("client_secret_jwt", basic),
            ("basic", "username=a&password_file=b"),
        ] {
            let auth = parse(method, options);
            assert_eq!(auth.refresh(read(content)), Refresh::Changed, "{method} {content:?}");
            assert_eq!(auth.remark(), remark, "{method} {content:?}");
        }
    }
    let auth = parse("client_secret_post", basic);
    assert_eq!(auth.refresh(read("secret\nmore\n")), Refresh::Changed);
    assert_eq!(auth.remark(), Some(Remark::Lines));
    // What is in a file for its meaning has lines.
    let auth = parse("private_key_jwt", "client_id=a&jwk_file=b");
    let key = PKey::generate_ed25519().unwrap().private_key_to_pem_pkcs8().unwrap();
    assert_eq!(auth.refresh(read(std::str::from_utf8(&key).unwrap())), Refresh::Changed);
    assert_eq!(auth.remark(), None);
}

#[test]
fn an_unknown_method_is_named_only_if_it_looks_like_one() {
    for (method, named) in [
        ("client_secret_hmac", true),
        ("Basic", true),
        ("", false),
        ("client_id=a&client_secret=s3cret", false),
        ("username:s3cret", false),
    ] {
        let expected = named.then(|| method.to_owned());
        assert_eq!(error(method, None), ClientAuthError::UnknownMethod { method: expected });
    }
}

#[test]
fn the_names_of_files_tell_two_apart() {
    for (method, one, other) in [
        ("client_cert", "cert=c&key=k", "cert=d&key=k"),
        ("client_cert", "cert=c&key=k", "cert=c&key=l"),
        ("private_key_jwt", "client_assertion_file=f", "client_assertion_file=g"),
    ] {
        assert!(parse(method, one) != parse(method, other), "{one} and {other}");
    }
}
