//! What an issuer says of itself, and the directives for it.

use std::fmt::Write;

use serde_json::{Map, Value, json};
use sts_core::client_auth::Method;
use sts_core::endpoint::Endpoint;
use sts_core::metadata::Metadata;
use sts_core::oauth;

/// The metadata of an issuer.
pub struct Discovered {
    issuer: Endpoint,
    metadata: Metadata,
    document: Map<String, Value>,
    /// Where they were found.
    found: String,
}

/// What of the document is of interest, besides the token endpoint.
const SHOWN: [&str; 8] = [
    "authorization_endpoint",
    "introspection_endpoint",
    "revocation_endpoint",
    "jwks_uri",
    "grant_types_supported",
    "token_endpoint_auth_methods_supported",
    "token_endpoint_auth_signing_alg_values_supported",
    "scopes_supported",
];

/// The name of a method in metadata (RFC 8414, section 2; RFC 8705, section 2), and that of the directive.
const METHODS: [(&str, Method, &str); 7] = [
    ("private_key_jwt", Method::PrivateKeyJwt, "client_id=CLIENT&jwk_file=FILE"),
    ("tls_client_auth", Method::ClientCert, "cert=FILE&key=FILE"),
    ("self_signed_tls_client_auth", Method::ClientCert, "cert=FILE&key=FILE"),
    ("client_secret_basic", Method::ClientSecretBasic, "client_id=CLIENT&client_secret_file=FILE"),
    ("client_secret_post", Method::ClientSecretPost, "client_id=CLIENT&client_secret_file=FILE"),
    ("client_secret_jwt", Method::ClientSecretJwt, "client_id=CLIENT&client_secret_file=FILE"),
    ("none", Method::None, ""),
];

impl Discovered {
    /// What was found.
    pub fn new(issuer: Endpoint, metadata: Metadata, document: &[u8], found: &Endpoint) -> Self {
        let document = serde_json::from_slice(document).unwrap_or_default();
        Self { issuer, metadata, document, found: found.url().to_owned() }
    }

    fn list(&self, name: &str) -> Option<Vec<&str>> {
        let values = self.document.get(name)?.as_array()?;
        Some(values.iter().filter_map(Value::as_str).collect())
    }

