//! Backends in the frameworks that backends are written in, each of which tells what it read under the
//! names of a token. Their programs are in `readers/`; `make test-readers` installs the frameworks.

use std::env;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::http1::Connection;
use crate::nginx::{Group, in_own_group, workspace};
use crate::php::{FASTCGI_PARAMS, Php};
use crate::ports::free_port;
use crate::response::Response;
use crate::wait::{holds_within, wait_for_some};

/// Where a token may be read, as the readers call it.
pub const PLACES: [&str; 5] = ["query", "form", "both", "cookie", "header"];

/// A running reader; it ends when this is dropped.
///
/// Declare it before the NGINX that uses it, so that it outlives it.
pub struct Reader {
    /// The framework.
    pub name: &'static str,
    running: Running,
}

enum Running {
    Php(Php),
    Server(Server),
}

struct Server {
    port: u16,
    group: Group,
    /// What it writes goes there, and is gone with it.
    directory: TempDir,
}

/// Where `make test-readers` has put the frameworks.
///
/// # Panics
/// When this is another run.
pub fn installed() -> PathBuf {
    let installed = env::var_os("STS_TEST_READERS");
    installed.map(PathBuf::from).expect("STS_TEST_READERS, as `make test-readers` sets it")
}

/// Starts all that `installed` has.
///
/// # Panics
/// When one of them does not start.
pub fn start(installed: &Path) -> Vec<Reader> {
    let sources = workspace().join("crates/e2e/readers");
    let program = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments);
        command
    };
    let text = |path: PathBuf| path.display().to_string();
    let node = |express: &str| {
        let script = text(sources.join("node/express.js"));
        let mut command = program("node", &[&script, express]);
        command.env("NODE_PATH", installed.join("node/node_modules"));
        command
    };
    let python = |arguments: &[&str]| {
        let mut command = program(&text(installed.join("venv/bin/python")), arguments);
        command.env("PYTHONPATH", sources.join("python")).env("PYTHONDONTWRITEBYTECODE", "1");
        command
    };
    let wsgi = |application: &str| {
        let class = ["-m", "gunicorn", "--worker-class", "gthread", "--threads", "8"];
        let mut command = python(&[&class[..], &["--keep-alive", "600", application]].concat());
        command.arg("--bind=127.0.0.1:PORT");
        command
    };
    let config = text(sources.join("rack/config.ru"));
    let classes = format!(
        "{}:/usr/share/java/tomcat10-embed-core.jar:/usr/share/java/jakarta-annotation-api.jar",
        installed.join("tomcat").display()
    );
    let php = Php::with_script(include_str!("../readers/php/index.php"));
    let mut readers = vec![Reader { name: "php", running: Running::Php(php) }];
    for (name, command) in [
        ("express", node("express")),
        ("express4", node("express4")),
        ("rack", program("puma", &["--threads", "8:8", "--bind", "tcp://127.0.0.1:PORT", &config])),
        ("django", wsgi("django_reader:application")),
        ("flask", wsgi("flask_reader:application")),
        ("aiohttp", python(&[&text(sources.join("python/aiohttp_reader.py"))])),
        ("tomcat", program("java", &["-Djava.io.tmpdir=DIRECTORY", "-cp", &classes, "Reader"])),
    ] {
        readers.push(Reader { name, running: Running::Server(Server::start(name, &command)) });
    }
    readers
}

impl Server {
    /// `PORT` and `DIRECTORY` in the arguments stand for those that it gets.
    fn start(name: &str, template: &Command) -> Self {
        let directory = tempfile::Builder::new().prefix("sts-reader-").tempdir();
        let directory = directory.expect("a directory for temporary files");
        let port = free_port();
        let mut command = Command::new(template.get_program());
        for argument in template.get_args() {
            let argument = argument.to_string_lossy().replace("PORT", &port.to_string());
            command.arg(argument.replace("DIRECTORY", &directory.path().display().to_string()));
        }
        command.envs(template.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.env("PORT", port.to_string()).current_dir(directory.path());
        // gunicorn writes into its user's directory.
        command.env("HOME", directory.path());
        let log =
            std::fs::File::create(directory.path().join("log")).expect("the directory is ours");
        let log_too = log.try_clone().expect("a file can be shared");
        command.stdin(Stdio::null()).stdout(log).stderr(log_too);
        in_own_group(&mut command);
        let server = Self { port, group: Group::spawn(command), directory };
        // Some listen before they can answer, and notice only later that they never can.
        let log = || std::fs::read_to_string(server.directory.path().join("log"));
        let read = wait_for_some(name, || {
            assert!(!server.group.master_has_exited(), "{name}: {}", log().unwrap_or_default());
            TcpStream::connect(("127.0.0.1", port)).ok()?;
            let mut connection = Connection::open((Ipv4Addr::LOCALHOST, port).into());
            let request =
                "GET /?access_token=a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
            connection.try_send(request).ok()?;
            connection.try_read_response().ok()
        });
        let text = read.text();
        let read = Read::new(&read).unwrap_or_else(|| panic!("{name}: {text}"));
        assert!(read.text("query").contains('a'), "{name}: {text}");
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.group.kill_all();
        if !holds_within(crate::wait::DEADLINE, || self.group.is_empty()) {
            eprintln!("processes of a reader are left");
        }
    }
}

impl Reader {
    /// What a location of NGINX needs to proxy a request to it, over connections that stay open.
    pub fn proxying(&self) -> String {
        match &self.running {
            Running::Php(php) => format!(
                "{FASTCGI_PARAMS}
                fastcgi_param SCRIPT_FILENAME {}/index.php;
                fastcgi_pass unix:{};",
                php.root().display(),
                php.socket().display(),
            ),
            Running::Server(_) => format!(
                "proxy_http_version 1.1; proxy_set_header Connection '';
                proxy_pass http://{};",
                self.name
            ),
        }
    }

    /// What `http` needs for that.
    pub fn upstream(&self) -> String {
        match &self.running {
            Running::Php(_) => String::new(),
            Running::Server(server) => format!(
                "upstream {} {{ server 127.0.0.1:{}; keepalive 16; keepalive_requests 1000000; }}\n",
                self.name, server.port
            ),
        }
    }
}

/// What a reader has read.
pub struct Read(Value);

impl Read {
    /// Nothing if it is no answer of a reader, but a refusal of NGINX's or the framework's own.
    pub fn new(response: &Response) -> Option<Self> {
        let is_answer = response.status == 200;
        let json = is_answer.then(|| serde_json::from_slice(&response.body).ok()).flatten();
        json.map(Self)
    }

    /// All that was read in a place, as text.
    pub fn text(&self, place: &str) -> String {
        self.0[place].to_string()
    }
}
