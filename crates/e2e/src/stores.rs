//! Real stores: Redis and memcached as Debian has them. `make test-stores` puts them into place.

pub mod cluster;

use std::env;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use sts_secret::Secret;
use sts_store::resp::{self, Limits, Reader, Reply};
use tempfile::TempDir;

use crate::nginx::{Group, in_own_group};
use crate::ports::free_port;
use crate::wait::{holds_within, wait_for};

/// Where `make test-stores` has put the servers; nothing if this is another run.
pub fn available() -> Option<PathBuf> {
    env::var_os("STS_TEST_STORES").map(PathBuf::from)
}

/// Where the servers are.
///
/// # Panics
/// When there are none.
pub fn installed() -> PathBuf {
    available().expect("STS_TEST_STORES, as `make test-stores` sets it")
}

/// A running server of a store; it ends when this is dropped.
///
/// Declare it before the NGINX that uses it, so that it outlives it.
pub struct Server {
    group: Group,
    port: u16,
    directory: TempDir,
    bus: Option<u16>,
}

impl Server {
    /// A Redis without persistence, at a port of its own, with these settings beside.
    ///
    /// # Panics
    /// When it does not start.
    #[track_caller]
    pub fn redis(installed: &Path, settings: &[&str]) -> Self {
        Self::redis_at(installed, free_port(), settings)
    }

    /// The same at this port.
    ///
    /// # Panics
    /// When it does not start.
    #[track_caller]
    pub fn redis_at(installed: &Path, port: u16, settings: &[&str]) -> Self {
        let directory = tempfile::Builder::new().prefix("sts-store-").tempdir();
        let directory = directory.expect("a directory for temporary files");
        let mut command = Command::new(installed.join("redis-server"));
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
        command.args(["--unixsocket", &directory.path().join("socket").display().to_string()]);
        command.args(["--unixsocketperm", "777"]);
        command.args(
            settings.iter().map(|setting| {
                setting.replace("DIRECTORY", &directory.path().display().to_string())
            }),
        );
        // NGINX's workers may be another user's.
        open(directory.path());
        Self::start(command, port, directory)
    }

    /// A memcached at a port of its own.
    ///
    /// # Panics
    /// When it does not start.
    #[track_caller]
    pub fn memcached(installed: &Path, settings: &[&str]) -> Self {
        Self::memcached_at(installed, free_port(), settings)
    }

    /// The same at this port.
    ///
    /// # Panics
    /// When it does not start.
    #[track_caller]
    pub fn memcached_at(installed: &Path, port: u16, settings: &[&str]) -> Self {
        let directory = tempfile::Builder::new().prefix("sts-store-").tempdir();
        let directory = directory.expect("a directory for temporary files");
        let mut command = Command::new(installed.join("memcached/usr/bin/memcached"));
        command.args(["-p", &port.to_string(), "-l", "127.0.0.1", "-u", "root"]).args(settings);
        Self::start(command, port, directory)
    }

    /// A Sentinel of the master "m" at a port, which three of them agree about.
    ///
    /// # Panics
    /// When it does not start.
    #[track_caller]
    pub fn sentinel(installed: &Path, master: u16) -> Self {
        let port = free_port();
        let directory = tempfile::Builder::new().prefix("sts-store-").tempdir();
        let directory = directory.expect("a directory for temporary files");
        let file = directory.path().join("sentinel.conf");
        let settings = format!(
            "port {port}\nbind 127.0.0.1\nsentinel monitor m 127.0.0.1 {master} 2\n\
             sentinel down-after-milliseconds m 1000\nsentinel failover-timeout m 3000\n"
        );
        std::fs::write(&file, settings).expect("the directory is ours");
        let mut command = Command::new(installed.join("redis-server"));
        command.arg(&file).arg("--sentinel");
        Self::start(command, port, directory)
    }

    /// A node of a Cluster, which has no slots and knows of no others yet.
    ///
    /// # Panics
    /// When it does not start.
    #[track_caller]
    pub fn cluster_node(installed: &Path) -> Self {
        let bus = free_port().to_string();
        let settings = [
            "--cluster-enabled",
            "yes",
            "--cluster-port",
            &bus,
            "--cluster-node-timeout",
            "1000",
            "--cluster-config-file",
            "DIRECTORY/nodes.conf",
            "--cluster-announce-bus-port",
            &bus,
            "--repl-diskless-sync-delay",
            "0",
        ];
        let mut node = Self::redis(installed, &settings);
        node.bus = bus.parse().ok();
        node
    }

    /// The port on which a node of a Cluster speaks with the others.
    pub fn bus(&self) -> Option<u16> {
        self.bus
    }

    /// The port of the master, by a Sentinel.
    ///
    /// # Panics
    /// When it does not tell.
    #[track_caller]
    pub fn master(&self) -> u16 {
        let Reply::Array(Some(parts)) = self.ask(&[b"SENTINEL", b"GET-MASTER-ADDR-BY-NAME", b"m"])
        else {
            panic!("no master")
        };
        let Some(Reply::Bulk(Some(port))) = parts.get(1) else { panic!("no port") };
        let port = std::str::from_utf8(port.expose()).expect("a number");
        port.parse().expect("a number")
    }

