//! The URL of an issuer, which tells its endpoints by its metadata.

use super::{Endpoint, EndpointError, Host, Scheme};

/// Where RFC 8414, section 3.1 has the metadata: between host and path.
const OAUTH: &str = "/.well-known/oauth-authorization-server";

/// Where OpenID Connect Discovery 1.0, section 4 has them: behind the path.
const OPENID: &str = "/.well-known/openid-configuration";

impl Endpoint {
    /// Reads the URL of an issuer (RFC 8414, section 2): `https`, or `http` on this machine, without
    /// query and fragment.
    ///
    /// # Errors
    /// It is no such URL. The error never shows it.
    pub fn parse_issuer(url: &str) -> Result<Self, EndpointError> {
        let endpoint = Self::parse(url)?;
        if matches!(endpoint.host, Host::Unix(_)) {
            return Err(EndpointError::IssuerSocket);
        }
        if url.contains('?') {
            return Err(EndpointError::IssuerQuery);
        }
        // It is compared byte for byte, and the same host would be meant without the dot.
        if endpoint.dot.is_some() {
            return Err(EndpointError::IssuerDot);
        }
        if endpoint.scheme == Scheme::Http && !endpoint.is_loopback() {
            return Err(EndpointError::IssuerClear);
        }
        Ok(Self { is_issuer: true, ..endpoint })
    }

    /// Whether this is an issuer, which tells where its token endpoint is.
    pub fn is_issuer(&self) -> bool {
        self.is_issuer
    }

    /// Where its metadata are, in the order in which they are asked for: as OAuth has it, then as OpenID
    /// Connect has it. A `/` at the end of the path is not a part of either.
    ///
    /// # Errors
    /// None, for what [`Self::parse_issuer`] has read.
    pub fn metadata(&self) -> Result<[Self; 2], EndpointError> {
        let authority = self.url.find("://").map_or(0, |colon| colon + 3);
        let path = self.url.get(authority..).and_then(|rest| rest.find('/'));
        let (origin, path) =
            self.url.split_at(path.map_or(self.url.len(), |slash| authority + slash));
        let path = path.strip_suffix('/').unwrap_or(path);
        Ok([
            Self::parse(&format!("{origin}{OAUTH}{path}"))?,
            Self::parse(&format!("{origin}{path}{OPENID}"))?,
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_are_where_both_standards_have_them() {
        for (issuer, oauth, openid) in [
            (
                "https://a.example",
                "https://a.example/.well-known/oauth-authorization-server",
                "https://a.example/.well-known/openid-configuration",
            ),
            (
                "https://a.example/",
                "https://a.example/.well-known/oauth-authorization-server",
                "https://a.example/.well-known/openid-configuration",
            ),
            (
                "https://a.example:8443/realms/x",
                "https://a.example:8443/.well-known/oauth-authorization-server/realms/x",
                "https://a.example:8443/realms/x/.well-known/openid-configuration",
            ),
            (
                "http://[::1]:8080/a//",
                "http://[::1]:8080/.well-known/oauth-authorization-server/a/",
                "http://[::1]:8080/a//.well-known/openid-configuration",
            ),
        ] {
            let parsed = Endpoint::parse_issuer(issuer).unwrap();
            assert!(parsed.is_issuer() && parsed.url() == issuer && parsed.name() == issuer);
            let urls = parsed.metadata().unwrap();
            assert_eq!(urls.each_ref().map(Endpoint::url), [oauth, openid]);
            assert!(urls.iter().all(|url| !url.is_issuer()));
            assert_ne!(parsed, Endpoint::parse(issuer).unwrap(), "it is no endpoint");
        }
    }

    #[test]
    fn what_no_issuer_may_be_is_refused() {
        for (url, error) in [
            ("https://a?b", EndpointError::IssuerQuery),
            ("https://a/?", EndpointError::IssuerQuery),
            ("http://unix:/s:/a", EndpointError::IssuerSocket),
            ("https://a./", EndpointError::IssuerDot),
            ("http://a.example/", EndpointError::IssuerClear),
            ("http://127.0.0.1.example/", EndpointError::IssuerClear),
            ("https://a/#b", EndpointError::Fragment),
            ("https://u:p@a/", EndpointError::UserInfo),
            ("a.example", EndpointError::Scheme),
        ] {
            assert_eq!(Endpoint::parse_issuer(url), Err(error), "{url}");
        }
    }
}
