//! The answers that no token comes of: where the fault lies, and what the operator is asked.

use sts_core::error::FailureKind;

use crate::recorded::vector::{Vector, all, grant, wstrust};

use FailureKind::{BadAnswer, Denied, GatewayRefused, Refused, Unreachable};

/// Name, where the fault lies, and the code that the server gave.
const OAUTH: [(&str, FailureKind, &str); 137] = [
    ("dex/connector-cannot", Refused, "invalid_request"),
    ("dex/connector-unknown", Refused, "invalid_request"),
    ("dex/endpoint-404", GatewayRefused, ""),
    ("dex/endpoint-issuer", BadAnswer, ""),
    ("dex/no-client", GatewayRefused, "invalid_client"),
    ("dex/no-connector", Refused, "invalid_request"),
    ("dex/otx-id-token", Refused, "access_denied"),
    ("dex/requested-jwt", GatewayRefused, "request_not_supported"),
    ("dex/ropc-wrong-password", Refused, "access_denied"),
    ("dex/subject-garbage", Refused, "access_denied"),
    ("dex/subject-is-id-token", Refused, "access_denied"),
    ("dex/subject-session-ended", Refused, "access_denied"),
    ("dex/subject-tampered", Refused, "access_denied"),
    ("dex/subject-type-jwt", GatewayRefused, "request_not_supported"),
    ("dex/unknown-client", GatewayRefused, "invalid_client"),
    ("dex/wrong-secret", GatewayRefused, "invalid_client"),
    ("keycloak/audience-not-available", Refused, "invalid_request"),
    ("keycloak/audience-unknown", GatewayRefused, "invalid_client"),
    ("keycloak/cc-public-client", GatewayRefused, "unauthorized_client"),
    ("keycloak/cc-scope-unknown", GatewayRefused, "invalid_scope"),
    ("keycloak/cc-wrong-secret", GatewayRefused, "unauthorized_client"),
    ("keycloak/client-assertion-aud", GatewayRefused, "invalid_client"),
    ("keycloak/client-secret-method", GatewayRefused, "unauthorized_client"),
    (
        "keycloak/endpoint-auth-prefix",
        GatewayRefused,
        "Unable to find matching target resource method",
    ),
    ("keycloak/endpoint-authorize", GatewayRefused, "Invalid Request"),
    ("keycloak/endpoint-issuer", GatewayRefused, "HTTP 405 Method Not Allowed"),
    ("keycloak/gateway-consent", GatewayRefused, "invalid_scope"),
    ("keycloak/gateway-needs-dpop", Refused, "invalid_request"),
    ("keycloak/jwt-bearer-audience", Refused, "invalid_grant"),
    ("keycloak/jwt-bearer-audiences", Refused, "invalid_grant"),
    ("keycloak/jwt-bearer-client", Refused, "invalid_grant"),
    ("keycloak/jwt-bearer-expired", Refused, "invalid_grant"),
    ("keycloak/jwt-bearer-garbage", Refused, "invalid_grant"),
    ("keycloak/jwt-bearer-issuer", Refused, "invalid_grant"),
    ("keycloak/jwt-bearer-no-jti", Refused, "invalid_grant"),
    ("keycloak/jwt-bearer-reused", Refused, "invalid_grant"),
    ("keycloak/jwt-bearer-signature", Refused, "invalid_grant"),
    ("keycloak/jwt-bearer-subject", Refused, "invalid_grant"),
    ("keycloak/no-certificate", GatewayRefused, "invalid_client"),
    ("keycloak/no-client", GatewayRefused, "invalid_client"),
    ("keycloak/not-before", Refused, "invalid_request"),
    ("keycloak/not-enabled", Refused, "invalid_request"),
    ("keycloak/public-client", GatewayRefused, "invalid_client"),
    ("keycloak/public-client-disabled", Refused, "invalid_request"),
    ("keycloak/requested-jwt", Refused, "invalid_request"),
    ("keycloak/requested-refresh-token", Refused, "invalid_request"),
    ("keycloak/requested-saml2", Refused, "invalid_request"),
    ("keycloak/requested-subject", Refused, "invalid_request"),
    ("keycloak/ropc-wrong-password", Refused, "invalid_grant"),
    ("keycloak/scope-unknown", GatewayRefused, "invalid_scope"),
    ("keycloak/session-ended", Refused, "invalid_request"),
    ("keycloak/subject-dpop-bound", Refused, "invalid_request"),
    ("keycloak/subject-expired", Refused, "invalid_request"),
    ("keycloak/subject-garbage", Refused, "invalid_request"),
    ("keycloak/subject-is-id-token", Refused, "invalid_request"),
    ("keycloak/subject-is-refresh-token", Refused, "invalid_request"),
    ("keycloak/subject-issuer", Refused, "invalid_request"),
    ("keycloak/subject-old-key", Refused, "invalid_request"),
    ("keycloak/subject-other-realm", Refused, "invalid_request"),
    ("keycloak/subject-tampered", Refused, "invalid_request"),
    ("keycloak/subject-type-id-token", Refused, "invalid_request"),
    ("keycloak/subject-type-jwt", Refused, "invalid_request"),
    ("keycloak/subject-wrong-audience", Denied, "access_denied"),
    ("keycloak/unknown-client", GatewayRefused, "invalid_client"),
    ("keycloak/user-disabled", Refused, "invalid_request"),
    ("keycloak/wrong-method", GatewayRefused, "invalid_client"),
    ("keycloak/wrong-realm", GatewayRefused, "Realm does not exist"),
    ("keycloak/wrong-secret-basic", GatewayRefused, "unauthorized_client"),
    ("keycloak/wrong-secret-post", GatewayRefused, "unauthorized_client"),
    ("keycloak-v1/audience-unknown", GatewayRefused, "invalid_client"),
    ("keycloak-v1/id-token", Refused, "invalid_request"),
    ("keycloak-v1/issuer-expired", Refused, "invalid_token"),
    ("keycloak-v1/issuer-not-permitted", Denied, "access_denied"),
    ("keycloak-v1/issuer-signature", Refused, "invalid_token"),
    ("keycloak-v1/issuer-typ", Refused, "invalid_token"),
    ("keycloak-v1/issuer-unknown", GatewayRefused, "invalid_issuer"),
    ("keycloak-v1/not-permitted", Denied, "access_denied"),
    ("keycloak-v1/saml-not-permitted", Denied, "access_denied"),
    ("nav-mock/client-assertion-aud", Refused, "invalid_request"),
    ("nav-mock/endpoint-issuer", GatewayRefused, ""),
    ("nav-mock/no-client", Refused, "invalid_request"),
    ("nav-mock/subject-garbage", Unreachable, "server_error"),
    ("oidc-provider/cc-invalid-target", GatewayRefused, "invalid_target"),
    ("oidc-provider/client-assertion-aud", GatewayRefused, "invalid_client"),
    ("oidc-provider/client-may-not", Refused, "invalid_request"),
    ("oidc-provider/endpoint-404", GatewayRefused, ""),
    ("oidc-provider/endpoint-root", GatewayRefused, ""),
    ("oidc-provider/invalid-scope", GatewayRefused, "invalid_scope"),
    ("oidc-provider/invalid-target", Denied, "invalid_target"),
    ("oidc-provider/no-certificate", GatewayRefused, "invalid_client"),
    ("oidc-provider/no-client", Refused, "invalid_request"),
    ("oidc-provider/ropc-unsupported", GatewayRefused, "unsupported_grant_type"),
    ("oidc-provider/subject-expired", Refused, "invalid_grant"),
    ("oidc-provider/subject-garbage", Refused, "invalid_grant"),
    ("oidc-provider/subject-revoked", Refused, "invalid_grant"),
    ("oidc-provider/subject-type", Refused, "invalid_request"),
    ("oidc-provider/two-resources", Denied, "invalid_target"),
    ("oidc-provider/unknown-client", GatewayRefused, "invalid_client"),
    ("oidc-provider/wrong-secret", GatewayRefused, "invalid_client"),
    ("oidc-provider/wrong-secret-post", GatewayRefused, "invalid_client"),
    ("zitadel-oidc/endpoint-root", GatewayRefused, ""),
    ("zitadel-oidc/no-client", GatewayRefused, "invalid_client"),
    ("zitadel-oidc/not-permitted", Unreachable, "server_error"),
    ("zitadel-oidc/otx-jwt", Refused, "invalid_request"),
    ("zitadel-oidc/public-client", GatewayRefused, "invalid_client"),
    ("zitadel-oidc/subject-garbage", Refused, "invalid_request"),
    ("zitadel-oidc/unknown-client", GatewayRefused, "invalid_client"),
    ("zitadel-oidc/wrong-secret", GatewayRefused, "invalid_client"),
    ("hydra/cc-audience", GatewayRefused, "invalid_request"),
    ("hydra/cc-scope", GatewayRefused, "invalid_scope"),
    ("hydra/jwt-bearer-client-may-not", GatewayRefused, "unauthorized_client"),
    ("hydra/endpoint-404", GatewayRefused, ""),
    ("hydra/jwt-bearer-expired", Refused, "invalid_grant"),
    ("hydra/jwt-bearer-garbage", Refused, "invalid_grant"),
    ("hydra/jwt-bearer-jti-known", GatewayRefused, "jti_known"),
    ("hydra/jwt-bearer-no-client", Refused, "invalid_request"),
    ("hydra/jwt-bearer-scope", GatewayRefused, "invalid_scope"),
    ("hydra/jwt-bearer-secret-in-form", GatewayRefused, "invalid_client"),
    ("hydra/jwt-bearer-unknown-client", GatewayRefused, "invalid_client"),
    ("hydra/jwt-bearer-unknown-issuer", Refused, "invalid_grant"),
    ("hydra/jwt-bearer-wrong-audience", Refused, "invalid_grant"),
    ("hydra/jwt-bearer-wrong-secret", GatewayRefused, "invalid_client"),
    ("hydra/no-token-exchange", Refused, "invalid_request"),
    ("spring/client-may-not", GatewayRefused, "unauthorized_client"),
    ("spring/wrong-path", GatewayRefused, ""),
    ("spring/may-act", Refused, "invalid_grant"),
    ("spring/no-client", GatewayRefused, ""),
    ("spring/opaque-said-to-be-a-jwt", Refused, "invalid_request"),
    ("spring/requested-saml2", GatewayRefused, "unsupported_token_type"),
    ("spring/resource", Refused, "invalid_request"),
    ("spring/scope", GatewayRefused, "invalid_scope"),
    ("spring/subject-expired", Refused, "invalid_grant"),
    ("spring/subject-garbage", Refused, "invalid_grant"),
    ("spring/subject-of-a-client", Refused, "invalid_grant"),
    ("spring/subject-type-id-token", GatewayRefused, "unsupported_token_type"),
    ("spring/unknown-client", GatewayRefused, "invalid_client"),
    ("spring/wrong-secret", GatewayRefused, "invalid_client"),
];

