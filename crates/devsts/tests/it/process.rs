//! The binary: says where it listens, logs, stops on signals.

use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};

use devsts::{Backend, is_for};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::wire::{Request, Wire};

/// A process that is not left behind.
struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_devsts"))
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    fn line(&mut self) -> String {
        self.lines.next().unwrap().unwrap()
    }

    fn connect(&mut self) -> Wire {
        let line = self.line();
        let address = line.strip_prefix("listening on http://").unwrap().split('/').next().unwrap();
        Wire(std::net::TcpStream::connect(address).unwrap())
    }

    /// Stops it by this signal; whether it says that it went well.
    fn stop(&mut self, signal: Signal) -> bool {
        let pid = Pid::from_raw(self.child.id().try_into().unwrap());
        kill(pid, signal).unwrap();
        self.child.wait().unwrap().success()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended already where the test went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_sts_answers_logs_without_tokens_and_stops() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let mut process = Process::start(&["sts", "--client", "otxclient:2Federate"]);
        let mut wire = process.connect();
        let token = wire.ask(&Request::exchange("alice-the-source")).token();
        assert!(is_for(&token, "alice-the-source"));
        wire.ask(&Request::exchange("alice-the-source").basic("otxclient:wrong"));
        let (first, second) = (process.line(), process.line());
        assert!(first.starts_with("#1 client otxclient source (16 bytes, sha256 "), "{first}");
        assert!(second.contains("refused, invalid_client"), "{second}");
        for line in [first, second] {
            assert!(!line.contains("alice") && !line.contains(&token), "{line}");
        }
        assert!(process.stop(signal));
    }
}

#[test]
fn the_demonstration_shows_tokens() {
    let arguments =
        ["sts", "--client", "otxclient:2Federate", "--tokens", "source", "--show-tokens"];
    let mut process = Process::start(&arguments);
    process.connect().ask(&Request::exchange("alice"));
    assert_eq!(process.line(), "#1 client otxclient source alice: target target-for-alice");
}

#[test]
fn the_ready_file_holds_the_address() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ready");
    let mut process = Process::start(&["backend", "--ready-file", file.to_str().unwrap()]);
    let mut wire = process.connect();
    let body = wire.ask(&Request::get("/some/path?token=secret")).json();
    assert_eq!(body["uri"], "/some/path?token=secret");
    assert_eq!(process.line(), "#1 GET /some/path");
    assert!(process.stop(Signal::SIGTERM));
    let address = fs::read_to_string(&file).unwrap();
    assert!(address.starts_with("127.0.0.1:") && address.ends_with('\n'), "{address:?}");
}

#[test]
fn certificates_are_made_and_used() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let made = Process::start(&["pki", "--dir", path.to_str().unwrap(), "--name", "keycloak"])
        .child
        .wait()
        .unwrap();
    assert!(made.success());
    let file = |name: &str| path.join(name).to_str().unwrap().to_owned();
    let (certificate, key) = (file("server.crt"), file("server.key"));
    let mut process = Process::start(&["sts", "--tls-cert", &certificate, "--tls-key", &key]);
    assert!(process.line().starts_with("listening on https://127.0.0.1:"));
    assert!(fs::read_to_string(file("ca.crt")).unwrap().starts_with("-----BEGIN CERTIFICATE"));
}

#[test]
fn clients_with_keys_and_certificates_are_known_by_the_command_line() {
    use devsts::pki::{Identity, Leaf};

    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let ca = Identity::authority("the CA");
    fs::write(path("ca.crt"), ca.certificate_pem()).unwrap();
    let server = ca.issue(&Leaf::server().ip([127, 0, 0, 1]));
    let (certificate, key) = server.write(directory.path(), "server");
    let public = ca.issue(&Leaf::client("signer")).certificate_pem();
    fs::write(path("signer.crt"), public).unwrap();
    let signer = format!("signer={}", path("signer.crt"));
    let tls = ["--tls-cert", certificate.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
    let clients = ["--client-key", &signer, "--client-cert", "shop=the shop"];
    let authority = path("ca.crt");
    let mut arguments = vec!["sts", "--tls-client-ca", &authority];
    arguments.extend(tls);
    arguments.extend(clients);

    let mut process = Process::start(&arguments);

    let line = process.line();
    let address = line.strip_prefix("listening on https://").unwrap().split('/').next().unwrap();
    let mut connector =
        openssl::ssl::SslConnector::builder(openssl::ssl::SslMethod::tls()).unwrap();
    connector.cert_store_mut().add_cert(ca.certificate().to_owned()).unwrap();
    let client = ca.issue(&Leaf::client("the shop"));
    connector.set_certificate(client.certificate()).unwrap();
    connector.set_private_key(client.key()).unwrap();
    let stream = std::net::TcpStream::connect(address).unwrap();
    let stream = connector.build().connect("127.0.0.1", stream).unwrap();
    let request = Request::exchange("alice").without_header("Authorization");
    let token = Wire(stream).ask(&request.with("client_id", "shop")).token();
    assert!(is_for(&token, "alice"));
}

#[test]
fn what_cannot_work_is_said() {
    let taken = Backend::start().unwrap();
    let address = taken.local().to_string();
    for (arguments, code) in [
        (vec!["sts", "--listen", &address], 1),
        (vec!["sts", "--bogus"], 2),
        (vec!["sts", "--client-key", "signer"], 2),
        (vec!["sts", "--client-key", "signer=/nowhere/key.pem"], 2),
        (vec!["sts", "--client-cert", "shop"], 2),
        (vec!["sts", "--tls-client-ca", "/nowhere/ca.pem"], 2),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_devsts")).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(code));
        assert!(output.stderr.starts_with(b"devsts: "));
    }
}