    #[track_caller]
    fn start(mut command: Command, port: u16, directory: TempDir) -> Self {
        let log = File::create(directory.path().join("log")).expect("the directory is ours");
        let log_too = log.try_clone().expect("a file can be shared");
        command.current_dir(directory.path()).stdin(Stdio::null()).stdout(log).stderr(log_too);
        in_own_group(&mut command);
        let server = Self { group: Group::spawn(command), port, directory, bus: None };
        wait_for("the store to listen", || {
            let log = || std::fs::read_to_string(server.directory.path().join("log"));
            assert!(!server.group.master_has_exited(), "{}", log().unwrap_or_default());
            TcpStream::connect(server.address()).is_ok()
        });
        server
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The local socket of a Redis.
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    /// Keeps it from doing anything: connections are still taken by the kernel.
    pub fn freeze(&self) {
        self.group.signal_leader(Signal::SIGSTOP);
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.group.signal_leader(Signal::SIGCONT);
    }

    /// Asks a Redis: the reply to one command.
    ///
    /// # Panics
    /// When it is none, or an error.
    #[track_caller]
    pub fn ask(&self, words: &[&[u8]]) -> Reply {
        match self.try_ask(words) {
            Reply::Error(text) => panic!("{text}"),
            reply => reply,
        }
    }

    /// The same, where the reply may be an error.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn try_ask(&self, words: &[&[u8]]) -> Reply {
        let mut stream = TcpStream::connect(self.address()).expect("the store listens");
        stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a time-out");
        let mut message = Secret::default();
        resp::command(&mut message, words);
        stream.write_all(message.expose()).expect("the store reads");
        let mut reader = Reader::new(Limits { bulk: 1 << 24, elements: 100_000 });
        let mut room = [0; 4096];
        loop {
            let length = stream.read(&mut room).expect("the store answers");
            assert!(length > 0, "the store has closed the connection");
            let (reply, _) = reader.take(&room[..length]).expect("the store speaks RESP");
            if let Some(reply) = reply {
                return reply;
            }
        }
    }

    /// Says something to a memcached, and hears it up to its last line.
    ///
    /// # Panics
    /// When it ends before.
    #[track_caller]
    pub fn say(&self, message: &str, last: &str) -> String {
        String::from_utf8_lossy(&self.say_bytes(message, last)).into_owned()
    }

    #[track_caller]
    fn say_bytes(&self, message: &str, last: &str) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.address()).expect("the store listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a time-out");
        let mut writer = stream.try_clone().expect("a connection can be shared");
        std::thread::scope(|scope| {
            // It does not read on where its answers are not read.
            scope.spawn(move || writer.write_all(message.as_bytes()).expect("the store reads"));
            let (mut heard, mut room) = (Vec::new(), [0; 4096]);
            while !heard.ends_with(last.as_bytes()) {
                let length = stream.read(&mut room).expect("the store answers");
                assert!(length > 0, "the store has closed the connection");
                heard.extend_from_slice(&room[..length]);
            }
            heard
        })
    }

    /// All that lies in a memcached, as it answers `mg`: a line of flags, and the value.
    ///
    /// # Panics
    /// When it does not tell.
    #[track_caller]
    pub fn items(&self) -> Vec<Vec<u8>> {
        let all = self.say("lru_crawler metadump all\r\n", "END\r\n");
        let names = all.lines().filter_map(|line| line.strip_prefix("key=")?.split(' ').next());
        // It writes names as a query has them.
        let names = names.map(|name| name.replace("%3A", ":"));
        names.map(|name| self.say_bytes(&format!("mg {name} v\r\nmn\r\n"), "MN\r\n")).collect()
    }

    /// All that lies in a Redis: names and values, epochs and leases included.
    ///
    /// # Panics
    /// When it does not tell.
    #[track_caller]
    pub fn content(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let Reply::Array(Some(names)) = self.ask(&[b"KEYS", b"*"]) else { panic!("no names") };
        let mut content = Vec::new();
        for name in names {
            let Reply::Bulk(Some(name)) = name else { panic!("no name") };
            if let Reply::Bulk(Some(value)) = self.ask(&[b"GET", name.expose()]) {
                content.push((name.expose().to_vec(), value.expose().to_vec()));
            }
        }
        content.sort();
        content
    }

    /// The tokens that lie in a Redis, sealed: what is neither an epoch nor a lease.
    ///
    /// # Panics
    /// When it does not tell.
    #[track_caller]
    pub fn values(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let is_value =
            |(_, value): &(_, Vec<u8>)| value.len() != 16 && value.first() != Some(&b'L');
        self.content().into_iter().filter(is_value).collect()
    }
}

/// Lets all users into a directory.
fn open(directory: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let all = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(directory, all).expect("the directory is ours");
}

impl Drop for Server {
    fn drop(&mut self) {
        self.group.kill_all();
        if !holds_within(crate::wait::DEADLINE, || self.group.is_empty()) {
            eprintln!("processes of a store are left");
        }
    }
}
