//! gRPC and HTTP/3 by libraries of Python: their programs are in `clients/`, and `make test-clients` installs
//! the libraries.

use std::env;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::nginx::workspace;

/// A program of `clients/`.
///
/// # Panics
/// When `make test-clients` has not installed what it needs.
fn program(name: &str) -> Command {
    let installed = env::var_os("STS_TEST_CLIENTS").map(PathBuf::from);
    let installed = installed.expect("STS_TEST_CLIENTS, as `make test-clients` sets it");
    let mut command = Command::new(installed.join("venv/bin/python"));
    command.arg(workspace().join("crates/e2e/clients").join(name));
    command.stdin(Stdio::null()).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// What a client says of each of its calls, in the order of the arguments.
///
/// # Panics
/// When it fails.
#[track_caller]
pub fn run(name: &str, arguments: &[&str]) -> Vec<Value> {
    let output = program(name).args(arguments).output().expect("it can be run");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} failed: {errors}");
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// A gRPC server; it ends when this is dropped.
///
/// Declare it before the NGINX that uses it, so that it outlives it.
pub struct GrpcBackend {
    process: Child,
    port: u16,
}

impl GrpcBackend {
    /// Starts it.
    ///
    /// # Panics
    /// When it does not start.
    #[track_caller]
    pub fn start() -> Self {
        let mut process =
            program("grpc_backend.py").stdout(Stdio::piped()).spawn().expect("it can be run");
        let output = process.stdout.take().expect("its output");
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).expect("its port");
        Self { process, port: line.trim().parse().expect("its port") }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }
}

impl Drop for GrpcBackend {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
