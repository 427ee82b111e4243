//! An example that runs, with the servers of a test in the place of its own.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use devsts::{Answer, Call, Metadata, Script, Sts, When};
use e2e::documents::{Example, with_files, within_prefix};
use e2e::http1::Request;
use e2e::nginx::{Nginx, debian_modules};
use e2e::scene::Scene;
use serde_json::json;

use super::holder::Holder;
use super::places::Place;
use crate::tool::calls::{assert_same, claims};
use crate::tool::{SOURCE, TARGET, located, tool};

/// What the programs know that examples ask about a request: oauth2-proxy, a verifier, a log-in.
const KNOWN: &str = r#"
    server {
        listen 127.0.0.1:%%PORT_KNOWN%%;
        location / {
            add_header X-User alice@example.com;
            add_header X-Groups 'staff, "x",admin';
            add_header X-Auth-Request-Access-Token %%SOURCE%%;
            return 204;
        }
    }
"#;

/// What these give to variables, where the command has to be told.
const VALUES: [(&str, &str); 2] = [("user", "alice@example.com"), ("groups", "staff, \"x\",admin")];

/// The issuer of the STS of these tests.
const ISSUER: &str = "/realms/shop";

/// What documents take for granted where they do not show it: the source is behind `Bearer`.
const BEARER: &str = r#"
    map $http_authorization $source_token { default ""; "~*^Bearer\s+(.+)$" $1; }
"#;

/// What another directive has found of a user.
const CLAIMS: &str = r#"{"email":"alice@example.com","groups":["Staff"]}"#;

/// A source token of SAML.
const ASSERTION: &str = "<saml2:Assertion xmlns:saml2=\"urn:oasis:names:tc:SAML:2.0:assertion\" Version=\"2.0\" \
               ID=\"_a\"><saml2:Issuer>idp</saml2:Issuer></saml2:Assertion>";

/// An example, with the servers of a test in the place of its own.
fn text_of(example: &Example) -> String {
    let lines = within_prefix(&example.text);
    let lines = lines.lines().map(|line| {
        let is_issuer = line.trim_start().starts_with("STSIssuer ");
        let names = ["Endpoint ", "STSExchange ", "STSROPC "];
        let is_place = is_issuer || names.iter().any(|name| line.contains(name));
        if !(line.trim_start().starts_with("STS") || line.contains("{ STS")) || !is_place {
            return line.to_owned();
        }
        let words = line.split(' ').map(|word| {
            if let Some((_, options)) = word.split_once("url=https://") {
                let (_, rest) = options.split_once('&').unwrap_or((options, ""));
                return format!("url=%%STS%%&{rest}");
            }
            let (word, end) = word.strip_suffix(';').map_or((word, ""), |word| (word, ";"));
            let is_url = word.starts_with("https://") || word.starts_with("http://");
            let is_url = is_url && !word.starts_with("http://127.0.0.1:8081");
            let name = if is_issuer { "%%ISSUER%%" } else { "%%STS%%" };
            format!("{}{end}", if is_url { name } else { word })
        });
        words.collect::<Vec<_>>().join(" ")
    });
    let known = "http://127.0.0.1:%%PORT_KNOWN%%";
    let text = lines
        .collect::<Vec<_>>()
        .join("\n")
        .replace("http://127.0.0.1:8081", "%%BACKEND%%")
        .replace("http://127.0.0.1:8082", known)
        .replace("http://127.0.0.1:4180", known)
        .replace("http://127.0.0.1:9000", known)
        // Nothing listens there: a store that is down costs no request anything.
        .replace("redis \"host=127.0.0.1&", "redis \"host=unix:%%PREFIX%%/redis.sock&");
    // Where nothing is said of it, NGINX would listen at port 80.
    let text = match text.contains("listen ") {
        true => text,
        false => text.replace("server {", "server {\nlisten 8080;"),
    };
    ["8080", "8082", "8083"].into_iter().fold(text, |text, port| {
        let own = format!("listen 127.0.0.1:%%PORT_{port}%%");
        text.replace(&format!("listen 127.0.0.1:{port}"), &own)
            .replace(&format!("listen {port}"), &own)
    })
}

/// An example that runs.
pub(super) struct Running<'e> {
    example: &'e Example,
    scene: Scene,
    credentials: String,
    holder: Option<Holder>,
}

impl<'e> Running<'e> {
    pub(super) fn new(example: &'e Example) -> Self {
        let scene = Scene::with(Sts::builder().metadata(Metadata::of(ISSUER)));
        let mut issued =
            json!({ "access_token": TARGET, "token_type": "Bearer", "expires_in": 60 });
        if example.text.contains("STSExpect ") {
            issued["issued_token_type"] = "urn:ietf:params:oauth:token-type:access_token".into();
        }
        // What an issuer says of itself is asked for by GET.
        let is_exchange = |call: &Call| call.method == "POST";
        scene
            .sts
            .script(When::matching(is_exchange), Script::new().answer(Answer::json(200, &issued)));
        let credentials = STANDARD.encode("alice:wonderland");
        let holder = example.text.contains("ssl_verify_client on").then(Holder::new);
        Self { example, scene, credentials, holder }
    }

