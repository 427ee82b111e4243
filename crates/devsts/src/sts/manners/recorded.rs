//! What real servers answered, word for word.

use crate::http::answer::Answer;

/// A recorded answer, by the name of its scenario.
pub(super) type Recorded = (&'static str, &'static [u8]);

/// The files of a server. There is one copy of them in the project, which the tests of the core read.
macro_rules! recorded {
    ($server:literal: $($scenario:literal)*) => {
        &[$((
            $scenario,
            include_bytes!(concat!(
                "../../../../sts-core/tests/vectors/", $server, "/", $scenario, ".http"
            )),
        )),*]
    };
}

pub(super) const KEYCLOAK: &[Recorded] = recorded!(
    "oauth/keycloak":
    "audience-not-available" "audience-unknown" "cc-public-client" "cc-scope-unknown"
    "cc-wrong-secret" "client-assertion-aud" "endpoint-authorize" "endpoint-issuer"
    "gateway-consent" "gateway-needs-dpop" "no-client" "not-before" "not-enabled" "public-client"
    "public-client-disabled" "requested-jwt" "requested-refresh-token" "requested-saml2"
    "requested-subject" "ropc-wrong-password" "scope-unknown" "session-ended" "subject-dpop-bound"
    "subject-expired" "subject-garbage" "subject-is-id-token" "subject-is-refresh-token"
    "subject-issuer" "subject-old-key" "subject-other-realm" "subject-tampered"
    "subject-type-id-token" "subject-type-jwt" "subject-wrong-audience" "unknown-client"
    "user-disabled" "wrong-method" "wrong-realm" "wrong-secret-basic" "wrong-secret-post"
);

pub(super) const DEX: &[Recorded] = recorded!(
    "oauth/dex":
    "connector-cannot" "connector-unknown" "endpoint-404" "endpoint-issuer" "no-client"
    "no-connector" "requested-jwt" "ropc-wrong-password" "subject-garbage" "subject-is-id-token"
    "subject-session-ended" "subject-tampered" "subject-type-jwt" "unknown-client" "wrong-secret"
);

pub(super) const OIDC_PROVIDER: &[Recorded] = recorded!(
    "oauth/oidc-provider":
    "cc-invalid-target" "client-assertion-aud" "endpoint-404" "endpoint-root" "invalid-scope"
    "invalid-target" "no-client" "ropc-unsupported" "subject-expired" "subject-garbage"
    "subject-revoked" "subject-type" "two-resources" "unknown-client" "wrong-secret"
    "wrong-secret-post"
);

pub(super) const ZITADEL: &[Recorded] = recorded!(
    "oauth/zitadel-oidc":
    "endpoint-root" "no-client" "not-permitted" "otx-jwt" "public-client" "subject-garbage"
    "unknown-client" "wrong-secret"
);

pub(super) const NAVIKT: &[Recorded] = recorded!(
    "oauth/nav-mock":
    "client-assertion-aud" "endpoint-issuer" "no-client" "subject-garbage"
);

pub(super) const CXF: &[Recorded] = recorded!("wstrust/cxf": "fault-default");

/// The answer in a file; what frames the body is made anew. `None` where it is no answer.
pub(super) fn answer(file: &[u8]) -> Option<Answer> {
    const FRAMING: [&str; 4] = ["content-length", "transfer-encoding", "connection", "keep-alive"];
    let end = file.windows(4).position(|four| four == b"\r\n\r\n")?;
    let (head, body) = (file.get(..end)?, file.get(end + 4..)?);
    let mut lines = std::str::from_utf8(head).ok()?.split("\r\n");
    let mut status = lines.next()?.splitn(3, ' ').skip(1);
    let answer = Answer::new(status.next()?.parse().ok()?);
    let answer = answer.reason(status.next().unwrap_or_default());
    let fields = lines.filter_map(|line| line.split_once(':'));
    let fields = fields.filter(|(name, _)| !FRAMING.contains(&name.to_ascii_lowercase().as_str()));
    Some(fields.fold(answer, |answer, (name, value)| answer.header(name, value.trim())).body(body))
}
