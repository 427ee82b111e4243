//! A PHP behind FastCGI that tells what it received.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::unistd::geteuid;
use serde_json::Value;
use tempfile::TempDir;

use crate::nginx::{Group, in_own_group};
use crate::response::Response;
use crate::wait::{holds_within, wait_for};

/// A running php-fpm; it ends when this is dropped.
///
/// Declare it before the NGINX that uses it, so that it outlives it.
pub struct Php {
    directory: TempDir,
    group: Group,
}

/// What the script saw.
pub struct SeenByPhp(Value);

/// The file that NGINX comes with and that configurations include.
pub const FASTCGI_PARAMS: &str = "
fastcgi_param QUERY_STRING $query_string;
fastcgi_param REQUEST_METHOD $request_method;
fastcgi_param CONTENT_TYPE $content_type;
fastcgi_param CONTENT_LENGTH $content_length;
fastcgi_param SCRIPT_NAME $fastcgi_script_name;
fastcgi_param REQUEST_URI $request_uri;
fastcgi_param DOCUMENT_URI $document_uri;
fastcgi_param SERVER_PROTOCOL $server_protocol;
";

const SCRIPT: &str = r#"<?php
header('Content-Type: application/json');
echo json_encode([
    'server' => (object) $_SERVER,
    'get' => (object) $_GET,
    'post' => (object) $_POST,
    'cookie' => (object) $_COOKIE,
    'body' => file_get_contents('php://input'),
]);
"#;

impl Php {
    /// Starts one that tells all that it saw.
    ///
    /// # Panics
    /// When php-fpm is not there or does not start.
    pub fn start() -> Self {
        Self::with_script(SCRIPT)
    }

    /// Starts one with another script.
    ///
    /// # Panics
    /// As [`Php::start`] does.
    pub fn with_script(script: &str) -> Self {
        let directory = tempfile::Builder::new().prefix("sts-php-").tempdir();
        let directory = directory.expect("a directory for temporary files");
        let file = |name: &str| directory.path().join(name);
        let root = if geteuid().is_root() { "user = root\ngroup = root\n" } else { "" };
        let configuration = format!(
            "[global]\nerror_log = {}\ndaemonize = no\n\
             [www]\nlisten = {}\npm = static\npm.max_children = 2\n\
             php_admin_flag[display_errors] = off\nphp_admin_flag[display_startup_errors] = off\n{root}",
            file("fpm.log").display(),
            file("php.sock").display(),
        );
        fs::write(file("fpm.conf"), configuration).expect("the directory is ours");
        fs::write(file("index.php"), script).expect("the directory is ours");
        let mut command = Command::new(program());
        command.args(["--nodaemonize", "--no-php-ini", "--allow-to-run-as-root", "--fpm-config"]);
        command.arg(file("fpm.conf"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        in_own_group(&mut command);
        let php = Self { group: Group::spawn(command), directory };
        wait_for("php-fpm", || {
            assert!(!php.group.master_has_exited(), "{}", php.log());
            UnixStream::connect(php.socket()).is_ok()
        });
        php
    }

    /// Where it listens.
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("php.sock")
    }

    /// Where the script is.
    pub fn root(&self) -> &Path {
        self.directory.path()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("fpm.log")).unwrap_or_default()
    }
}

impl Drop for Php {
    fn drop(&mut self) {
        self.group.kill_all();
        if !holds_within(crate::wait::DEADLINE, || self.group.is_empty()) {
            eprintln!("processes of php-fpm are left");
        }
    }
}

impl SeenByPhp {
    /// What the script saw.
    ///
    /// # Panics
    /// When the response is not one of the script's.
    #[track_caller]
    pub fn new(response: Response) -> Self {
        Self(response.expect_status(200).json())
    }

    /// `$_SERVER[name]`.
    pub fn server(&self, name: &str) -> Option<String> {
        self.text("server", name)
    }

    /// `$_GET[name]`.
    pub fn query(&self, name: &str) -> Option<String> {
        self.text("get", name)
    }

    /// `$_POST[name]`.
    pub fn post(&self, name: &str) -> Option<String> {
        self.text("post", name)
    }

    /// `$_COOKIE[name]`.
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.text("cookie", name)
    }

    /// The body as it came.
    pub fn body(&self) -> String {
        self.0["body"].as_str().unwrap_or_default().to_owned()
    }

    /// All that the script saw, to look for what must not be there.
    pub fn everything(&self) -> String {
        self.0.to_string()
    }

    fn text(&self, part: &str, name: &str) -> Option<String> {
        self.0[part][name].as_str().map(str::to_owned)
    }
}

/// Debian has the version in its name.
fn program() -> PathBuf {
    let names = fs::read_dir("/usr/sbin").into_iter().flatten().flatten();
    let found = names.map(|entry| entry.path()).find(|path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("php-fpm"))
    });
    found.expect("php-fpm is installed (scripts/setup.sh test)")
}
