//! The text of `nginx.conf`: what the test wrote, put into what every test needs.

use std::collections::BTreeMap;
use std::path::Path;

use nix::unistd::geteuid;

use crate::nginx::binary;

/// What a test says about the configuration.
#[derive(Clone, Debug)]
pub(super) struct Configuration {
    pub(super) whole: Option<String>,
    pub(super) main: String,
    pub(super) http: String,
    pub(super) server: String,
    pub(super) values: BTreeMap<String, String>,
    pub(super) with_module: bool,
    pub(super) log_level: String,
    pub(super) daemon: bool,
    pub(super) workers: usize,
    pub(super) worker_connections: usize,
}

/// The usual case: one server, in which the test has the say.
const ONE_SERVER: &str = "
%%MAIN%%
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:%%PORT%%;
        server_name localhost;
%%SERVER%%
    }
}
";

/// What a configuration without `http` needs nonetheless.
const MAIN: &str = "
daemon %%DAEMON%%;
worker_processes %%WORKERS%%;
pid %%PREFIX%%/nginx.pid;
lock_file %%PREFIX%%/nginx.lock;
error_log %%PREFIX%%/error.log %%LOG_LEVEL%%;
%%USER%%
%%LOAD_MODULE%%
%%TEST_MAIN%%
events {
    worker_connections %%WORKER_CONNECTIONS%%;
}
";

/// Nothing outside the prefix is written to.
const HTTP: &str = "
    access_log %%PREFIX%%/access.log;
    root %%PREFIX%%/html;
    client_body_temp_path %%PREFIX%%/tmp/body;
    proxy_temp_path %%PREFIX%%/tmp/proxy;
    fastcgi_temp_path %%PREFIX%%/tmp/fastcgi;
    uwsgi_temp_path %%PREFIX%%/tmp/uwsgi;
    scgi_temp_path %%PREFIX%%/tmp/scgi;
    default_type text/plain;
%%TEST_HTTP%%
";

impl Configuration {
    pub(super) fn new() -> Self {
        Self {
            whole: None,
            main: String::new(),
            http: String::new(),
            server: String::new(),
            values: BTreeMap::new(),
            with_module: true,
            log_level: "info".into(),
            daemon: false,
            workers: 1,
            worker_connections: 2048,
        }
    }

    /// The text of the file.
    ///
    /// Each `%%PORT_…%%` that has no value yet gets one from `new_port`, and keeps it in `ports`, so
    /// that a configuration for a reload finds the same ports.
    pub(super) fn render(
        &self,
        prefix: &Path,
        ports: &mut BTreeMap<String, u16>,
        new_port: fn() -> u16,
    ) -> String {
        let load_module = if self.with_module {
            format!("load_module {};", binary::module().display())
        } else {
            String::new()
        };
        let user = if geteuid().is_root() { "user root;" } else { "" };
        let http2 = if binary::about().has_http2_directive() {
            "listen 127.0.0.1:%%PORT_H2%%; http2 on;"
        } else {
            "listen 127.0.0.1:%%PORT_H2%% http2;"
        };
        let own = [
            ("DAEMON", if self.daemon { "on" } else { "off" }.to_owned()),
            ("HTTP", HTTP.into()),
            ("LISTEN_H2", http2.into()),
            ("LOAD_MODULE", load_module),
            ("LOG_LEVEL", self.log_level.clone()),
            ("MAIN", MAIN.into()),
            ("PREFIX", prefix.display().to_string()),
            ("SERVER", self.server.clone()),
            ("TEST_HTTP", self.http.clone()),
            ("TEST_MAIN", self.main.clone()),
            ("USER", user.into()),
            ("WORKERS", self.workers.to_string()),
            ("WORKER_CONNECTIONS", self.worker_connections.to_string()),
        ];
        let mut text = self.whole.as_deref().unwrap_or(ONE_SERVER).to_owned();
        // One after the other, because a value may hold placeholders itself.
        while let Some(name) = first_placeholder(&text) {
            let value = if let Some((_, value)) = own.iter().find(|(own, _)| *own == name) {
                value.clone()
            } else if let Some(value) = self.values.get(&name) {
                value.clone()
            } else {
                assert!(
                    name.starts_with("PORT"),
                    "%%{name}%% in the configuration has no value: give one with set()"
                );
                ports.entry(name.clone()).or_insert_with(new_port).to_string()
            };
            text = text.replace(&format!("%%{name}%%"), &value);
        }
        text
    }
}

fn first_placeholder(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("%%")?;
    let (name, _) = rest.split_once("%%")?;
    let is_name = !name.is_empty()
        && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    assert!(is_name, "%% in the configuration starts no placeholder: {name:.40}");
    Some(name.into())
}
