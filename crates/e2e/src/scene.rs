//! NGINX between a development STS and a backend, as most tests want it.

use std::sync::Arc;

use devsts::{Backend, Call, Client, Sts};
use serde_json::Value;

use crate::nginx::{Builder, Nginx};
use crate::response::Response;

/// The client that the gateway is to the STS, as the examples of the manual have it.
pub const CLIENT_ID: &str = "otxclient";

/// Its secret, which the harness looks for in each error log.
pub const CLIENT_SECRET: &str = "2Federate";

/// What goes into the `Authorization` of a call for that client.
pub const CLIENT_BASIC: &str = "Basic b3R4Y2xpZW50OjJGZWRlcmF0ZQ==";

/// An exchange that does not say where tokens come from and go to, for `%%EXCHANGE%%`.
const EXCHANGE: &str = "
        STSType otx;
        STSOTXEndpoint %%STS%%;
        STSOTXEndpointAuth client_secret_basic client_id=otxclient&client_secret=2Federate;
";

/// The exchange of most tests, for `%%OTX%%` in the configuration.
const OTX: &str = "
        %%EXCHANGE%%
        STSVariables $source_token $target_token;
";

/// How a location passes the target token on, for `%%PASS%%`: the backend sees it as a cookie.
const PASS: &str = r#"
        proxy_set_header Authorization "";
        proxy_set_header Cookie STS_COOKIE=$target_token;
        proxy_pass %%BACKEND%%;
"#;

/// Where the source token is: in `Authorization`, after `Bearer`.
const SOURCE: &str = r#"
    map $http_authorization $source_token {
        default "";
        "~*^Bearer\s+(\S+)$" $1;
    }
"#;

/// An STS and a backend.
///
/// Declare it before the [`Nginx`] that uses it, so that it outlives it.
pub struct Scene {
    /// The STS, which knows [`CLIENT_ID`].
    pub sts: Sts,
    /// The backend, which answers with what it received.
    pub backend: Backend,
}

impl Default for Scene {
    fn default() -> Self {
        Self::new()
    }
}

impl Scene {
    /// Starts both.
    ///
    /// # Panics
    /// When they cannot start.
    pub fn new() -> Self {
        Self::with(Sts::builder())
    }

    /// Starts both, the STS as the test wants it.
    ///
    /// # Panics
    /// When they cannot start.
    pub fn with(sts: devsts::sts::Builder) -> Self {
        let sts = sts.client(Client::new(CLIENT_ID, CLIENT_SECRET)).start().expect("an STS");
        Self { sts, backend: Backend::start().expect("a backend") }
    }

    /// The only call that the STS has received.
    ///
    /// # Panics
    /// When it has received another number of calls.
    #[track_caller]
    pub fn only_call(&self) -> Arc<Call> {
        let mut calls = self.sts.calls();
        assert_eq!(calls.len(), 1, "calls to the STS");
        calls.remove(0)
    }

    /// An NGINX that knows where they are.
    ///
    /// Beyond the placeholders of [`Builder`]: `%%STS%%` (the token endpoint), `%%BACKEND%%` (without
    /// path), `%%EXCHANGE%%` (the directives of an exchange at this STS), `%%OTX%%` (the same, from
    /// `$source_token` to `$target_token`), `%%PASS%%` (proxies to the backend with the target
    /// token in a cookie, and without `Authorization`). `$source_token` is the token of
    /// `Authorization: Bearer`.
    pub fn nginx(&self) -> Builder {
        self.bare_nginx().http(SOURCE)
    }

    /// The same without `$source_token`.
    pub fn bare_nginx(&self) -> Builder {
        Nginx::builder()
            .set("STS", self.sts.endpoint())
            .set("BACKEND", self.backend.url(""))
            .set("EXCHANGE", EXCHANGE)
            .set("OTX", OTX)
            .set("PASS", PASS)
            .forbid_in_log(CLIENT_SECRET)
            .forbid_in_log(CLIENT_BASIC)
    }
}

/// A request as the backend received it, read from the backend's response.
pub struct Seen {
    json: Value,
}

impl Seen {
    /// What the backend saw.
    ///
    /// # Panics
    /// When the response is not one of the backend's.
    #[track_caller]
    pub fn by_backend(response: Response) -> Self {
        Self { json: response.expect_status(200).json() }
    }

    /// The values of a header field.
    pub fn headers(&self, name: &str) -> Vec<String> {
        let pairs = self.json["headers"].as_array().map_or(&[][..], Vec::as_slice);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let same = |pair: &&Value| text(&pair[0]).eq_ignore_ascii_case(name);
        pairs.iter().filter(same).map(|pair| text(&pair[1])).collect()
    }

    /// The value of a header field that there is at most one of.
    ///
    /// # Panics
    /// When there are more.
    #[track_caller]
    pub fn header(&self, name: &str) -> Option<String> {
        let mut values = self.headers(name);
        assert!(values.len() < 2, "{name} came {} times: {values:?}", values.len());
        values.pop()
    }

    /// The token that came as `%%PASS%%` passes it; empty when the cookie had no value.
    ///
    /// # Panics
    /// When there is no such cookie.
    #[track_caller]
    pub fn token(&self) -> String {
        let cookie = self.header("Cookie").expect("a cookie");
        cookie.strip_prefix("STS_COOKIE=").expect("the cookie with the token").to_owned()
    }

    /// The path and the query.
    pub fn uri(&self) -> String {
        self.json["uri"].as_str().unwrap_or_default().to_owned()
    }

    /// The body.
    pub fn body(&self) -> String {
        self.json["body"].as_str().unwrap_or_default().to_owned()
    }
}

/// Fails the test unless the response shows that the backend got the token that was issued for this
/// source token.
///
/// # Panics
/// When it got another, or none.
#[track_caller]
pub fn assert_exchanged(response: Response, source: &str) {
    let token = Seen::by_backend(response).token();
    assert!(devsts::is_for(&token, source), "the backend got {token:?} for the source {source:?}");
}
