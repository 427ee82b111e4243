//! A real NGINX, configured, started, watched and stopped by a test.

mod binary;
mod builder;
mod configuration;
mod process;
mod signals;
mod verdict;

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use nix::sys::wait::WaitStatus;
use tempfile::TempDir;

use crate::http1::{Connection, Request};
use crate::http2;
use crate::wait::{holds_within, patience, wait_for};

pub use binary::{
    About, Version, about, debian_modules, memory_is_watched, module, nginx as binary_path,
    under_valgrind, workspace,
};
pub use builder::{Builder, Checked};
pub(crate) use process::{Group, in_own_group};
pub use process::{anonymous_memory, is_asleep, is_running, open_files};

/// How long a graceful quit may take when nothing is at work any more.
const QUIT: Duration = Duration::from_secs(8);

/// A running NGINX.
///
/// When it is dropped, NGINX is asked to quit gracefully, because only then it looks for connections
/// that were left open. The test fails if that takes long, if a process ended by a signal, or if the
/// error log has an `[alert]`, `[crit]`, `[emerg]` or a registered secret. Nothing is left running.
pub struct Nginx {
    prefix: TempDir,
    ports: BTreeMap<String, u16>,
    builder: Builder,
    group: Group,
    ending: Ending,
}

/// How NGINX is ended when the test is over.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// It may finish what it is at, and is judged.
    Graceful,
    /// It is told to stop, and is judged.
    AtOnce,
    /// It is killed: it never started.
    Discarded,
}

/// How many bytes the error log had at some point.
#[derive(Clone, Copy, Debug)]
pub struct LogMark(usize);

impl Nginx {
    /// The start of each test.
    pub fn builder() -> Builder {
        Builder::default()
    }

    fn started(
        prefix: TempDir,
        ports: BTreeMap<String, u16>,
        builder: Builder,
        group: Group,
    ) -> Self {
        Self { prefix, ports, builder, group, ending: Ending::Graceful }
    }

    /// Where the server of [`Builder::server`] listens.
    pub fn address(&self) -> SocketAddr {
        self.address_of("PORT")
    }

    /// The address with the port that a placeholder stood for, as `PORT_ADMIN`.
    ///
    /// # Panics
    /// When the configuration did not have the placeholder.
    #[track_caller]
    pub fn address_of(&self, placeholder: &str) -> SocketAddr {
        let port = self.ports.get(placeholder);
        let port = port.unwrap_or_else(|| panic!("%%{placeholder}%% is not in the configuration"));
        (Ipv4Addr::LOCALHOST, *port).into()
    }

    /// A GET request.
    pub fn get(&self, target: &str) -> Request {
        self.request("GET", target)
    }

    /// A POST request.
    pub fn post(&self, target: &str, body: impl Into<Vec<u8>>) -> Request {
        self.request("POST", target).body(body)
    }

    /// A request of any method.
    pub fn request(&self, method: &str, target: &str) -> Request {
        Request::new(self.address(), method, target)
    }

    /// A connection on which the test says what goes out when.
    ///
    /// # Panics
    /// When NGINX does not accept it.
    #[track_caller]
    pub fn connect(&self) -> Connection {
        Connection::open(self.address())
    }

    /// An HTTP/2 connection to what `%%LISTEN_H2%%` stood for.
    ///
    /// # Panics
    /// When NGINX does not accept it.
    #[track_caller]
    pub fn connect_http2(&self) -> http2::Connection {
        http2::Connection::open(self.address_of("PORT_H2"))
    }

    /// Where the configuration, the logs and the files of this NGINX are.
    pub fn prefix(&self) -> &Path {
        self.prefix.path()
    }

    /// The pid of the master, or of the only process when there is no master.
    pub fn master(&self) -> i32 {
        self.group.master()
    }

    /// The workers that accept connections: none that is shutting down.
    pub fn workers(&self) -> Vec<i32> {
        self.children(|title| title == "nginx: worker process", false)
    }

    /// The workers of former generations that still finish what they are at.
    pub fn retiring_workers(&self) -> Vec<i32> {
        self.children(|title| title.ends_with("is shutting down"), true)
    }