#[test]
fn every_refusal_of_an_oauth_server_has_its_kind_and_its_code() {
    for (name, kind, code) in OAUTH {
        let name = format!("oauth/{name}");
        let vector = Vector::load(&name);
        let Err(failure) = vector.read(grant(&name)) else { panic!("{name} is a success") };
        assert_eq!(failure.kind, kind, "{name}: {failure}");
        assert!(failure.codes.iter().eq(Some(code).filter(|code| !code.is_empty())), "{name}");
        let asks = name.contains("/endpoint-") && !name.ends_with("endpoint-authorize")
            || name.ends_with("/wrong-realm");
        assert_eq!(failure.reason.ends_with("; is this the token endpoint?"), asks, "{failure}");
    }
}

#[test]
fn every_recorded_answer_of_an_oauth_server_is_a_token_or_in_the_table() {
    for name in all("oauth") {
        let is_refused = Vector::load(&name).read(grant(&name)).is_err();
        let is_here = OAUTH.iter().any(|(known, _, _)| name == format!("oauth/{known}"));
        assert_eq!(is_refused, is_here, "{name}");
    }
}

#[test]
fn a_description_stands_whole_in_the_line() {
    for (name, line) in [
        (
            "keycloak/not-enabled",
            "HTTP 400, error \"invalid_request\", error_description \"Standard token exchange is not \
             enabled for the requested client\"",
        ),
        ("dex/subject-garbage", "HTTP 401, error \"access_denied\""),
        (
            "nav-mock/subject-garbage",
            "HTTP 500, error \"server_error\", error_description \"unexpected exception with message: \
             invalid+serialized+unsecured%2fjws%2fjwe+object%3a+missing+part+delimiters\"",
        ),
    ] {
        let name = format!("oauth/{name}");
        let Err(failure) = Vector::load(&name).read(grant(&name)) else { panic!("{name}") };
        assert_eq!(failure.reason, line);
    }
}

