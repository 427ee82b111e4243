//! Which client assertions the token endpoint accepts (RFC 7521, RFC 7523), and the grants that
//! depend on the client's identity.

use std::time::{SystemTime, UNIX_EPOCH};

use devsts::pki::{Identity, Leaf};
use devsts::{Client, Method, Sts};
use openssl::base64::encode_block;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::sign::Signer;
use serde_json::{Value, json};

use crate::wire::{Request, Wire};

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

fn encode(bytes: &[u8]) -> String {
    encode_block(bytes).replace('+', "-").replace('/', "_").replace(['=', '\n'], "")
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// An assertion to be changed and sent.
#[derive(Clone)]
struct Assertion {
    header: Value,
    claims: Value,
}

impl Assertion {
    /// A good one of the client `signer` for this STS.
    fn new(sts: &Sts, jti: &str) -> Self {
        Self {
            header: json!({ "alg": "EdDSA", "typ": "JWT" }),
            claims: json!({
                "iss": "signer", "sub": "signer", "aud": sts.endpoint(),
                "jti": jti, "iat": now(), "exp": now() + 60,
            }),
        }
    }

    fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header[name] = value.into();
        self
    }

    fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims[name] = value.into();
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.claims.as_object_mut().unwrap().remove(name);
        self
    }

    fn input(&self) -> String {
        let part = |json: &Value| encode(json.to_string().as_bytes());
        format!("{}.{}", part(&self.header), part(&self.claims))
    }

    fn sign(&self, key: &PKey<Private>) -> String {
        let input = self.input();
        let signature = match key.id() {
            openssl::pkey::Id::HMAC => {
                let mut signer = Signer::new(MessageDigest::sha256(), key).unwrap();
                signer.sign_oneshot_to_vec(input.as_bytes()).unwrap()
            }
            _ => {
                let mut signer = Signer::new_without_digest(key).unwrap();
                signer.sign_oneshot_to_vec(input.as_bytes()).unwrap()
            }
        };
        format!("{input}.{}", encode(&signature))
    }
}

/// An exchange with this assertion in the place of every other authentication.
fn request(assertion: &str) -> Request {
    Request::exchange("alice")
        .without_header("Authorization")
        .with("client_assertion_type", JWT_BEARER)
        .with("client_assertion", assertion)
}

/// As a client sends it that connects to the STS by its address.
fn at(sts: &Sts, request: Request) -> Request {
    request.without_header("Host").header("Host", &format!("127.0.0.1:{}", sts.port()))
}

fn public_pem(key: &PKey<Private>) -> String {
    String::from_utf8(key.public_key_to_pem().unwrap()).unwrap()
}

#[test]
fn an_assertion_is_believed_once() {
    let key = PKey::generate_ed25519().unwrap();
    let client = Client::with_key("signer", &public_pem(&key)).unwrap();
    let sts = Sts::builder().client(client).start().unwrap();
    let mut wire = Wire::connect(&sts);

    let first = Assertion::new(&sts, "1").sign(&key);
    assert_eq!(wire.ask(&at(&sts, request(&first))).status, 200);
    let again = wire.ask(&at(&sts, request(&first)));
    assert_eq!((again.status, again.json()["error"].as_str()), (401, Some("invalid_client")));
    // Nor is another one with the same id.
    let same_id = Assertion::new(&sts, "1").claim("exp", now() + 50).sign(&key);
    assert_eq!(wire.ask(&at(&sts, request(&same_id))).status, 401);
    let next = Assertion::new(&sts, "2").claim("aud", json!(["x", sts.endpoint()])).sign(&key);
    let named = at(&sts, request(&next)).with("client_id", "signer");
    assert_eq!(wire.ask(&named).status, 200);
}

