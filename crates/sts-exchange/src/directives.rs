//! The directives of the module: how many arguments each takes, and which option of `STSExchange` says the
//! same. A test compares this table with the module's own.

/// A directive.
#[derive(Debug)]
pub struct Directive {
    /// Its name.
    pub name: &'static str,
    /// How many arguments it takes at least and at most.
    pub arguments: (usize, usize),
    /// It is part of an exchange that is written in directives, and an `STSExchange` takes its place.
    pub is_of_exchange: bool,
    /// The option that says the same, and in which types of `STSExchange`.
    pub key: Option<(&'static str, Of)>,
    /// The value of the option may hold variables.
    pub has_variables: bool,
    /// The option has the arguments of several in a row.
    pub is_of_list: bool,
}

/// The types of `STSExchange` that have an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// All of them.
    All,
    /// `jwt`.
    Jwt,
    /// `otx`.
    Otx,
    /// `wstrust`.
    WsTrust,
}

impl Of {
    /// Whether a type has the option.
    pub fn has(self, kind: &str) -> bool {
        match self {
            Self::All => true,
            Self::Jwt => kind == "jwt",
            Self::Otx => kind == "otx",
            Self::WsTrust => kind == "wstrust",
        }
    }
}

impl Directive {
    const fn of_exchange(self) -> Self {
        Self { is_of_exchange: true, ..self }
    }

    const fn key(self, name: &'static str, of: Of) -> Self {
        Self { key: Some((name, of)), ..self }
    }

    const fn with_variables(self) -> Self {
        Self { has_variables: true, ..self }
    }

    const fn of_list(self) -> Self {
        Self { is_of_list: true, ..self }
    }

    /// The one setting that several directives are ways to write.
    pub fn slot(&self) -> &'static str {
        if self.name == "STSIssuer" { "STSEndpoint" } else { self.name }
    }

    /// It may be written several times in a block.
    pub fn may_repeat(&self) -> bool {
        self.is_of_list || REPEATED.contains(&self.name)
    }
}

/// Those that may be repeated, and are no lists of options.
const REPEATED: [&str; 6] = [
    "STSAcceptSourceTokenIn",
    "STSJWTAudience",
    "STSJWTClaim",
    "STSPassTargetTokenIn",
    "STSRequestParameter",
    "STSBypass",
];

/// The directive with a name.
pub fn find(name: &str) -> Option<&'static Directive> {
    DIRECTIVES.iter().find(|directive| directive.name == name)
}

const fn row(name: &'static str, arguments: (usize, usize)) -> Directive {
    Directive {
        name,
        arguments,
        is_of_exchange: false,
        key: None,
        has_variables: false,
        is_of_list: false,
    }
}

