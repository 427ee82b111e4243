//! Configures NGINX and starts it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::nginx::configuration::Configuration;
use crate::nginx::verdict::Expectations;
use crate::nginx::{Group, Nginx, binary, in_own_group};
use crate::ports::free_port;
use crate::wait::patience;

/// How often NGINX is started again with other ports when another process was quicker.
const ATTEMPTS: usize = 5;

/// The configuration of an NGINX that is to be started.
///
/// Configuration text may hold placeholders: `%%PREFIX%%` (the directory of this NGINX), `%%PORT%%`
/// (where the server listens), `%%PORT_ANYTHING%%` (more free ports), `%%LISTEN_H2%%` (listens at
/// `%%PORT_H2%%` with HTTP/2), and those of [`Builder::set`].
#[derive(Clone, Debug)]
pub struct Builder {
    configuration: Configuration,
    files: Vec<(PathBuf, Vec<u8>)>,
    environment: Vec<(String, OsString)>,
    directories: Vec<PathBuf>,
    expectations: Expectations,
}

/// What `nginx -t` said.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Whether NGINX would start with this configuration.
    pub ok: bool,
    /// What it printed.
    pub output: String,
    /// What it wrote into its error log: notices are not printed.
    pub log: String,
}

impl Default for Builder {
    fn default() -> Self {
        let html = PathBuf::from("html/index.html");
        Self {
            configuration: Configuration::new(),
            files: vec![(html, b"index\n".to_vec())],
            environment: Vec::new(),
            directories: vec![PathBuf::from("tmp")],
            expectations: Expectations::default(),
        }
    }
}

impl Builder {
    /// The body of the server that listens at `%%PORT%%`.
    pub fn server(mut self, text: &str) -> Self {
        self.configuration.server.push_str(text);
        self
    }

    /// What stands in `http` before that server: maps, upstreams, other servers, log formats.
    pub fn http(mut self, text: &str) -> Self {
        self.configuration.http.push_str(text);
        self
    }

    /// What stands before `events`.
    pub fn main(mut self, text: &str) -> Self {
        self.configuration.main.push_str(text);
        self
    }

    /// A whole configuration in the place of the usual one; `%%MAIN%%` and, within `http`, `%%HTTP%%`
    /// stand for what every test needs.
    pub fn whole(mut self, text: &str) -> Self {
        self.configuration.whole = Some(text.into());
        self
    }

    /// Gives a placeholder its value.
    pub fn set(mut self, name: &str, value: impl Display) -> Self {
        self.configuration.values.insert(name.into(), format!("{value}"));
        self
    }

    /// Writes a file under the prefix, such as `html/page.html`.
    pub fn file(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.files.push((path.into(), content.into()));
        self
    }