    /// The workers with the right title. Under valgrind a process cannot set its title; there the
    /// log says which are workers, and no caches' managers, and whether they have begun to retire.
    fn children(&self, titled: fn(&str) -> bool, retiring: bool) -> Vec<i32> {
        let children = process::children_of(self.master()).into_iter();
        if !under_valgrind() {
            return children.filter(|pid| titled(&process::title(*pid))).collect();
        }
        let log = self.error_log();
        let retires = |pid: &i32| log.contains(&format!(" {pid}#{pid}: gracefully"));
        let works = |pid: &i32| log.contains(&format!("start worker process {pid}\n"));
        children.filter(|pid| works(pid) && retires(pid) == retiring).collect()
    }

    /// The only worker.
    ///
    /// # Panics
    /// When there is not exactly one.
    #[track_caller]
    pub fn worker(&self) -> i32 {
        wait_for("a single worker", || self.workers().len() == 1);
        self.workers()[0]
    }

    /// The error log so far.
    pub fn error_log(&self) -> String {
        self.read("error.log")
    }

    /// The access log so far.
    pub fn access_log(&self) -> String {
        self.read("access.log")
    }

    /// A file under the prefix, empty when it is not there.
    pub fn read(&self, path: &str) -> String {
        let bytes = fs::read(self.prefix().join(path)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Where the error log ends now.
    pub fn mark_log(&self) -> LogMark {
        LogMark(self.error_log().len())
    }

    /// The lines that the error log got since the mark.
    pub fn log_since(&self, mark: LogMark) -> Vec<String> {
        let log = self.error_log();
        log.get(mark.0..).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// Waits until so many requests were read and not answered yet, by the `stub_status` of an address.
    ///
    /// # Panics
    /// When that takes too long.
    #[track_caller]
    pub fn wait_until_waiting(&self, address: &str, number: usize) {
        // The one that asks is counted, too.
        let writing = format!("Writing: {} ", number + 1);
        wait_for(&format!("{number} requests to wait"), || {
            self.get(address).send().text().contains(&writing)
        });
    }

    /// Waits until a line of the error log contains the text, and returns the line.
    ///
    /// # Panics
    /// When none comes.
    #[track_caller]
    pub fn wait_for_log(&self, text: &str) -> String {
        crate::wait::wait_for_some(&format!("{text:?} in the error log"), || {
            self.error_log().lines().find(|line| line.contains(text)).map(str::to_owned)
        })
    }

    /// Allows lines that would fail the test, if they contain this text.
    pub fn allow_in_log(&self, text: &str) {
        self.builder.expectations().allow(text);
    }

    /// Fails the test when this text is in the error log.
    pub fn forbid_in_log(&self, secret: &str) {
        self.builder.expectations().forbid(secret);
    }

    /// Ends NGINX at once in place of waiting for what it is at. The log is looked at all the same.
    pub fn stop_at_once(mut self) {
        self.ending = Ending::AtOnce;
    }

    fn accepts(&self) -> bool {
        let listening = |port: &u16| TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).is_ok();
        let Some(port) = self.ports.get("PORT").or_else(|| self.ports.values().next()) else {
            return true;
        };
        listening(port)
    }

    /// Ends without being judged.
    fn discard(mut self) {
        self.ending = Ending::Discarded;
    }

    /// Ends all processes; says what was wrong with it.
    fn shut_down(&self) -> Vec<String> {
        if !self.group.master_has_exited() {
            match self.ending {
                Ending::Graceful => self.quit(),
                Ending::AtOnce => self.terminate(),
                Ending::Discarded => self.group.kill_all(),
            }
        }
        let quit = if memory_is_watched() { patience() } else { QUIT };
        if !holds_within(quit, || self.group.is_empty()) {
            self.kill();
            return vec![format!("NGINX was asked to end and still ran after {quit:?}")];
        }
        let ends = self.group.ends();
        let by_signal = ends.iter().filter(|end| matches!(end, WaitStatus::Signaled(..)));
        by_signal.map(|end| format!("a process of NGINX ended by a signal: {end:?}")).collect()
    }

    fn kill(&self) {
        self.group.kill_all();
        if !holds_within(QUIT, || self.group.is_empty()) {
            eprintln!("processes of NGINX are left in the group of {}", self.group.master());
        }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        if self.ending == Ending::Discarded {
            return self.kill();
        }
        let panicking = std::thread::panicking();
        let mut faults = Vec::new();
        if panicking {
            self.kill();
        } else {
            faults = self.shut_down();
        }
        let log = format!("{}{}", self.read("stderr.log"), self.error_log());
        if !panicking {
            faults.extend(self.builder.expectations().judge(&log));
        }
        if panicking || !faults.is_empty() {
            eprintln!("--- error log of the test's NGINX\n{log}---");
        }
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }
}