    /// The types of exchanges that the issuer has by its own words; `None` where it does not say.
    fn types(&self) -> Option<Vec<&'static str>> {
        let grants = self.list("grant_types_supported")?;
        let of =
            |grant: &&'static oauth::grant::Grant| grants.contains(&grant.grant_type().as_str());
        Some(oauth::ALL.into_iter().filter(of).map(|grant| grant.name).collect())
    }

    /// The methods of client authentication that both sides have; without a word of the issuer it is the
    /// default of RFC 8414, section 2.
    fn methods(&self) -> Vec<(Method, &'static str)> {
        let supported = self.list("token_endpoint_auth_methods_supported");
        let supported = supported.unwrap_or_else(|| vec!["client_secret_basic"]);
        let known = METHODS.into_iter().filter(|(name, _, _)| supported.contains(name));
        known.map(|(_, method, options)| (method, options)).collect()
    }

    /// What to write in a location.
    pub fn directives(&self) -> String {
        let types = self.types();
        let kind = types.as_ref().and_then(|types| types.first()).copied().unwrap_or("otx");
        let mut lines =
            vec![format!("STSType {kind};"), format!("STSIssuer {};", self.issuer.url())];
        if let Some((method, options)) = self.methods().into_iter().next() {
            let line = format!("STSEndpointAuth {} {options}", method.name());
            lines.push(format!("{};", line.trim_end()));
        }
        if matches!(kind, "otx" | "jwt_bearer") {
            lines.push("STSRequestParameter audience AUDIENCE;".to_owned());
        }
        if kind != "cc" {
            lines.push("STSAcceptSourceTokenIn header;".to_owned());
        }
        lines.push("STSPassTargetTokenIn header;".to_owned());
        lines.join("\n")
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        match self.types() {
            None => notes.push(
                "it does not say which grants it has: by RFC 8414 these are authorization_code and implicit, \
                 and many servers have more"
                    .to_owned(),
            ),
            Some(types) if types.is_empty() => {
                notes.push("none of its grants is one that the module speaks".to_owned());
            }
            Some(types) if !types.contains(&"otx") => notes.push(format!(
                "it does not name token exchange (RFC 8693) among its grants; of what the module speaks it has: {}",
                types.join(", ")
            )),
            Some(_) => {}
        }
        if self.methods().is_empty() {
            notes.push(
                "none of its methods of client authentication is one that the module has"
                    .to_owned(),
            );
        }
        notes
    }

    /// For a reader.
    pub fn text(&self) -> String {
        let mut text = format!("issuer: {}\nmetadata: {}\n\n", self.issuer.url(), self.found);
        let _ = writeln!(text, "token_endpoint: {}", self.metadata.token_endpoint(false).url());
        let mutual = self.metadata.token_endpoint(true).url();
        if mutual != self.metadata.token_endpoint(false).url() {
            let _ = writeln!(text, "token_endpoint with a client certificate: {mutual}");
        }
        for name in SHOWN {
            match self.document.get(name) {
                Some(Value::String(value)) => {
                    let _ = writeln!(text, "{name}: {}", value.escape_debug());
                }
                Some(Value::Array(_)) => {
                    let values = self.list(name).unwrap_or_default().join(" ");
                    let _ = writeln!(text, "{name}: {}", values.escape_debug());
                }
                _ => {}
            }
        }
        for note in self.notes() {
            let _ = writeln!(text, "\n!! {note}");
        }
        text.push_str("\nDirectives:\n\n");
        for line in self.directives().lines() {
            let _ = writeln!(text, "    {line}");
        }
        text
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let members = SHOWN
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), self.document.get(name)?.clone())));
        json!({
            "version": 1,
            "result": "ok",
            "exit_code": 0,
            "issuer": self.issuer.url(),
            "metadata": self.found,
            "token_endpoint": self.metadata.token_endpoint(false).url(),
            "mtls_token_endpoint": self.metadata.token_endpoint(true).url(),
            "document": members.collect::<Map<_, _>>(),
            "types": self.types(),
            "notes": self.notes(),
            "directives": self.directives(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn discovered(more: &str) -> Discovered {
        let issuer = Endpoint::parse_issuer("https://as.example").unwrap();
        let document = format!(
            "{{\"issuer\":\"https://as.example\",\"token_endpoint\":\"https://as.example/token\"{more}}}"
        );
        let metadata = Metadata::read(document.as_bytes(), &issuer).unwrap();
        let found = issuer.metadata().unwrap()[0].clone();
        Discovered::new(issuer, metadata, document.as_bytes(), &found)
    }

    #[test]
    fn directives_are_those_that_the_issuer_has() {
        let grants = r#","grant_types_supported":["authorization_code","urn:ietf:params:oauth:grant-type:jwt-bearer","client_credentials"],"token_endpoint_auth_methods_supported":["client_secret_post","private_key_jwt"]"#;
        let some = discovered(grants);
        let mut types = some.types().unwrap();
        types.sort_unstable();
        assert_eq!(types, ["cc", "jwt_bearer"]);
        assert!(
            some.directives()
                .contains("STSIssuer https://as.example;\nSTSEndpointAuth private_key_jwt")
        );
        assert!(some.text().contains("does not name token exchange"));
        let all = discovered(
            r#","grant_types_supported":["urn:ietf:params:oauth:grant-type:token-exchange"]"#,
        );
        assert_eq!(
            all.directives(),
            "STSType otx;\nSTSIssuer https://as.example;\n\
             STSEndpointAuth client_secret_basic client_id=CLIENT&client_secret_file=FILE;\n\
             STSRequestParameter audience AUDIENCE;\nSTSAcceptSourceTokenIn header;\n\
             STSPassTargetTokenIn header;"
        );
        assert!(!all.text().contains("!!"), "{}", all.text());
        assert!(discovered("").text().contains("does not say which grants"));
        assert_eq!(discovered("").json()["token_endpoint"], "https://as.example/token");
    }
}