#[test]
fn what_is_wrong_with_an_assertion_is_refused() {
    let key = PKey::generate_ed25519().unwrap();
    let client = Client::with_key("signer", &public_pem(&key)).unwrap().key_id("k1");
    let sts = Sts::builder().client(client).client(Client::new("other", "s")).start().unwrap();
    let mut wire = Wire::connect(&sts);
    let good = |jti: &str| Assertion::new(&sts, jti).header("kid", "k1");
    assert_eq!(wire.ask(&at(&sts, request(&good("good").sign(&key)))).status, 200);

    let other_key = PKey::generate_ed25519().unwrap();
    let signed = good("signed").sign(&key);
    let tampered = format!("{}.{}", good("other").input(), signed.rsplit('.').next().unwrap());
    let hmac = PKey::hmac(public_pem(&key).as_bytes()).unwrap();
    let rows = [
        ("another key", good("1").sign(&other_key)),
        ("other claims than were signed", tampered),
        ("another audience", good("2").claim("aud", "https://elsewhere").sign(&key)),
        ("an audience of another path", good("3").claim("aud", sts.url("/other")).sign(&key)),
        ("no audience", good("4").without("aud").sign(&key)),
        ("expired", good("5").claim("exp", now() - 1).sign(&key)),
        ("no expiry", good("6").without("exp").sign(&key)),
        ("an expiry far away", good("7").claim("exp", now() + 3600).sign(&key)),
        ("an expiry that is no number", good("8").claim("exp", "soon").sign(&key)),
        ("issued in the future", good("9").claim("iat", now() + 3600).sign(&key)),
        ("not valid yet", good("10").claim("nbf", now() + 3600).sign(&key)),
        ("no id", good("11").without("jti").sign(&key)),
        ("another issuer", good("12").claim("iss", "other").sign(&key)),
        ("another subject", good("13").claim("sub", "other").sign(&key)),
        ("an unknown client", good("14").claim("iss", "x").claim("sub", "x").sign(&key)),
        ("another type", good("15").header("typ", "at+jwt").sign(&key)),
        ("another kid", good("16").header("kid", "k2").sign(&key)),
        ("an algorithm that is none", good("17").header("alg", "none").sign(&key)),
        ("a MAC with the public key", good("18").header("alg", "HS256").sign(&hmac)),
        ("another algorithm", good("19").header("alg", "ES256").sign(&key)),
        ("no signature", format!("{}.", good("20").input())),
        ("no JWT", "a.b.c".to_owned()),
    ];
    for (what, assertion) in rows {
        let reply = wire.ask(&at(&sts, request(&assertion)));
        let body = reply.json();
        let error = body["error"].as_str();
        assert_eq!((reply.status, error), (401, Some("invalid_client")), "{what}: {body}");
    }

    let assertion = || good("21").sign(&key);
    let without = |name: &str| at(&sts, request(&assertion())).without(name);
    let rows = [
        ("no type", without("client_assertion_type"), 400),
        ("no assertion", without("client_assertion"), 400),
        (
            "another type",
            without("client_assertion_type").with("client_assertion_type", "urn:x"),
            401,
        ),
        ("two ways", at(&sts, request(&assertion())).basic("other:s"), 400),
        (
            "two other ways",
            at(&sts, request(&assertion())).with("client_id", "signer").with("client_secret", "s"),
            400,
        ),
        ("another client_id", at(&sts, request(&assertion())).with("client_id", "other"), 401),
        ("twice", at(&sts, request(&assertion())).with("client_assertion", &assertion()), 400),
        ("another host", request(&assertion()), 401),
    ];
    for (what, request, status) in rows {
        assert_eq!(wire.ask(&request).status, status, "{what}");
    }
    assert_eq!(sts.issued().len(), 1);
}