    /// Sets a variable of NGINX's environment. Its workers have those alone that the directive `env` names.
    #[must_use]
    pub fn environment(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// Leaves the module out, to see what NGINX does by itself.
    pub fn without_module(mut self) -> Self {
        self.configuration.with_module = false;
        self
    }

    /// The number of workers; one otherwise.
    pub fn workers(mut self, number: usize) -> Self {
        self.configuration.workers = number;
        self
    }

    /// The number of connections of a worker.
    pub fn worker_connections(mut self, number: usize) -> Self {
        self.configuration.worker_connections = number;
        self
    }

    /// Lets NGINX go into the background, which [`Nginx::upgrade`] needs: a master refuses to be
    /// replaced while the process that started it is there.
    pub fn daemon(mut self) -> Self {
        self.configuration.daemon = true;
        self
    }

    /// Writes NGINX's own debug log as well, which has the headers of requests.
    pub fn debug_log(mut self) -> Self {
        self.configuration.log_level = "debug".into();
        self
    }

    /// Allows lines that would fail the test, if they contain this text.
    pub fn allow_in_log(self, text: &str) -> Self {
        self.expectations.allow(text);
        self
    }

    /// Fails the test when this text is in the error log.
    pub fn forbid_in_log(self, secret: &str) -> Self {
        self.expectations.forbid(secret);
        self
    }

    /// Runs `nginx -t` on the configuration.
    ///
    /// # Panics
    /// When NGINX cannot be run.
    pub fn check(&self) -> Checked {
        let prefix = self.write_prefix();
        let text = self.configuration.render(prefix.path(), &mut BTreeMap::new(), free_port);
        fs::write(prefix.path().join("nginx.conf"), text).expect("the prefix can be written to");
        let mut command = command(prefix.path());
        let output = command.arg("-t").output().expect("NGINX can be run");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let log = fs::read_to_string(prefix.path().join("error.log")).unwrap_or_default();
        Checked { ok: output.status.success(), output: text, log }
    }

    /// Starts NGINX and waits until it accepts connections.
    ///
    /// # Panics
    /// When it does not start; its error log is printed.
    #[track_caller]
    pub fn start(self) -> Nginx {
        for _ in 1..ATTEMPTS {
            if let Some(nginx) = self.try_start() {
                return nginx;
            }
        }
        panic!("another process took the port {ATTEMPTS} times");
    }

    /// Nothing when a port was taken between being chosen and being bound.
    #[track_caller]
    fn try_start(&self) -> Option<Nginx> {
        let prefix = self.write_prefix();
        let mut ports = BTreeMap::new();
        let text = self.configuration.render(prefix.path(), &mut ports, free_port);
        fs::write(prefix.path().join("nginx.conf"), &text).expect("the prefix can be written to");

        let mut command = command(prefix.path());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let stderr = fs::File::create(prefix.path().join("stderr.log"));
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(stderr.expect("the prefix can be written to"));
        let group = if self.configuration.daemon {
            Group::spawn_daemon(command, &prefix.path().join("nginx.pid"))
        } else {
            Group::spawn(command)
        };
        let nginx = Nginx::started(prefix, ports, self.clone(), group);

        let mut taken = false;
        let started = crate::wait::holds_within(patience(), || {
            taken = nginx.error_log().contains("Address already in use");
            taken || nginx.group.master_has_exited() || nginx.accepts()
        });
        if taken {
            nginx.discard();
            return None;
        }
        // So that a test finds them where it looks for them.
        if started && !text.contains("master_process off") {
            crate::wait::wait_for("the workers", || {
                nginx.workers().len() == self.configuration.workers
                    || nginx.group.master_has_exited()
            });
        }
        assert!(
            started && !nginx.group.master_has_exited(),
            "NGINX does not start with this configuration:\n{text}"
        );
        Some(nginx)
    }

    fn write_prefix(&self) -> TempDir {
        let prefix = tempfile::Builder::new().prefix("sts-e2e-").tempdir();
        let prefix = prefix.expect("a directory for temporary files");
        for directory in &self.directories {
            fs::create_dir_all(prefix.path().join(directory)).expect("the prefix is ours");
        }
        for (path, content) in &self.files {
            let path = prefix.path().join(path);
            fs::create_dir_all(path.parent().expect("a file is in a directory"))
                .expect("the prefix is ours");
            fs::write(path, content).expect("the prefix is ours");
        }
        prefix
    }

    pub(super) fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    pub(super) fn expectations(&self) -> &Expectations {
        &self.expectations
    }
}

/// NGINX with this prefix, and without anything of the environment that would change it. A file
/// `openssl.cnf` of the test is OpenSSL's configuration.
fn command(prefix: &Path) -> Command {
    let mut command = Command::new(binary::nginx());
    command.arg("-p").arg(prefix);
    command.arg("-c").arg(prefix.join("nginx.conf"));
    command.arg("-e").arg(prefix.join("error.log"));
    // NGINX takes sockets over from the variable of its own name.
    command.env_remove("NGINX");
    let openssl = prefix.join("openssl.cnf");
    if openssl.exists() {
        command.env("OPENSSL_CONF", openssl);
    }
    in_own_group(&mut command);
    command
}
