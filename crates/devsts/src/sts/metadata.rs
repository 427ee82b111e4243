//! What the STS says of itself as an issuer: the metadata of RFC 8414 and of OpenID Connect Discovery.
//! It tells them truthfully; for lies there are scripts.

use serde_json::{Value, json};

use crate::http::answer::Answer;
use crate::server::call::Call;

/// An issuer at this server.
#[derive(Clone, Debug)]
pub struct Metadata {
    path: String,
    oauth: bool,
    openid: bool,
    mtls_token_endpoint: Option<String>,
}

impl Metadata {
    /// The issuer with this path, such as `/realms/x`, or the empty one. It has both forms of metadata.
    pub fn of(path: &str) -> Self {
        Self { path: path.to_owned(), oauth: true, openid: true, mtls_token_endpoint: None }
    }

    /// Has only those of RFC 8414, section 3.
    #[must_use]
    pub fn only_oauth(self) -> Self {
        Self { openid: false, ..self }
    }

    /// Has only those of OpenID Connect Discovery 1.0, section 4.
    #[must_use]
    pub fn only_openid(self) -> Self {
        Self { oauth: false, ..self }
    }

    /// Names another token endpoint for clients with a certificate (RFC 8705, section 5).
    #[must_use]
    pub fn mtls_token_endpoint(self, url: &str) -> Self {
        Self { mtls_token_endpoint: Some(url.to_owned()), ..self }
    }

    /// The path of the issuer.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The answer to a call for metadata, from a server with a token endpoint at this path; `None` for
    /// other calls.
    pub(super) fn answer(&self, call: &Call, token_path: &str) -> Option<Answer> {
        let path = self.path.strip_suffix('/').unwrap_or(&self.path);
        let oauth = format!("/.well-known/oauth-authorization-server{path}");
        let openid = format!("{path}/.well-known/openid-configuration");
        let is_asked =
            (self.oauth && call.target == oauth) || (self.openid && call.target == openid);
        if !is_asked {
            return None;
        }
        if call.method != "GET" {
            return Some(Answer::new(405).header("Allow", "GET"));
        }
        let scheme = if call.tls.is_some() { "https" } else { "http" };
        let origin = format!("{scheme}://{}", call.header("host").unwrap_or_default());
        let mut metadata = json!({
            "issuer": format!("{origin}{}", self.path),
            "authorization_endpoint": format!("{origin}/authorize"),
            "token_endpoint": format!("{origin}{token_path}"),
            "jwks_uri": format!("{origin}/jwks"),
            "response_types_supported": ["code"],
        });
        if let (Value::Object(members), Some(url)) = (&mut metadata, &self.mtls_token_endpoint) {
            members.insert("mtls_endpoint_aliases".to_owned(), json!({ "token_endpoint": url }));
        }
        Some(Answer::json(200, &metadata))
    }
}