    pub(super) fn start(&self) -> Option<Nginx> {
        let Self { example, scene, .. } = self;
        let text = text_of(example);
        let mut builder = with_files(Nginx::builder())
            .set("STS", scene.sts.endpoint())
            .set("BACKEND", scene.backend.url(""))
            .set("ISSUER", scene.sts.issuer())
            .set("SOURCE", SOURCE)
            .file("agents", "alice:{PLAIN}wonderland\n")
            .file("users", "alice:{PLAIN}wonderland\n");
        if !text.contains("$source_token {") {
            builder = builder.http(BEARER);
        }
        builder = builder.http(&format!("map $host $claims {{ default '{CLAIMS}'; }}\n"));
        for harmless in ["[warn]", "[error]", "[notice]", "[crit]"] {
            builder = builder.allow_in_log(harmless);
        }
        if text.contains("PORT_KNOWN") {
            builder = builder.http(KNOWN);
        }
        if let Some(holder) = &self.holder {
            builder = holder.files(builder);
        }
        let is_http = match example.context.as_str() {
            "http" => true,
            "server" => false,
            "server set-misc" => {
                let Some(modules) = debian_modules() else {
                    eprintln!("{}: left out, this NGINX has no set-misc", example.place);
                    return None;
                };
                builder = builder.main(&modules);
                false
            }
            other => panic!("{}: no place for \"{other}\"", example.place),
        };
        let builder = if is_http { builder.http(&text) } else { builder.server(&text) };
        Some(builder.start())
    }

    /// What is exchanged there, as a client sends it.
    fn source(&self, place: &Place) -> String {
        let is_xml = place.kind == "saml_bearer" || (place.kind == "wstrust" && !place.is_of_jwt);
        match (is_xml, place.encoding.as_deref()) {
            _ if self.example.text.contains("type=Basic") => self.credentials.clone(),
            _ if place.kind == "jwt" => CLAIMS.to_owned(),
            (true, Some("base64")) => STANDARD.encode(ASSERTION),
            (true, Some("base64url")) => URL_SAFE_NO_PAD.encode(ASSERTION),
            (true, None) if place.kind == "wstrust" => ASSERTION.to_owned(),
            (true, None) => STANDARD.encode(ASSERTION),
            (false, None) => SOURCE.to_owned(),
            (_, other) => panic!("{}: a source in {other:?}", self.example.place),
        }
    }

    /// A client asks for it, with its token in all places that examples have.
    fn request(&self, place: &Place, target: &str, source: &str) {
        if let Some(holder) = &self.holder {
            holder.get(place.address, target);
            return;
        }
        let has = |words: &str| self.example.text.contains(words);
        let has_form = has("STSAcceptSourceTokenIn post");
        let authorization = match has("auth_basic ") || has("type=Basic") {
            true => format!("Basic {}", self.credentials),
            false => format!("Bearer {source}"),
        };
        let cookie = format!("source_token={source}; MyCookieName={source}; assertion={source}");
        let mut request =
            Request::new(place.address, if has_form { "POST" } else { "GET" }, target)
                .header("Authorization", &authorization)
                .header("Cookie", &cookie)
                .header("X-Token", source)
                .header("X-Assertion", source)
                .header("X-Forwarded-Access-Token", source)
                .header("X-Agent-Token", source)
                .header("Mcp-Name", "search")
                .header("MCP-Protocol-Version", "2026-07-28");
        if has_form {
            request = request
                .header("Content-Type", "application/x-www-form-urlencoded")
                .body(format!("access_token={source}&source_token={source}").as_str());
        }
        request.send();
    }

    /// The exchanges of calls that came since.
    fn exchanges(&self, since: usize) -> Vec<Arc<Call>> {
        let mut calls = self.scene.sts.calls().split_off(since);
        calls.retain(|call| call.method == "POST");
        calls
    }

    /// The JWT in the last request to the backend that is not the client's.
    fn passed(&self, source: &str) -> Option<String> {
        let request = self.scene.backend.requests().pop()?;
        let values =
            request.headers.iter().map(|(_, value)| String::from_utf8_lossy(value).into_owned());
        let words: Vec<String> = values
            .flat_map(|value| {
                value.split([' ', ';', '=', ',']).map(str::to_owned).collect::<Vec<_>>()
            })
            .collect();
        words.into_iter().find(|word| word != source && claims(word).is_some())
    }

    /// Compares what NGINX and the command do for a location.
    #[track_caller]
    pub(super) fn compare(&self, nginx: &Nginx, place: &Place) {
        let Self { example, scene, holder, .. } = self;
        let source = self.source(place);
        let source = source.as_str();
        let target = match source.contains(' ') {
            true => place.path.clone(),
            false => format!("{}?token={source}&source_token={source}", place.path),
        };
        let before = scene.sts.calls().len();
        self.request(place, &target, source);
        let by_nginx = self.exchanges(before);
        let before = scene.sts.calls().len();
        let own = holder.as_ref().map(Holder::values).unwrap_or_default();
        let own = own.iter().map(|(name, value)| (*name, value.as_str()));
        let values: Vec<_> = VALUES.into_iter().chain(own).collect();
        let (object, words) = located(nginx, &[&target], &values, source);
        let by_tool = self.exchanges(before);
        let about = format!("{} {}: {object:#}", example.place, place.path);
        assert_eq!(object["nginx"], "accepts", "{about}");
        assert_eq!(by_nginx.len(), by_tool.len(), "{about}");
        for (nginx, tool) in by_nginx.iter().zip(&by_tool) {
            assert_same(nginx, tool, &about);
        }
        if place.kind == "jwt" {
            let words: Vec<&str> = words.iter().map(String::as_str).chain(["--silent"]).collect();
            let made = tool(&words, source);
            assert_eq!((made.code, made.errors.as_str()), (0, ""), "{about}");
            let passed = self.passed(source).expect("a token at the backend");
            let [passed, made] = [passed.as_str(), made.output.trim_end()].map(claims);
            assert!(passed.is_some(), "{about}");
            assert_eq!(passed, made, "{about}");
        } else {
            // The STS of these tests answers with JSON, which is no answer of WS-Trust.
            let expected = if place.kind == "wstrust" { "bad_answer" } else { "ok" };
            assert_eq!(object["result"], expected, "{about}");
            assert!(!by_nginx.is_empty(), "{about}");
        }
    }
}
