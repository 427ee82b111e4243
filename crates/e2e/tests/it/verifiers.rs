//! Minted tokens verify against the published keys in libraries of three languages: `make test-verifiers`.
//!
//! Without the libraries that it installs this test has nothing to ask.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test that cannot go on has failed, and its figures are to be read"
)]

use std::env;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use e2e::nginx::{Nginx, workspace};
use e2e::scene::{Scene, Seen};
use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;

const ISSUER: &str = "https://gateway.example.com";

fn elliptic(curve: Nid) -> PKey<Private> {
    let group = EcGroup::from_curve_name(curve).expect("a curve");
    PKey::from_ec_key(EcKey::generate(&group).expect("a key")).expect("a key")
}

/// Algorithms, each with the file of a key.
fn algorithms() -> Vec<(&'static str, &'static str)> {
    let of_rsa = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];
    let others = [("ES256", "p256"), ("ES384", "p384"), ("ES512", "p521"), ("EdDSA", "ed25519")];
    let own = |algorithm: &'static str| (algorithm, algorithm);
    of_rsa.into_iter().map(own).chain(others).collect()
}

fn nginx(scene: &Scene) -> Nginx {
    let mut builder = scene.nginx();
    let mut server = String::from("location /keys { STSJWKS all; }");
    for (algorithm, file) in algorithms() {
        let key = match file {
            "p256" => elliptic(Nid::X9_62_PRIME256V1),
            "p384" => elliptic(Nid::SECP384R1),
            "p521" => elliptic(Nid::SECP521R1),
            "ed25519" => PKey::generate_ed25519().expect("a key"),
            // One for each: by a key of several algorithms nothing is told apart.
            _ => PKey::from_rsa(Rsa::generate(2048).expect("a key")).expect("a key"),
        };
        let file = format!("{file}.pem");
        builder = builder.file(&file, key.private_key_to_pem_pkcs8().expect("PEM"));
        server.push_str(&format!(
            "location /{algorithm} {{
                STSType jwt;
                STSName all;
                STSJWTKeyFile {file};
                STSJWTAlgorithm {algorithm};
                STSJWTIssuer {ISSUER};
                STSJWTAudience orders;
                STSJWTSubject alice;
                STSVariables $target_token;
                %%PASS%%
            }}"
        ));
    }
    builder.server(&server).start()
}

/// A verifier by its name.
fn command(installed: &Path, name: &str) -> Command {
    let sources = workspace().join("crates/e2e/verifiers");
    match name {
        "PyJWT" => {
            let mut command = Command::new(installed.join("venv/bin/python"));
            command.arg(sources.join("python/verify.py"));
            command
        }
        "jose" => {
            let mut command = Command::new("node");
            command.env("STS_VERIFIER", installed.join("node"));
            command.arg(sources.join("node/verify.mjs"));
            command
        }
        _ => {
            let mut command = Command::new("java");
            let classes = installed.join("java");
            command.arg("-cp").arg(format!("{}/*:{}", classes.display(), classes.display()));
            command.arg("Verify");
            command
        }
    }
}

fn verify(mut command: Command, url: &str, audience: &str, tokens: &[String]) -> Vec<String> {
    let child = command.args([url, ISSUER, audience]);
    let child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = child.expect("a verifier");
    let mut input = child.stdin.take().expect("an input");
    input.write_all((tokens.join("\n") + "\n").as_bytes()).expect("tokens");
    drop(input);
    let output = child.wait_with_output().expect("an output");
    assert!(output.status.success(), "the verifier failed");
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().map(str::to_owned).collect()
}

#[test]
#[ignore = "make test-verifiers has the libraries"]
fn every_token_verifies_in_three_libraries() {
    let installed = env::var_os("STS_TEST_VERIFIERS").map(PathBuf::from).expect("the libraries");
    let scene = Scene::new();
    let nginx = nginx(&scene);
    let url = format!("http://{}/keys", nginx.address());
    let mint =
        |algorithm: &str| Seen::by_backend(nginx.get(&format!("/{algorithm}")).send()).token();
    let tokens: Vec<_> = algorithms().iter().map(|(algorithm, _)| mint(algorithm)).collect();
    // The signature of another token, and claims of another one.
    let (first, second) = (tokens.first().expect("a token"), mint("ES256"));
    let swapped = |token: &String| {
        let (input, _) = token.rsplit_once('.').expect("a JWT");
        let (_, signature) = first.rsplit_once('.').expect("a JWT");
        format!("{input}.{signature}")
    };
    let mut forged: Vec<_> = tokens.iter().skip(1).map(swapped).collect();
    let claims = second.split('.').nth(1).expect("claims").replace('A', "B");
    forged.push(second.split('.').enumerate().fold(String::new(), |all, (at, part)| {
        let part = if at == 1 { claims.as_str() } else { part };
        if at == 0 { part.to_owned() } else { format!("{all}.{part}") }
    }));
    for name in ["PyJWT", "jose", "jose4j"] {
        let expected: Vec<_> =
            algorithms().iter().map(|(algorithm, _)| format!("ok {algorithm} alice")).collect();
        let verified = verify(command(&installed, name), &url, "orders", &tokens);
        assert_eq!(verified, expected, "{name}");
        for (audience, tokens) in [("orders", &forged), ("others", &tokens)] {
            let verified = verify(command(&installed, name), &url, audience, tokens);
            assert_eq!(verified.len(), tokens.len());
            assert!(
                verified.iter().all(|line| line.starts_with("refused")),
                "{name}: {verified:?}"
            );
        }
        println!(
            "{name}: {} algorithms verified, {} forgeries refused",
            tokens.len(),
            forged.len()
        );
    }
}