#[test]
fn a_fault_of_a_wstrust_server_has_its_kind_and_its_codes() {
    for (name, kind, codes, reason) in [
        (
            "cxf/fault-default",
            Refused,
            "Sender/SecurityError",
            "A security error was encountered when verifying the message",
        ),
        // A source token that is over, one that was changed, and a relying party that is unknown.
        (
            "cxf/fault-request-failed",
            Refused,
            "Sender/RequestFailed",
            "The specified request failed",
        ),
        (
            "metro/fault-password",
            Refused,
            "Sender/FailedAuthentication",
            "Authentication of Username Password Token Failed",
        ),
        (
            "metro/fault-password-1.1",
            Refused,
            "FailedAuthentication",
            "Authentication of Username Password Token Failed",
        ),
        (
            "metro/fault-assertion-expired",
            Refused,
            "Sender/FailedAuthentication",
            "Validation failed for SAML Assertion",
        ),
        (
            "metro/fault-assertion-changed",
            Refused,
            "Sender/InvalidSecurity",
            "Invalid Security Header",
        ),
        (
            "metro/fault-assertion-issuer",
            Refused,
            "Sender/InvalidSecurityToken",
            "Validation of self signed certificate failed",
        ),
        // Metro blames itself for what it is asked, and long names of Java look like tokens.
        (
            "metro/fault-relying-party",
            Unreachable,
            "Receiver",
            "com.sun.xml....: WST0004:Unknown target service provider https://other.example.com/. STS \
             Configuration does not contain meta data for the service.",
        ),
        (
            "metro/fault-key-type",
            Unreachable,
            "Server",
            "com.sun.xml....: WST0025:Invalid Key Type: http://schemas.xmlsoap.org/ws/2005/02/trust/Bearer \
             applies to the service https://app.example.com/. Must be one of Publickey, Symmetric Key or \
             No Proof Key.",
        ),
        (
            "metro/fault-soap-version",
            Unreachable,
            "Server",
            "Cannot invoke \\\"com.sun.xml....()\\\" because the return value of \\\"com.sun.xml....()\\\" \
             is null",
        ),
    ] {
        let vector = Vector::load(&format!("wstrust/{name}"));
        let Err(failure) = vector.read(wstrust(|_| {})) else { panic!("{name} is a success") };
        assert_eq!(failure.kind, kind, "{name}");
        let code = codes.rsplit('/').next();
        assert!(failure.codes.iter().eq(code), "{name}");
        let told = format!("HTTP 500, fault \"{codes}\", reason \"{reason}\"");
        assert_eq!(failure.reason, told);
    }
}
