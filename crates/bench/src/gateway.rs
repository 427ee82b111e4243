//! One NGINX with one contestant in it.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::contestant::{Contestant, Setup};
use crate::{Result, cpu};

/// How long NGINX may take to start.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running NGINX, ended with this.
pub(crate) struct Gateway {
    pub(crate) contestant: Contestant,
    pub(crate) port: u16,
    pub(crate) workers: Vec<u32>,
    master: Child,
    directory: TempDir,
}

impl Gateway {
    pub(crate) fn start(
        nginx: &Path,
        contestant: Contestant,
        mut setup: Setup<'_>,
    ) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("sts-bench-").tempdir()?;
        setup.port = free_port()?;
        contestant.write(directory.path(), &setup)?;
        // It ends with the benchmark, also when that is killed.
        let master = Command::new("setpriv")
            .args(["--pdeathsig", "TERM"])
            .arg(nginx)
            .arg("-p")
            .arg(directory.path())
            .arg("-c")
            .arg(directory.path().join("nginx.conf"))
            .arg("-e")
            .arg(directory.path().join("error.log"))
            .stdin(Stdio::null())
            .spawn()?;
        let mut gateway =
            Self { contestant, port: setup.port, workers: Vec::new(), master, directory };
        let start = Instant::now();
        loop {
            gateway.workers = cpu::children(gateway.master.id(), "nginx: worker process")?;
            let listens = TcpStream::connect(("127.0.0.1", gateway.port)).is_ok();
            if listens && gateway.workers.len() == setup.workers {
                return Ok(gateway);
            }
            if start.elapsed() > PATIENCE || gateway.master.try_wait()?.is_some() {
                let said = gateway.log();
                return Err(format!("NGINX ({}) did not start: {said}", contestant.name()).into());
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Nanoseconds that the workers have run.
    pub(crate) fn time(&self) -> Result<u64> {
        self.workers.iter().map(|worker| cpu::time(*worker)).sum()
    }

    /// KiB of memory that the workers have for themselves.
    pub(crate) fn own_memory(&self) -> Result<u64> {
        self.workers.iter().map(|worker| cpu::own_memory(*worker)).sum()
    }

    /// What NGINX has complained about.
    pub(crate) fn log(&self) -> String {
        let log = fs::read_to_string(self.directory.path().join("error.log")).unwrap_or_default();
        log.lines().take(5).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if let Ok(process) = i32::try_from(self.master.id()) {
            // One that has ended already is not there to be told.
            let _ = kill(Pid::from_raw(process), Signal::SIGTERM);
        }
        let _ = self.master.wait();
    }
}

pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
