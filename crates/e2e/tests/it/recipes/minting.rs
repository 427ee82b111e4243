//! Tokens that NGINX makes itself.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use devsts::Sts;
use devsts::pki::{Identity, Leaf};
use e2e::scene::{Scene, Seen};
use openssl::hash::MessageDigest;
use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode};

use super::run::{Written, assert_bearer, written};

/// A recipe that mints. At port 8082 there is a service that knows `alice`, and no other session.
#[track_caller]
fn minting(scene: &Scene, heading: &str) -> Written {
    let auth = "map $http_x_session $user_of_session { default ''; alice alice@example.com; }
        server {
            listen 127.0.0.1:%%PORT_AUTH%%;
            location / {
                add_header X-User $user_of_session;
                add_header X-Groups 'staff, \"x\",admin';
                return 204;
            }
        }";
    written(scene, heading).http(auth)
}

/// The claims of a JWT, without the times and the id.
fn claims_of(token: &str) -> serde_json::Value {
    let payload = token.split('.').nth(1).expect("a JWT");
    let payload = URL_SAFE_NO_PAD.decode(payload).expect("base64url");
    let mut claims: serde_json::Value = serde_json::from_slice(&payload).expect("JSON");
    let members = claims.as_object_mut().expect("an object");
    assert!(["iat", "exp", "jti"].iter().all(|name| members.remove(*name).is_some()));
    claims
}

#[test]
fn what_auth_request_found_becomes_a_jwt() {
    let scene = Scene::new();
    let recipe = minting(&scene, "What auth_request found, as a JWT for the backend")
        .with("http://127.0.0.1:8082", "http://127.0.0.1:%%PORT_AUTH%%")
        .run();
    let response = recipe.get("/orders/").header("X-Session", "alice").bearer("mine").send();
    let header = Seen::by_backend(response).header("Authorization").expect("an Authorization");
    let token = header.strip_prefix("Bearer ").expect("a bearer token").to_owned();
    let expected = serde_json::json!({
        "iss": "https://gateway.example.com", "sub": "alice@example.com", "aud": "orders",
        "groups": ["staff", "\"x\"", "admin"],
    });
    assert_eq!(claims_of(&token), expected);
    let set = recipe.get("/jwks.json").send().expect_status(200).json();
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().expect("a header"));
    let header: serde_json::Value =
        serde_json::from_slice(&header.expect("base64url")).expect("JSON");
    assert_eq!(set["keys"][0]["kid"], header["kid"]);
    recipe.get("/orders/").header("X-Session", "other").send().expect_status(401);
}

/// The answer to a request of a client that has this certificate, if it has one.
fn of_client(address: SocketAddr, ca: &Identity, client: Option<&Identity>) -> String {
    let mut connector = SslConnector::builder(SslMethod::tls_client()).expect("a connector");
    // Whose the server's certificate is does not matter here.
    connector.set_verify(SslVerifyMode::NONE);
    connector.add_client_ca(ca.certificate()).expect("a CA");
    if let Some(client) = client {
        connector.set_certificate(client.certificate()).expect("a certificate");
        connector.set_private_key(client.key()).expect("a key");
    }
    let configured = connector.build().configure().expect("a connection");
    let stream = TcpStream::connect(address).expect("NGINX listens");
    let mut stream = configured.connect("localhost", stream).expect("a handshake");
    let request = "GET /orders/ HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer mine\r\n\r\n";
    stream.write_all(request.as_bytes()).expect("the request goes out");
    let mut answer = String::new();
    // NGINX may close without a word of TLS.
    let _ = stream.read_to_string(&mut answer);
    answer
}

#[test]
fn what_a_certificate_says_becomes_a_jwt() {
    let scene = Scene::new();
    let ca = Identity::authority("the clients' CA");
    let server = Identity::self_signed(&Leaf::server().dns("localhost"));
    let recipe = written(&scene, "What a client's certificate says, as a JWT for the backend")
        .file("clients-ca.pem", ca.certificate_pem())
        .file("secrets/gateway.pem", server.certificate_pem())
        .file("secrets/gateway.key", server.key_pem())
        .run();
    let address = recipe.nginx.address_of("PORT_RECIPE");
    let alice = ca.issue(&Leaf::client("alice@example.com"));
    let answer = of_client(address, &ca, Some(&alice));
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let seen = scene.backend.requests();
    let header = seen.last().expect("a request").header("Authorization").expect("a header");
    let token = header.strip_prefix("Bearer ").expect("a bearer token").to_owned();
    let fingerprint = alice.certificate().digest(MessageDigest::sha1()).expect("a digest");
    let fingerprint: String = fingerprint.iter().map(|byte| format!("{byte:02x}")).collect();
    let expected = serde_json::json!({
        "iss": "https://gateway.example.com", "sub": "alice@example.com", "aud": "orders",
        "certificate_sha1": fingerprint,
    });
    assert_eq!(claims_of(&token), expected);
    // Names that another one could hide in, a certificate of another CA, and none.
    for name in ["bob,CN=alice", "bob+CN=alice", "bob\\"] {
        let answer = of_client(address, &ca, Some(&ca.issue(&Leaf::client(name))));
        assert!(answer.starts_with("HTTP/1.1 401"), "{name}: {answer}");
    }
    let stranger = Identity::authority("another CA").issue(&Leaf::client("alice@example.com"));
    for client in [Some(&stranger), None] {
        let answer = of_client(address, &ca, client);
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    }
    assert_eq!(scene.backend.requests().len(), 1);
}

#[test]
fn a_service_account_of_salesforce_gets_an_access_token() {
    let scene = Scene::with(Sts::builder().anonymous());
    let recipe = minting(&scene, "A service account of Salesforce")
        .with("https://login.salesforce.com/services/oauth2/token", "%%STS%%")
        .with("https://login.salesforce.com", "%%STS%%")
        .run();
    let seen = Seen::by_backend(recipe.get("/services/data").send());
    let call = scene.only_call();
    let assertion = call.parameter("assertion").expect("an assertion");
    assert_bearer(&seen, assertion);
    let expected = serde_json::json!({
        "iss": "CONSUMER_KEY", "sub": "integration@example.com", "aud": scene.sts.endpoint(),
    });
    assert_eq!(claims_of(assertion), expected);
}
