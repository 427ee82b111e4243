//! A recorded answer.

use std::fs;
use std::path::{Path, PathBuf};

use http::header::HeaderName;
use http::{HeaderMap, HeaderValue, StatusCode};
use sts_core::client_auth::ClientAuth;
use sts_core::endpoint::Endpoint;
use sts_core::error::Failure;
use sts_core::issued::Issued;
use sts_core::known::Known;
use sts_core::now::{Now, UnixTime};
use sts_core::oauth::{client_credentials, jwt_bearer, password, token_exchange};
use sts_core::profile::{Incoming, Profile, Protocol};
use sts_core::wstrust::settings::{Settings, WsTrust};

/// 2026-11-30T03:13:11Z, just after the first answers of the WS-Trust servers.
pub(crate) const NOW: UnixTime = UnixTime(1_796_008_391);

/// An answer as the transport hands it over.
pub(crate) struct Vector {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Vector {
    /// Loads a file of `vectors`, such as `oauth/keycloak/otx-ok`.
    pub(crate) fn load(name: &str) -> Self {
        // Not by `with_extension`: a scenario may have a dot in its name.
        let path = vectors().join(format!("{name}.http"));
        let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let (head, body) = bytes.split_at(end);
        let head = std::str::from_utf8(head).unwrap();
        let (status, fields) = head.split_once("\r\n").unwrap_or((head, ""));
        let mut headers = HeaderMap::new();
        for field in fields.split("\r\n").filter(|field| !field.is_empty()) {
            let (name, value) = field.split_once(':').unwrap();
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_str(value.trim()).unwrap());
        }
        Self {
            status: status.split(' ').nth(1).unwrap().parse().unwrap(),
            headers,
            body: body.strip_prefix(b"\r\n\r\n").unwrap().to_vec(),
        }
    }

    /// What comes of it.
    pub(crate) fn read(&self, protocol: Protocol) -> Result<Issued, Failure> {
        let answer = Incoming {
            status: self.status,
            headers: &self.headers,
            body: &self.body,
            known: &Known::nothing,
        };
        profile(protocol).response(&answer, &Now { wall: NOW, entropy: || Ok([0; 32]) })
    }
}

/// A profile with nothing but its protocol.
pub(crate) fn profile(protocol: Protocol) -> Profile {
    Profile {
        protocol,
        endpoint: Endpoint::parse("https://sts.example/token").unwrap(),
        auth: ClientAuth::none(),
        client_id: None,
    }
}

/// The protocol that an answer of an OAuth server belongs to.
pub(crate) fn grant(name: &str) -> Protocol {
    let scenario = name.rsplit('/').next().unwrap();
    if scenario == "cc" || scenario.starts_with("cc-") {
        Protocol::OAuth(&client_credentials::GRANT)
    } else if scenario.starts_with("jwt-bearer-") {
        Protocol::OAuth(&jwt_bearer::GRANT)
    } else if scenario.starts_with("ropc") {
        Protocol::OAuth(&password::GRANT)
    } else {
        Protocol::OAuth(&token_exchange::GRANT)
    }
}

/// WS-Trust with settings that differ from the defaults.
pub(crate) fn wstrust(change: impl FnOnce(&mut Settings)) -> Protocol {
    let mut settings = Settings::default();
    change(&mut settings);
    Protocol::WsTrust(Box::new(WsTrust::new(settings).unwrap()))
}

/// The names of all recorded answers of servers of a kind, `oauth` or `wstrust`.
pub(crate) fn all(kind: &str) -> Vec<String> {
    let mut names = Vec::new();
    for server in fs::read_dir(vectors().join(kind)).unwrap() {
        let server = server.unwrap().path();
        if !server.is_dir() {
            continue;
        }
        for file in fs::read_dir(&server).unwrap() {
            let file = file.unwrap().path();
            let (server, scenario) = (server.file_name().unwrap(), file.file_stem().unwrap());
            let (server, scenario) = (server.to_str().unwrap(), scenario.to_str().unwrap());
            names.push(format!("{kind}/{server}/{scenario}"));
        }
    }
    names.sort();
    names
}

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}
