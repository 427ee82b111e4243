//! What NGINX itself says of a configuration: `nginx -t`.
//!
//! The reader of the command knows the syntax of NGINX and the directives of the module. Whether the other
//! directives are good only the NGINX that has them can say, so it is asked while the command reads.

use std::env;
use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::problem::Problem;

/// For all of it: the names of upstreams are looked up meanwhile.
const DEADLINE: Duration = Duration::from_secs(10);

/// Between two looks whether the program has ended, when it has closed its output.
const PAUSE: Duration = Duration::from_millis(2);

/// Bytes of the output that are kept: the first line of a refusal is what counts.
const MAX_OUTPUT: u64 = 256 * 1024;

/// Where the program is, where `PATH` does not have it: in that of a user there is no `sbin`.
const DIRECTORIES: [&str; 3] = ["/usr/sbin", "/usr/local/sbin", "/usr/local/nginx/sbin"];

/// What a line begins with behind its time, for which NGINX does not start.
const EMERGENCY: &str = "[emerg] ";

/// What NGINX says of a configuration that it does not refuse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It would start with it.
    Accepted,
    /// It could not be asked, or not judge, for this reason.
    Unknown(String),
    /// It was not to be asked.
    LeftOut,
}

/// An NGINX that reads a configuration.
pub struct Test(State);

enum State {
    Running { program: PathBuf, child: Child, output: Receiver<Vec<u8>>, until: Instant },
    Over(Result<Verdict, Problem>),
}

impl Test {
    /// One that is not made.
    pub fn left_out() -> Self {
        Self(State::Over(Ok(Verdict::LeftOut)))
    }

    /// Starts it; `program` in the place of the one that is found. `file` is absolute: a relative one NGINX
    /// would look for within its own prefix.
    pub fn start(program: Option<&Path>, file: &Path, prefix: Option<&Path>) -> Self {
        let over = |result| Self(State::Over(result));
        let unknown = |reason: String| over(Ok(Verdict::Unknown(reason)));
        let Some(path) = program.map(Path::to_owned).or_else(installed) else {
            return unknown("no program \"nginx\" was found: name it with --nginx PATH".to_owned());
        };
        let mut command = Command::new(&path);
        // What it has to say before it has read which log it writes goes into no log of the system.
        command.args(["-t", "-q", "-e", "stderr", "-c"]).arg(file);
        if let Some(prefix) = prefix {
            command.arg("-p").arg(prefix);
        }
        // It takes sockets over from the variable of its own name. The token on standard input is not its.
        command.env_remove("NGINX").stdin(Stdio::null());
        match command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn() {
            Ok(mut child) => {
                let output = child.stderr.take();
                let (sender, receiver) = mpsc::channel();
                thread::spawn(move || sender.send(output.map(start_of).unwrap_or_default()));
                let until = Instant::now() + DEADLINE;
                Self(State::Running { program: path, child, output: receiver, until })
            }
            Err(error) => {
                let reason = format!("\"{}\" cannot be run: {error}", path.display());
                match program {
                    // It was asked for by its name.
                    Some(_) => over(Err(Problem::new(reason))),
                    None => unknown(reason),
                }
            }
        }
    }

    /// Waits for its end, for the deadline at most.
    ///
    /// # Errors
    /// NGINX refuses the configuration, in its own words; or the program that was named cannot be run.
    pub fn verdict(self) -> Result<Verdict, Problem> {
        let (program, child, output, until) = match self.0 {
            State::Over(result) => return result,
            State::Running { program, child, output, until } => (program, child, output, until),
        };
        let verdict = match end_of(child, &output, until) {
            Ok((status, output)) => judge(status.success(), &String::from_utf8_lossy(&output))?,
            Err(reason) => Verdict::Unknown(reason),
        };
        Ok(match verdict {
            Verdict::Unknown(reason) => {
                Verdict::Unknown(format!("\"{}\" {reason}", program.display()))
            }
            other => other,
        })
    }
}

/// The program, where it is not named.
fn installed() -> Option<PathBuf> {
    found(&env::var_os("PATH").unwrap_or_default(), &DIRECTORIES)
}

