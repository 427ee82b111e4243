//! Instruction counts against those that are on record. Times differ from run to run and from machine
//! to machine; instructions hardly do.
//!
//! What is counted is the difference between a run and one with twice the work, so that what happens
//! once does not count. Valgrind's processor is the same everywhere, without the SHA instructions that
//! most real ones have.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::contestant::{Contestant, Setup};
use crate::gateway::free_port;
use crate::load::Load;
use crate::server::{Role, Server};
use crate::stage::request;
use crate::token::Tokens;
use crate::{Options, Result, count};

/// How much more than on record is too much.
const TOLERANCE: f64 = 0.05;

/// Turns of a piece of work, and requests to an NGINX.
const TURNS: u64 = 2_000;
const REQUESTS: u64 = 400;

/// How long an NGINX may take that runs fifty times slower than usual.
const PATIENCE: Duration = Duration::from_secs(60);

const HEAD: &str = "\
# Instructions, as valgrind counts them. `make bench-check` fails where one has become more than 5 %
# more, and `make bench-check UPDATE=1` writes what is true now.
";

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let file = options.place.join("instructions.txt");
    let recorded = fs::read_to_string(&file).unwrap_or_default();
    let recorded = parse(&recorded);
    let mut counted = Vec::new();
    for (name, about) in count::WORK.iter().filter(|(name, _)| name.contains(&options.only)) {
        let once = work(options, name, TURNS)?;
        let twice = work(options, name, 2 * TURNS)?;
        counted.push(((*name).to_owned(), (twice - once) / TURNS, (*about).to_owned()));
    }
    for (name, contestant, is_new, about) in REQUESTS_OF {
        if name.contains(&options.only) {
            let once = requests(options, name, *contestant, *is_new, REQUESTS)?;
            let twice = requests(options, name, *contestant, *is_new, 2 * REQUESTS)?;
            counted.push(((*name).to_owned(), (twice - once) / REQUESTS, (*about).to_owned()));
        }
    }
    if options.update {
        fs::write(&file, HEAD.to_owned() + &table(&counted))?;
    }
    let mut is_good = true;
    for (name, now, about) in &counted {
        let before = recorded.get(name.as_str()).copied();
        let change = before.map(|before| *now as f64 / before as f64 - 1.0);
        let verdict = match change {
            _ if options.update => "recorded",
            None => "not on record: make bench-check UPDATE=1",
            // A handful of instructions more is no matter of per cent.
            Some(change) if change > TOLERANCE && *now > before.unwrap_or(0) + 20 => "TOO MANY",
            Some(_) => "good",
        };
        is_good &= matches!(verdict, "good" | "recorded");
        let change = change.map_or_else(String::new, |change| format!("{:+.1} %", change * 100.0));
        eprintln!("{name:16} {now:9} {change:>9}  {verdict:9} {about}");
    }
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

const REQUESTS_OF: &[(&str, Contestant, bool, &str)] = &[
    ("nginx-limit", Contestant::Limit, false, "a request without an exchange, all of NGINX"),
    ("nginx-hit", Contestant::Module, false, "a request with a token from the cache, all of NGINX"),
    ("nginx-miss", Contestant::Module, true, "a request with a new token, all of NGINX"),
];

fn parse(text: &str) -> BTreeMap<&str, u64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?, words.next()?.parse().ok()?))
        })
        .collect()
}

fn table(counted: &[(String, u64, String)]) -> String {
    let mut text = String::new();
    for (name, count, about) in counted {
        let _ = writeln!(text, "{name:16} {count:9}  {about}");
    }
    text
}

fn valgrind(options: &Options, name: &str, log: &Path) -> Command {
    let mut command = Command::new("valgrind");
    let out = options.keep.as_ref().map(|keep| keep.join(format!("callgrind.out.{name}")));
    let out = out.unwrap_or_else(|| "/dev/null".into());
    command
        .arg("--tool=callgrind")
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(format!("--log-file={}", log.display()))
        .stdin(Stdio::null());
    command
}

/// Instructions of the whole process.
fn collected(log: &Path) -> Result<u64> {
    let text = fs::read_to_string(log)?;
    let line = text.lines().find_map(|line| line.split_once("Collected : "));
    let number = line.and_then(|(_, number)| number.trim().parse().ok());
    number.ok_or_else(|| format!("valgrind has counted nothing: {text}").into())
}

fn work(options: &Options, name: &str, times: u64) -> Result<u64> {
    let directory = tempfile::tempdir()?;
    let log = directory.path().join("valgrind.log");
    let status = valgrind(options, name, &log)
        .arg(std::env::current_exe()?)
        .args(["count", name, &times.to_string()])
        .status()?;
    if !status.success() {
        return Err(format!("\"{name}\" failed: {}", fs::read_to_string(&log)?).into());
    }
    collected(&log)
}

/// Instructions of an NGINX without workers that serves so many requests, one after the other.
fn requests(
    options: &Options,
    name: &str,
    contestant: Contestant,
    is_new: bool,
    times: u64,
) -> Result<u64> {
    let sts = Server::start(Role::Sts, 0)?;
    let backend = Server::start(Role::Backend, 0)?;
    let directory = tempfile::Builder::new().prefix("sts-bench-").tempdir()?;
    let port = free_port()?;
    let setup = Setup {
        workers: 1,
        processes: "master_process off;",
        port,
        sts: sts.port,
        backend: backend.port,
        module: &options.module,
        // Valgrind takes its time.
        timeout: 60,
        token: 250,
        cache: "16m",
        behind: None,
    };
    contestant.write(directory.path(), &setup)?;
    let log = directory.path().join("valgrind.log");
    let mut nginx = valgrind(options, name, &log)
        .arg(&options.nginx)
        .arg("-p")
        .arg(directory.path())
        .arg("-c")
        .arg(directory.path().join("nginx.conf"))
        .arg("-e")
        .arg(directory.path().join("error.log"))
        .spawn()?;
    let ran = serve(port, times, is_new);
    kill(Pid::from_raw(i32::try_from(nginx.id())?), Signal::SIGQUIT)?;
    nginx.wait()?;
    ran.map_err(|error| {
        let said = fs::read_to_string(directory.path().join("error.log")).unwrap_or_default();
        format!("NGINX under valgrind: {error} {said}")
    })?;
    collected(&log)
}

fn serve(port: u16, times: u64, is_new: bool) -> Result<()> {
    let start = Instant::now();
    let mut load = loop {
        match Load::connect(port, 1) {
            Err(_) if start.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(50)),
            connected => break connected?,
        }
    };
    let tokens = Tokens::source(250);
    let mut numbers = 0..times;
    let requests = || {
        let number = numbers.next()?;
        Some(request("exchange", &tokens.numbered(if is_new { number } else { 0 })))
    };
    load.run(Duration::MAX, requests)?.all_well()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let counted = [("key".to_owned(), 17, "the key".to_owned())];
        let text = HEAD.to_owned() + &table(&counted);
        assert_eq!(parse(&text), BTreeMap::from([("key", 17)]));
    }
}