#[test]
fn a_secret_makes_a_mac_only_where_that_is_allowed() {
    let mac = |sts: &Sts, secret: &str, jti: &str| {
        let assertion = Assertion::new(sts, jti).header("alg", "HS256");
        let assertion = assertion.claim("iss", "c").claim("sub", "c");
        at(sts, request(&assertion.sign(&PKey::hmac(secret.as_bytes()).unwrap())))
    };
    let sts = Sts::builder().client(Client::new("c", "secret")).start().unwrap();
    let mut wire = Wire::connect(&sts);
    assert_eq!(wire.ask(&mac(&sts, "secret", "1")).status, 200);
    assert_eq!(wire.ask(&mac(&sts, "another", "2")).status, 401);

    let only_basic = Client::new("c", "secret").methods([Method::Basic]);
    let sts = Sts::builder().client(only_basic).start().unwrap();
    assert_eq!(Wire::connect(&sts).ask(&mac(&sts, "secret", "1")).status, 401);
}

#[test]
fn the_certificate_of_a_key_has_to_be_named() {
    let identity = Identity::authority("CA").issue(&Leaf::client("signer"));
    let client = Client::with_key("signer", &identity.certificate_pem()).unwrap();
    let sts = Sts::builder().client(client).start().unwrap();
    let mut wire = Wire::connect(&sts);
    let thumbprint = openssl::sha::sha256(&identity.certificate().to_der().unwrap());
    let key = identity.key().to_owned();
    let sign = |assertion: Assertion| {
        let input = assertion.input();
        let mut signer = Signer::new(MessageDigest::sha256(), &key).unwrap();
        let der = signer.sign_oneshot_to_vec(input.as_bytes()).unwrap();
        let signature = openssl::ecdsa::EcdsaSig::from_der(&der).unwrap();
        let raw = [signature.r(), signature.s()].map(|part| part.to_vec_padded(32).unwrap());
        at(&sts, request(&format!("{input}.{}", encode(&raw.concat()))))
    };
    let bare = |jti: &str| Assertion::new(&sts, jti).header("alg", "ES256");
    let named = |jti: &str, digest: &[u8]| sign(bare(jti).header("x5t#S256", encode(digest)));
    assert_eq!(wire.ask(&named("1", &thumbprint)).status, 200);
    assert_eq!(wire.ask(&named("2", &[0; 32])).status, 401);
    assert_eq!(wire.ask(&sign(bare("3"))).status, 401);
}

#[test]
fn a_server_of_rfc7523bis_wants_its_issuer_and_the_type() {
    const ISSUER: &str = "https://sts.example.com";
    const TYPE: &str = "client-authentication+jwt";
    let key = PKey::generate_ed25519().unwrap();
    let client = || Client::with_key("signer", &public_pem(&key)).unwrap();
    let strict = Sts::builder().client(client()).strict_issuer(ISSUER).start().unwrap();
    let old = Sts::builder().client(client()).start().unwrap();
    let ask = |sts: &Sts, assertion: Assertion| {
        Wire::connect(sts).ask(&at(sts, request(&assertion.sign(&key)))).status
    };
    let new = |sts: &Sts, jti| Assertion::new(sts, jti).claim("aud", ISSUER).header("typ", TYPE);
    for (sts, number) in [(&strict, "200"), (&old, "401")] {
        assert_eq!(ask(sts, new(sts, "1")).to_string(), number);
        // Half of it is no use to either.
        assert_eq!(ask(sts, new(sts, "2").header("typ", "JWT")), 401);
        assert_eq!(ask(sts, Assertion::new(sts, "3").header("typ", TYPE)), 401);
    }
    assert_eq!(ask(&strict, new(&strict, "4").claim("aud", vec![ISSUER])), 401);
    assert_eq!(ask(&strict, Assertion::new(&strict, "5")), 401);
    assert_eq!(ask(&old, Assertion::new(&old, "6")), 200);
}