/// Looks for it in `PATH`, and then in other directories. A relative one in `PATH` would be another one for
/// each place that the command is run in.
fn found(path: &OsStr, directories: &[&str]) -> Option<PathBuf> {
    env::split_paths(path)
        .filter(|directory| directory.is_absolute())
        .chain(directories.iter().map(PathBuf::from))
        .map(|directory| directory.join("nginx"))
        .find(|program| program.is_file())
}

/// The start of an output. All of it is read, so that its writer does not wait.
fn start_of(mut output: impl Read) -> Vec<u8> {
    let mut start = Vec::new();
    let read = output.by_ref().take(MAX_OUTPUT).read_to_end(&mut start);
    if read.is_ok() {
        let _ = std::io::copy(&mut output, &mut std::io::sink());
    }
    start
}

/// How a child ended, with its output; or why that is not known. It is gone in either case.
fn end_of(
    mut child: Child,
    output: &Receiver<Vec<u8>>,
    until: Instant,
) -> Result<(ExitStatus, Vec<u8>), String> {
    let left = || until.saturating_duration_since(Instant::now());
    let late = || format!("took longer than {} s", DEADLINE.as_secs());
    let ended = match output.recv_timeout(left()) {
        Err(RecvTimeoutError::Timeout) => Err(late()),
        Err(RecvTimeoutError::Disconnected) => Err("has an output that cannot be read".to_owned()),
        Ok(output) => loop {
            match child.try_wait() {
                Ok(Some(status)) => break Ok((status, output)),
                Ok(None) if left().is_zero() => break Err(late()),
                Ok(None) => thread::sleep(PAUSE),
                Err(error) => break Err(format!("cannot be waited for: {error}")),
            }
        },
    };
    if ended.is_err() {
        // One that has ended meanwhile is as good as killed.
        let _ = child.kill();
        let _ = child.wait();
    }
    ended
}

/// What the output means.
fn judge(is_good: bool, output: &str) -> Result<Verdict, Problem> {
    if is_good {
        return Ok(Verdict::Accepted);
    }
    let Some(refusal) = output.lines().find_map(refusal) else {
        let last = output.lines().map(str::trim).rfind(|line| !line.is_empty());
        let last = last.map(|line| line.strip_prefix("nginx: ").unwrap_or(line));
        return Ok(Verdict::Unknown(match last {
            Some(last) => format!("says: {last}"),
            None => "ended without a word".to_owned(),
        }));
    };
    if is_of_user(refusal) {
        return Ok(Verdict::Unknown(format!("may not do all of it as this user: {refusal}")));
    }
    Err(Problem::new(format!("NGINX refuses the configuration: {refusal}")))
}

/// The text of a line for which NGINX does not start: `nginx: [emerg] text`, or as a line of a log,
/// `2026/11/30 20:09:00 [emerg] 17#17: text`.
fn refusal(line: &str) -> Option<&str> {
    let (before, text) = line.split_once(EMERGENCY)?;
    let is_of_log = before.starts_with(|c: char| c.is_ascii_digit());
    let behind_id = text.split_once(": ").filter(|_| is_of_log).map(|(_, text)| text);
    Some(behind_id.unwrap_or(text).trim())
}

