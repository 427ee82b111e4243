//! The gateway as a workload of a platform, which renews its identity in a file.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use devsts::{Call, Client, Sts};
use e2e::scene::{CLIENT_SECRET, Scene, Seen};
use e2e::wait::wait_for;
use openssl::pkey::{PKey, Private};
use openssl::sign::Signer;
use serde_json::{Value, json};

use super::run::{Recipe, assert_asked, assert_bearer, written};

const AUDIENCE: &str = "https://sts.example.com";
const CLUSTER: &str = "https://cluster.example.com";
const ACCOUNT: &str = "system:serviceaccount:edge:gateway";
const SPIFFE_ID: &str = "spiffe://example.org/ns/edge/sa/gateway";
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const JWT_SPIFFE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe";

/// How often a platform of the tests renews a token, and for how many seconds each is good.
const EVERY: Duration = Duration::from_secs(2);
const LIFE: u64 = 5;

/// What signs the tokens of workloads.
struct Platform(PKey<Private>);

impl Platform {
    fn new() -> Self {
        Self(PKey::generate_ed25519().expect("a key"))
    }

    fn public(&self) -> String {
        String::from_utf8(self.0.public_key_to_pem().expect("a key")).expect("PEM")
    }

    /// A token that is good for so many seconds.
    fn token(&self, mut claims: Value, seconds: u64) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970");
        let members = claims.as_object_mut().expect("claims are an object");
        members.insert("iat".to_owned(), now.as_secs().into());
        members.insert("exp".to_owned(), (now.as_secs() + seconds).into());
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let signed = format!("{}.{}", encode(r#"{"alg":"EdDSA"}"#), encode(&claims.to_string()));
        let mut signer = Signer::new_without_digest(&self.0).expect("a signer");
        let signature = signer.sign_oneshot_to_vec(signed.as_bytes()).expect("a signature");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn account(&self, seconds: u64) -> String {
        self.token(json!({ "iss": CLUSTER, "sub": ACCOUNT, "aud": [AUDIENCE] }), seconds)
    }

    fn svid(&self, seconds: u64) -> String {
        self.token(json!({ "sub": SPIFFE_ID, "aud": AUDIENCE }), seconds)
    }
}

/// An STS that knows the workload by its platform, and that checks the audience of its tokens.
fn scene(client: Client) -> Scene {
    let issuer = Sts::builder().strict_issuer(AUDIENCE);
    Scene { sts: issuer.client(client).start().expect("an STS"), ..Scene::new() }
}

fn kubernetes(platform: &Platform) -> Scene {
    scene(Client::workload("gateway", CLUSTER, ACCOUNT, &platform.public()).expect("a client"))
}

fn spiffe(platform: &Platform) -> Scene {
    scene(Client::spiffe(SPIFFE_ID, &platform.public()).expect("a client"))
}

/// Puts a token where the kubelet does: into a directory of its own, to which a link is moved.
fn project(directory: &Path, generation: usize, token: &str) {
    let versioned = directory.join(format!("..{generation}"));
    fs::create_dir(&versioned).expect("the directory is ours");
    fs::write(versioned.join("sts"), token).expect("the directory is ours");
    symlink(&versioned, directory.join("..next")).expect("the directory is ours");
    fs::rename(directory.join("..next"), directory.join("..data")).expect("the directory is ours");
    if generation == 1 {
        // The name that is mounted leads there from then on.
        fs::remove_file(directory.join("sts")).ok();
        symlink("..data/sts", directory.join("sts")).expect("the directory is ours");
    } else {
        fs::remove_dir_all(directory.join(format!("..{}", generation - 1)))
            .expect("the one before");
    }
}

/// Sends requests, each with a token of its own so that each makes a call, and renews the file
/// meanwhile. Fails at the first request that is not exchanged, and when a token was left out or came
/// back.
fn flow(scene: &Scene, recipe: &Recipe, first: String, mut renew: impl FnMut(usize) -> String) {
    let renewals = 3;
    let mut tokens = vec![first];
    let start = Instant::now();
    let mut number = 0;
    while start.elapsed() < EVERY * renewals {
        let due = start.elapsed().as_secs() / EVERY.as_secs() + 1;
        if (tokens.len() as u64) < due {
            tokens.push(renew(tokens.len() + 1));
        }
        number += 1;
        let source = format!("user-{number}");
        assert_bearer(&Seen::by_backend(recipe.get("/orders/").bearer(&source).send()), &source);
    }
    let mut sent: Vec<String> = scene.sts.calls().iter().map(|call| assertion(call)).collect();
    assert_eq!(sent.len(), number);
    sent.dedup();
    assert_eq!(sent, tokens);
}

fn assertion(call: &Call) -> String {
    call.parameter("client_assertion").unwrap_or_default().to_owned()
}

#[test]
fn a_pod_authenticates_by_the_token_of_its_service_account() {
    let platform = Platform::new();
    let scene = kubernetes(&platform);
    let token = platform.account(600);
    let recipe = written(&scene, "A pod of Kubernetes").file("tokens/sts", token.clone()).run();
    for source in ["alice", "bob"] {
        assert_bearer(&Seen::by_backend(recipe.get("/orders/").bearer(source).send()), source);
    }
    assert_asked(
        scene.sts.calls()[0].parameters(),
        &[
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("subject_token", "alice"),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("audience", "orders"),
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", &token),
        ],
    );
    recipe.nginx.forbid_in_log(&token);
}

#[test]
fn the_token_of_another_pod_or_for_another_server_is_the_gateways_trouble() {
    let platform = Platform::new();
    let scene = kubernetes(&platform);
    let other = "system:serviceaccount:edge:other";
    for claims in [
        json!({ "iss": CLUSTER, "sub": other, "aud": [AUDIENCE] }),
        json!({ "iss": CLUSTER, "sub": ACCOUNT, "aud": ["https://kubernetes.default.svc"] }),
    ] {
        let token = platform.token(claims, 600);
        let recipe = written(&scene, "A pod of Kubernetes").file("tokens/sts", token).run();
        recipe.get("/orders/").bearer("alice").send().expect_status(502);
    }
    assert!(scene.backend.requests().is_empty());
}

#[test]
fn a_token_that_kubernetes_renews_costs_no_request() {
    let platform = Platform::new();
    let scene = kubernetes(&platform);
    let first = platform.account(LIFE);
    let recipe = written(&scene, "A pod of Kubernetes").file("tokens/sts", first.clone()).run();
    let directory = recipe.nginx.prefix().join("tokens");
    project(&directory, 1, &first);
    flow(&scene, &recipe, first, |generation| {
        let token = platform.account(LIFE);
        project(&directory, generation, &token);
        token
    });
}

#[test]
fn a_workload_authenticates_by_its_svid() {
    let platform = Platform::new();
    let scene = spiffe(&platform);
    let svid = platform.svid(600);
    let recipe = written(&scene, "A workload of SPIFFE").file("tokens/sts.jwt", svid.clone()).run();
    assert_bearer(&Seen::by_backend(recipe.get("/orders/").bearer("alice").send()), "alice");
    assert_asked(
        scene.only_call().parameters(),
        &[
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("subject_token", "alice"),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("audience", "orders"),
            ("client_id", SPIFFE_ID),
            ("client_assertion_type", JWT_SPIFFE),
            ("client_assertion", &svid),
        ],
    );
    recipe.get("/orders/").bearer("refuse").send().expect_status(401);
    recipe.nginx.forbid_in_log(&svid);

    // An SVID that is over, and is not renewed.
    let scene = spiffe(&platform);
    let over = platform.svid(0);
    let recipe = written(&scene, "A workload of SPIFFE").file("tokens/sts.jwt", over).run();
    recipe.get("/orders/").bearer("alice").send().expect_status(502);
    assert!(scene.backend.requests().is_empty());
}

#[test]
fn an_svid_that_is_renewed_costs_no_request() {
    let platform = Platform::new();
    let scene = spiffe(&platform);
    let first = platform.svid(LIFE);
    let recipe =
        written(&scene, "A workload of SPIFFE").file("tokens/sts.jwt", first.clone()).run();
    let file = recipe.nginx.prefix().join("tokens/sts.jwt");
    flow(&scene, &recipe, first, |_| {
        let svid = platform.svid(LIFE);
        let next = file.with_extension("next");
        fs::write(&next, &svid).expect("the directory is ours");
        fs::rename(&next, &file).expect("the directory is ours");
        svid
    });
}

/// Puts a content in the place of a file by a rename.
fn replace(recipe: &Recipe, content: &str) {
    let directory = recipe.nginx.prefix().join("secrets");
    fs::write(directory.join("sts.next"), content).expect("the directory is ours");
    fs::rename(directory.join("sts.next"), directory.join("sts")).expect("the directory is ours");
}

#[test]
fn a_secret_that_is_renamed_into_its_place_is_used_without_a_reload() {
    let scene = Scene::new();
    let recipe = written(&scene, "Rotating a secret").run();
    let get = |source: &str| recipe.get("/orders/").bearer(source).send();
    assert_bearer(&Seen::by_backend(get("kept")), "kept");
    let mut number = 0;
    let mut call = || {
        number += 1;
        let source = format!("user-{number}");
        get(&source).status
    };
    assert_eq!(call(), 200);
    // Not the one that the STS knows.
    replace(&recipe, "another\n");
    wait_for("the new secret in use", || call() == 502);
    // What is in the cache needs no secret.
    assert_bearer(&Seen::by_backend(get("kept")), "kept");
    replace(&recipe, &format!("{CLIENT_SECRET}\n"));
    wait_for("the old secret in use", || call() == 200);
    assert_eq!((recipe.nginx.workers().len(), call()), (1, 200));
}
