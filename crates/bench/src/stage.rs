//! Everything that takes part in a measurement: an STS, a backend, and an NGINX for each contestant.

use std::thread;
use std::time::Duration;

use crate::contestant::{Contestant, Setup};
use crate::gateway::Gateway;
use crate::load::Load;
use crate::server::{Role, Server};
use crate::token::Tokens;
use crate::{Options, Result, cpu};

pub(crate) struct Stage {
    pub(crate) workers: usize,
    pub(crate) sts: Server,
    pub(crate) backend: Server,
    gateways: Vec<Gateway>,
}

impl Stage {
    /// Starts contestants for tokens of up to `token` bytes, each with a cache of a size as NGINX
    /// writes it, and sees that each of them gives the backend the right token.
    pub(crate) fn set(
        options: &Options,
        contestants: &[Contestant],
        workers: usize,
        token: usize,
        cache: &str,
    ) -> Result<Self> {
        let sts = Server::start(Role::Sts, workers)?;
        let backend = Server::start(Role::Backend, workers)?;
        let processes = cpu::affinity_of_workers(workers);
        let mut stage = Self { workers, sts, backend, gateways: Vec::new() };
        for contestant in contestants {
            let setup = Setup {
                workers,
                processes: &processes,
                port: 0,
                sts: stage.sts.port,
                backend: stage.backend.port,
                module: &options.module,
                timeout: 2,
                token,
                cache,
                behind: None,
            };
            stage.gateways.push(Gateway::start(&options.nginx, *contestant, setup)?);
        }
        stage.check(token)?;
        Ok(stage)
    }

    pub(crate) fn gateways(&self) -> &[Gateway] {
        &self.gateways
    }

    pub(crate) fn gateway(&self, contestant: Contestant) -> Result<&Gateway> {
        let found = self.gateways.iter().find(|gateway| gateway.contestant == contestant);
        found.ok_or_else(|| format!("{} is not on the stage", contestant.name()).into())
    }

    /// Runs a part of a measurement beside the workers, not on their processors.
    pub(crate) fn aside<R: Send>(&self, run: impl FnOnce() -> Result<R> + Send) -> Result<R> {
        let workers = self.workers;
        thread::scope(|scope| {
            let thread = scope.spawn(move || cpu::leave_to_workers(workers).and_then(|()| run()));
            thread.join().map_err(|_| "a measurement has panicked")?
        })
    }

    /// Checks that each gateway does what is asked for before it is measured.
    fn check(&self, length: usize) -> Result<()> {
        for gateway in &self.gateways {
            let source = Tokens::source(length).numbered(0);
            let expected = match gateway.contestant {
                Contestant::Limit => source.clone(),
                _ => Tokens::target(length).like(&source),
            };
            for turn in ["miss", "hit"] {
                let calls = self.sts.calls();
                let mut once = Some(request("exchange", &source));
                let (outcome, seen) = self.backend.watch(|| {
                    Load::connect(gateway.port, 1)?.run(Duration::ZERO, || once.take())?.all_well()
                });
                outcome.map_err(|error| self.failure(gateway, &error.to_string()))?;
                let calls = self.sts.calls() - calls;
                let wanted = u64::from(turn == "miss" && gateway.contestant != Contestant::Limit);
                if seen != [b"Bearer ", expected.as_slice()].concat() || calls != wanted {
                    let what = format!(
                        "a {turn} makes {calls} calls and gives the backend \"…{}\"",
                        String::from_utf8_lossy(seen.rchunks(40).next().unwrap_or_default())
                    );
                    return Err(self.failure(gateway, &what).into());
                }
            }
        }
        Ok(())
    }

    /// Says which gateway does not do what, with what its NGINX has logged.
    pub(crate) fn failure(&self, gateway: &Gateway, what: &str) -> String {
        format!(
            "{} with {} workers: {what}\n{}",
            gateway.contestant.name(),
            self.workers,
            gateway.log()
        )
    }
}

/// A request to a location of a gateway.
pub(crate) fn request(location: &str, token: &[u8]) -> Vec<u8> {
    let before = format!("GET /{location} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer ");
    [before.as_bytes(), token, b"\r\n\r\n"].concat()
}

/// A request to the STS itself, as the gateways send it.
pub(crate) fn call(location: &str, token: &[u8]) -> Vec<u8> {
    let before =
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token=";
    let after = "&subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token";
    let head = format!(
        "POST /{location} HTTP/1.1\r\nHost: bench\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
        before.len() + token.len() + after.len()
    );
    [head.as_bytes(), before.as_bytes(), token, after.as_bytes()].concat()
}