#[test]
fn a_token_of_a_platform_is_that_of_one_subject_and_may_come_again() {
    const SPIFFE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe";
    const ID: &str = "spiffe://example.org/gateway";
    let key = PKey::generate_ed25519().unwrap();
    let pod = Client::workload("pod", "cluster", "account", &public_pem(&key)).unwrap();
    let sts = Sts::builder().client(pod).client(Client::spiffe(ID, &public_pem(&key)).unwrap());
    let sts = sts.start().unwrap();
    let good = |issuer: &str, subject: &str| {
        let token = Assertion::new(&sts, "1").without("jti").claim("sub", subject);
        if issuer.is_empty() { token.without("iss") } else { token.claim("iss", issuer) }
    };
    let ask = |kind: &str, token: &Assertion, key: &PKey<Private>| {
        let request = at(&sts, request(&token.sign(key)));
        let request = request.without("client_assertion_type").with("client_assertion_type", kind);
        Wire::connect(&sts).ask(&request).status
    };
    let endpoint = sts.endpoint();
    for (kind, token) in [(JWT_BEARER, good("cluster", "account")), (SPIFFE, good("", ID))] {
        for _ in 0..2 {
            assert_eq!(ask(kind, &token, &key), 200);
        }
        let other_kind = if kind == SPIFFE { JWT_BEARER } else { SPIFFE };
        assert_eq!(ask(other_kind, &token, &key), 401);
        assert_eq!(ask(kind, &token, &PKey::generate_ed25519().unwrap()), 401);
        for bad in [
            token.clone().claim("sub", "another"),
            token.clone().claim("aud", "another"),
            token.clone().claim("aud", json!([endpoint, "another"])),
            token.clone().claim("exp", now() - 1),
            token.clone().without("exp"),
        ] {
            assert_eq!(ask(kind, &bad, &key), 401);
        }
        let named = request(&token.sign(&key)).with("client_id", "another");
        let named = named.without("client_assertion_type").with("client_assertion_type", kind);
        assert_eq!(Wire::connect(&sts).ask(&at(&sts, named)).status, 401);
    }
    assert_eq!(ask(JWT_BEARER, &good("another", "account"), &key), 401);
}

#[test]
fn the_password_grant_needs_a_name_and_a_password() {
    let sts = crate::wire::sts();
    let mut wire = Wire::connect(&sts);
    let good = || {
        let bare = Request::exchange("x").without("grant_type").without("subject_token");
        bare.without("subject_token_type").with("grant_type", "password")
    };
    let whole = good().with("username", "dummy").with("password", "alice");
    let reply = wire.ask(&whole);
    assert!(devsts::is_for(&reply.token(), "alice"));
    assert!(reply.json().get("issued_token_type").is_none(), "RFC 8693 only");
    for (what, request, status) in [
        ("no name", good().with("password", "x"), 400),
        ("no password", good().with("username", "x"), 400),
        ("two passwords", whole.clone().with("password", "y"), 400),
        ("a bad scope", whole.clone().with("scope", "a\"b"), 400),
        ("no client", whole.clone().without_header("Authorization"), 401),
        ("a password in the URL", whole.clone().target("/token?password=x"), 400),
    ] {
        assert_eq!(wire.ask(&request).status, status, "{what}");
    }
}

#[test]
fn only_a_client_that_authenticates_gets_a_token_of_its_own() {
    let sts = Sts::builder()
        .client(Client::new("otxclient", "2Federate"))
        .client(Client::public("public"))
        .anonymous()
        .start()
        .unwrap();
    let mut wire = Wire::connect(&sts);
    let bare = Request::exchange("x").without("grant_type").without("subject_token");
    let good = bare.without("subject_token_type").with("grant_type", "client_credentials");
    assert!(devsts::is_for(&wire.ask(&good.clone().with("scope", "read")).token(), "otxclient"));
    let anonymous = good.without_header("Authorization");
    for request in [anonymous.clone(), anonymous.with("client_id", "public")] {
        let reply = wire.ask(&request);
        assert_eq!(
            (reply.status, reply.json()["error"].as_str()),
            (400, Some("unauthorized_client"))
        );
    }
}