/// Whether a refusal comes from the rights of this process, and not from the configuration: as `EACCES` or
/// `EPERM` of NGINX, of OpenSSL, or of the module.
fn is_of_user(refusal: &str) -> bool {
    ["Permission denied", "permission denied", "(1: Operation not permitted)"]
        .iter()
        .any(|text| refusal.contains(text))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::sync::Mutex;

    use tempfile::TempDir;

    use super::*;

    /// A program that is being written must not be open in the child of another test.
    static ALONE: Mutex<()> = Mutex::new(());

    /// An NGINX that is this script.
    fn start(script: &str, prefix: Option<&Path>) -> (TempDir, Test) {
        let _alone = ALONE.lock().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("nginx");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let test = Test::start(Some(&program), Path::new("/a/b.conf"), prefix);
        (directory, test)
    }

    fn judged(output: &str) -> Result<Verdict, String> {
        judge(false, output).map_err(|problem| problem.to_string())
    }

    #[test]
    fn the_first_emergency_is_the_refusal() {
        let expected = "NGINX refuses the configuration: unknown directive \"x: y\" in /a:3";
        for output in [
            "nginx: [warn] a: b\nnginx: [emerg] unknown directive \"x: y\" in /a:3\nnginx: [emerg] b",
            "2026/11/30 20:09:00 [emerg] 17#17: unknown directive \"x: y\" in /a:3\n",
            "nginx: [emerg] unknown directive \"x: y\" in /a:3\nnginx: configuration file /a test failed",
        ] {
            assert_eq!(judged(output), Err(expected.to_owned()), "{output}");
        }
        assert_eq!(judge(true, "nginx: [warn] a").unwrap(), Verdict::Accepted);
    }

    #[test]
    fn what_this_user_may_not_do_is_no_refusal() {
        for text in [
            "open() \"/var/log/nginx/a.log\" failed (13: Permission denied)",
            "cannot load certificate key \"k\": BIO_new_file() failed (SSL: error:8000000D:system \
             library::Permission denied:calling fopen(k, r) error:10080002:BIO routines::system lib)",
            "\"STSEndpointAuth\": \"/k\" cannot be read: permission denied",
            "setsockopt() failed (1: Operation not permitted)",
        ] {
            let verdict = judged(&format!("nginx: [emerg] {text}")).unwrap();
            let Verdict::Unknown(reason) = verdict else { panic!("{text}: {verdict:?}") };
            assert!(reason.ends_with(text), "{reason}");
        }
        let missing = judged("nginx: [emerg] open() \"/a\" failed (2: No such file or directory)");
        assert!(missing.is_err());
    }

    #[test]
    fn a_program_that_is_no_nginx_judges_nothing() {
        let verdict = judged("nginx: invalid option: \"e\"\n").unwrap();
        assert_eq!(verdict, Verdict::Unknown("says: invalid option: \"e\"".to_owned()));
        assert_eq!(judged(""), Ok(Verdict::Unknown("ended without a word".to_owned())));
        let named = Test::start(Some(Path::new("/nowhere/nginx")), Path::new("/a"), None);
        let problem = named.verdict().unwrap_err().to_string();
        assert!(problem.contains("\"/nowhere/nginx\" cannot be run"), "{problem}");
    }

    #[test]
    fn the_program_is_looked_for_in_absolute_directories() {
        let [first, second] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let path = env::join_paths(["bin".as_ref(), first.path(), second.path()]).unwrap();
        let directory = second.path().to_str().unwrap();
        assert_eq!(found(&path, &[]), None);
        fs::create_dir(first.path().join("nginx")).unwrap();
        fs::write(second.path().join("nginx"), "").unwrap();
        assert_eq!(found(&path, &[]), Some(second.path().join("nginx")));
        assert_eq!(found("".as_ref(), &[directory]), Some(second.path().join("nginx")));
    }

    #[test]
    fn a_program_that_does_not_end_is_ended() {
        for script in ["exec sleep 600", "exec 2>&-; exec sleep 600"] {
            let (_directory, Test(mut state)) = start(script, None);
            if let State::Running { until, .. } = &mut state {
                *until = Instant::now() + Duration::from_millis(200);
            }
            let started = Instant::now();
            let verdict = Test(state).verdict();
            let Ok(Verdict::Unknown(reason)) = verdict else { panic!("{script}: {verdict:?}") };
            assert!(reason.contains("took longer") && started.elapsed() < DEADLINE, "{reason}");
        }
    }

    #[test]
    fn the_program_gets_the_file_and_the_prefix_and_no_token() {
        let script = "echo \"nginx: [emerg] $* $(cat)|$NGINX\" >&2; exit 1";
        let (_directory, test) = start(script, Some(Path::new("/p")));
        let problem = test.verdict().unwrap_err().to_string();
        assert!(problem.ends_with(": -t -q -e stderr -c /a/b.conf -p /p |"), "{problem}");
    }

    #[test]
    fn a_long_output_does_not_hold_the_program_up() {
        let script = "yes 'nginx: [emerg] a' | head -c 2000000 >&2; exit 1";
        let (_directory, test) = start(script, None);
        let problem = test.verdict().unwrap_err().to_string();
        assert!(problem.ends_with(": a"), "{problem}");
    }
}
