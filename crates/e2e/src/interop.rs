//! Real servers: `make interop` fetches them, and `interop/README.md` says how each is started.

use std::collections::BTreeMap;
use std::env;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::http1::Request;
use crate::nginx::{Group, in_own_group, workspace};
use crate::ports::free_port;
use crate::response::Response;
use crate::wait::{DEADLINE, holds_within};

/// The variables by which a start script learns its ports.
const PORTS: [&str; 4] = ["PORT", "PORT_TLS", "PORT_MANAGEMENT", "PORT_MORE"];

/// How long a server may take until it answers: Keycloak takes minutes beside other builds.
const START: Duration = Duration::from_secs(480);

/// Where `make interop` has put the servers.
///
/// # Panics
/// When this is another run.
pub fn installed() -> PathBuf {
    let installed = env::var_os("STS_TEST_INTEROP").map(PathBuf::from);
    installed.expect("STS_TEST_INTEROP, as `make interop` sets it")
}

/// A running server; it ends when this is dropped.
///
/// Declare it before the NGINX that uses it, so that it outlives it.
pub struct Server {
    name: &'static str,
    group: Option<Group>,
    state: TempDir,
    ports: BTreeMap<&'static str, u16>,
    values: BTreeMap<String, String>,
}

impl Server {
    /// Starts the server of this directory of `interop/`, and waits until it answers.
    ///
    /// # Panics
    /// When it does not start.
    #[track_caller]
    pub fn start(name: &'static str) -> Self {
        let state = tempfile::Builder::new().prefix("sts-interop-").tempdir();
        let state = state.expect("a directory for temporary files");
        let ports = PORTS.map(|name| (name, free_port())).into();
        let mut server = Self { name, group: None, state, ports, values: BTreeMap::new() };
        server.start_again();
        server
    }

    /// What the server is called: its directory of `interop/`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// A value of the ready file, as `ENDPOINT`.
    ///
    /// # Panics
    /// When the server has not told it.
    #[track_caller]
    pub fn value(&self, key: &str) -> &str {
        self.values
            .get(key)
            .unwrap_or_else(|| panic!("no {key} in the ready file of {}", self.name))
    }

    /// All values of the ready file.
    pub fn values(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Where the server writes; what is there outlives a restart.
    pub fn state(&self) -> &Path {
        self.state.path()
    }

    /// Ends it at once.
    ///
    /// # Panics
    /// When processes are left.
    pub fn stop(&mut self) {
        let Some(group) = self.group.take() else { return };
        group.kill_all();
        assert!(holds_within(DEADLINE, || group.is_empty()), "processes of {} are left", self.name);
    }

    /// Keeps it from doing anything: the kernel still takes connections.
    pub fn freeze(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn signal(&self, signal: Signal) {
        self.group.as_ref().expect("the server runs").signal_all(signal);
    }

    /// Starts it with the ports and the files that it had.
    ///
    /// # Panics
    /// When it does not start.
    #[track_caller]
    pub fn start_again(&mut self) {
        let directory = self.state.path();
        let log = File::create(directory.join("log")).expect("the directory is ours");
        let log_too = log.try_clone().expect("a file can be shared");
        let script = workspace().join("interop").join(self.name).join("start.sh");
        let mut command = Command::new(script);
        command.arg("run").arg(directory).stdin(Stdio::null()).stdout(log).stderr(log_too);
        command.envs(self.ports.iter().map(|(name, port)| (name, port.to_string())));
        in_own_group(&mut command);
        // Of the start before this one.
        let ready = directory.join("ready");
        let _ = std::fs::remove_file(&ready);
        let group = self.group.insert(Group::spawn(command));
        let is_ready = holds_within(START, || ready.exists() || group.master_has_exited());
        let log = std::fs::read_to_string(directory.join("log")).unwrap_or_default();
        assert!(is_ready && ready.exists(), "{} does not start: {log}", self.name);
        let told = std::fs::read_to_string(&ready).expect("the ready file");
        let pairs = told.lines().filter_map(|line| line.split_once('='));
        self.values = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(group) = self.group.take() {
            group.kill_all();
            if !holds_within(DEADLINE, || group.is_empty()) {
                eprintln!("processes of {} are left", self.name);
            }
        }
    }
}

/// A request to a URL of plain HTTP with an address in it.
///
/// # Panics
/// When it is another.
#[track_caller]
pub fn request(method: &str, url: &str) -> Request {
    let rest = url.strip_prefix("http://").unwrap_or_else(|| panic!("{url} is not of plain HTTP"));
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let address: SocketAddr = host.parse().unwrap_or_else(|_| panic!("{host} is no address"));
    Request::new(address, method, &format!("/{path}")).header("Host", host)
}

/// Posts a form.
///
/// # Panics
/// When there is no answer.
#[track_caller]
pub fn post_form(url: &str, fields: &[(&str, &str)]) -> Response {
    let pairs = fields.iter().map(|(name, value)| format!("{name}={}", percent(value)));
    let form = pairs.collect::<Vec<_>>().join("&");
    let request = request("POST", url).header("Content-Type", "application/x-www-form-urlencoded");
    request.body(form).send()
}

/// What is not unreserved in a URL, encoded.
pub fn percent(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}