/// All of them, in the order of the manual.
pub static DIRECTIVES: [Directive; 88] = [
    row("STSExchange", (1, 7)),
    row("STSType", (1, 1)).of_exchange(),
    row("STSEndpoint", (1, 1)).of_exchange(),
    row("STSIssuer", (1, 1)).of_exchange().key("issuer", Of::All),
    row("STSIssuerRefresh", (1, 1)).key("issuer_refresh", Of::All),
    row("STSEndpointAuth", (1, 7)).of_exchange(),
    row("STSClientID", (1, 1)).of_exchange(),
    row("STSOTXEndpoint", (1, 1)).of_exchange(),
    row("STSOTXEndpointAuth", (1, 7)).of_exchange(),
    row("STSOTXClientID", (1, 1)).of_exchange(),
    row("STSROPC", (1, 1)).of_exchange(),
    row("STSROPCEndpoint", (1, 1)).of_exchange(),
    row("STSROPCEndpointAuth", (1, 7)).of_exchange(),
    row("STSROPCClientID", (1, 1)).of_exchange(),
    row("STSROPCUsername", (1, 1)).of_exchange(),
    row("STSCCEndpoint", (1, 1)).of_exchange(),
    row("STSCCEndpointAuth", (1, 7)).of_exchange(),
    row("STSCCClientID", (1, 1)).of_exchange(),
    row("STSWSTrustEndpoint", (1, 1)).of_exchange(),
    row("STSWSTrustEndpointAuth", (1, 7)).of_exchange(),
    row("STSWSTrustAppliesTo", (1, 1))
        .of_exchange()
        .key("applies_to", Of::WsTrust)
        .with_variables(),
    row("STSWSTrustTokenType", (1, 1)).of_exchange().key("token_type", Of::WsTrust),
    row("STSWSTrustValueType", (1, 1)).of_exchange().key("value_type", Of::WsTrust),
    row("STSWSTrustVersion", (1, 1)).key("wstrust_version", Of::WsTrust),
    row("STSWSTrustSOAPVersion", (1, 1)).key("wstrust_soap_version", Of::WsTrust),
    row("STSWSTrustKeyType", (1, 1)).key("wstrust_key_type", Of::WsTrust),
    row("STSWSTrustTokenAs", (1, 1)).key("wstrust_token_as", Of::WsTrust),
    row("STSWSTrustSourceAs", (1, 1)).key("wstrust_source_as", Of::WsTrust),
    row("STSWSTrustSourceElements", (1, 4)).key("wstrust_source_elements", Of::WsTrust),
    row("STSWSTrustTokenWrapper", (1, 1)).key("wstrust_token_wrapper", Of::WsTrust),
    row("STSWSTrustTo", (1, 1)).key("wstrust_to", Of::WsTrust),
    row("STSWSTrustClaims", (1, 7)).key("wstrust_claims", Of::WsTrust).with_variables(),
    row("STSJWTKeyFile", (1, 2)).key("jwt_key_file", Of::Jwt),
    row("STSJWTAlgorithm", (1, 1)).key("alg", Of::Jwt),
    row("STSJWTIssuer", (1, 1)).key("iss", Of::Jwt),
    row("STSJWTSubject", (1, 1)).key("sub", Of::Jwt),
    row("STSJWTAudience", (1, 1)).key("aud", Of::Jwt),
    row("STSJWTLifetime", (1, 2)).key("jwt_lifetime", Of::Jwt),
    row("STSJWTClaim", (2, 3)),
    row("STSJWTFilter", (1, 1)),
    row("STSJWTType", (1, 1)).key("jwt_type", Of::Jwt),
    row("STSName", (1, 1)).key("name", Of::All),
    row("STSRequestParameter", (1, 7)).of_exchange(),
    row("STSActorToken", (1, 3)).key("actor_token", Of::Otx).with_variables(),
    row("STSRequestHeader", (2, 3)).key("request_header", Of::All).with_variables().of_list(),
    row("STSVariables", (1, 2)),
    row("STSAcceptSourceTokenIn", (1, 7)),
    row("STSPassTargetTokenIn", (1, 7)),
    row("STSMaxForm", (1, 1)).key("max_form", Of::All),
    row("STSSourceEncoding", (1, 1)).key("source_encoding", Of::All),
    row("STSTargetEncoding", (1, 1)).key("target_encoding", Of::All),
    row("STSAcceptTokenType", (1, 7)).key("accept_token_type", Of::All),
    row("STSExpect", (1, 4)).key("expect", Of::All),
    row("STSSSLValidateServer", (1, 1)).of_exchange().key("ssl_verify", Of::All),
    row("STSSSLTrustedCertificate", (1, 1)).key("ssl_trusted_certificate", Of::All),
    row("STSSSLCRL", (1, 1)).key("ssl_crl", Of::All),
    row("STSSSLProtocols", (1, 4)).key("ssl_protocols", Of::All),
    row("STSSSLCiphers", (1, 1)).key("ssl_ciphers", Of::All),
    row("STSHTTPTimeOut", (1, 1)).of_exchange().key("http_timeout", Of::All),
    row("STSHTTPRetries", (1, 1)).key("http_retries", Of::All),
    row("STSHTTPRetryInterval", (1, 1)).key("http_retry_interval", Of::All),
    row("STSOutgoingProxy", (1, 7)).key("outgoing_proxy", Of::All),
    row("STSHost", (1, 1)).key("host", Of::All),
    row("STSDependsOn", (1, 4)).key("depends_on", Of::All),
    row("STSPhase", (1, 1)).key("phase", Of::All),
    row("STSAfterBody", (1, 1)).key("after_body", Of::All),
    row("STSBypass", (1, 7)).key("bypass", Of::All).with_variables(),
    row("STSOnError", (1, 1)).key("on_error", Of::All),
    row("STSOnMissing", (1, 1)).key("on_missing", Of::All),
    row("STSErrorStatus", (2, 2)).key("error_status", Of::All).of_list(),
    row("STSMaxResponse", (1, 1)).key("max_response", Of::All),
    row("STSKeepalive", (1, 3)).key("keepalive", Of::All),
    row("STSMaxCalls", (1, 6)).key("max_calls", Of::All).with_variables(),
    row("STSBreaker", (1, 2)).key("breaker", Of::All),
    row("STSCache", (1, 7)),
    row("STSCachePurge", (0, 0)),
    row("STSStatus", (0, 0)),
    row("STSJWKS", (1, 7)),
    row("STSCryptoPassphrase", (1, 1)),
    row("STSCacheExpiresIn", (1, 1)).of_exchange().key("cache.expiry", Of::All),
    row("STSExpiryLeeway", (1, 1)).key("expiry_leeway", Of::All),
    row("STSRefreshAhead", (1, 1)).key("refresh_ahead", Of::All),
    row("STSNegativeTTL", (1, 1)).key("negative_ttl", Of::All),
    row("STSPurgeOn", (1, 7)).key("purge_on", Of::All),
    row("STSRetryOn", (1, 7)).key("retry_on", Of::All),
    row("STSBoundTokens", (1, 1)).key("bound_tokens", Of::All),
    row("STSIgnoreClientAbort", (1, 1)).key("ignore_client_abort", Of::All),
    row("STSChallenge", (1, 1)).key("challenge", Of::All),
];

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// The module's own table, in the words of this one.
    fn of_the_module() -> Vec<String> {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../ngx-http-sts/src/conf/directives.rs");
        let text = fs::read_to_string(path).unwrap();
        let start = text.find("static DIRECTIVES").unwrap();
        let text = &text[start..start + text[start..].find("\n];").unwrap()];
        let quoted = |part: &str, before: &str| {
            let at = part.find(before)? + before.len();
            part[at..].split('"').next().map(str::to_owned)
        };
        text.split("directive(c\"")
            .skip(1)
            .map(|part| {
                let name = part.split('"').next().unwrap();
                let numbers = &part[part.find('(').unwrap()..=part.find(')').unwrap()];
                let key = quoted(part, ".key(\"").map(|key| format!("{key} All"));
                let key_of = part.split(".key_of(Kind::").nth(1).map(|rest| {
                    let of = match rest.split([',', '(']).next().unwrap() {
                        "OAuth" => "Otx",
                        other => other,
                    };
                    format!("{} {of}", rest.split('"').nth(1).unwrap())
                });
                format!(
                    "{name} {numbers} {} {:?} {} {}",
                    part.contains(".of_exchange()"),
                    key.or(key_of),
                    part.contains(".with_variables()"),
                    part.contains(".of_list"),
                )
            })
            .collect()
    }

    #[test]
    fn the_table_is_that_of_the_module() {
        let own: Vec<_> = DIRECTIVES
            .iter()
            .map(|directive| {
                let key = directive.key.map(|(name, of)| format!("{name} {of:?}"));
                let Directive {
                    name, arguments, is_of_exchange, has_variables, is_of_list, ..
                } = directive;
                format!(
                    "{name} {arguments:?} {is_of_exchange} {key:?} {has_variables} {is_of_list}"
                )
            })
            .collect();
        assert_eq!(own, of_the_module());
    }
}
