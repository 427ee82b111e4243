//! What is known by its name to hold no secret. All else may hold one, and is not shown.

use sts_core::parameters;

use crate::values::{Part, parts};

/// Whether the value of a parameter of a call says only what is asked for, of which client, and about which
/// user.
pub fn parameter(name: &str) -> bool {
    const NAMES: [&str; 16] = [
        "acr_values",
        "actor_token_type",
        "client_assertion_type",
        "client_id",
        // Auth0.
        "connection",
        // dex.
        "connector_id",
        // Agents of Entra.
        "fmi_path",
        "grant_type",
        "organization",
        // Keycloak's legacy exchange.
        "requested_issuer",
        "requested_subject",
        "subject_issuer",
        "tenant",
        "tenant_id",
        "tenantId",
        "username",
    ];
    parameters::is_public(name) || NAMES.contains(&name)
}

/// Whether the value of a header of a call only says what the message is, or tells one call from another.
pub fn header(name: &str) -> bool {
    const NAMES: [&str; 13] = [
        "accept",
        "accept-encoding",
        "accept-language",
        "connection",
        "content-length",
        "content-type",
        "host",
        "soapaction",
        "traceparent",
        "tracestate",
        "user-agent",
        "x-correlation-id",
        "x-request-id",
    ];
    NAMES.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// Whether the value of a header of an answer describes the message and the connection alone.
pub fn answer_header(name: &str) -> bool {
    const NAMES: [&str; 21] = [
        "allow",
        "cache-control",
        "connection",
        "content-encoding",
        "content-language",
        "content-length",
        "content-type",
        "date",
        "expires",
        "keep-alive",
        "location",
        "pragma",
        "retry-after",
        "server",
        "strict-transport-security",
        "transfer-encoding",
        "vary",
        "via",
        "www-authenticate",
        "x-correlation-id",
        "x-request-id",
    ];
    NAMES.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// Whether the option of a client authentication is none of its secrets, but a name, or the file of one.
pub fn credential(name: &str) -> bool {
    const NAMES: [&str; 12] = [
        "aud",
        "cert",
        "client_assertion_file",
        "client_assertion_type",
        "client_id",
        "client_secret_file",
        "jwk_file",
        "key",
        "password_file",
        "password_type",
        "typ",
        "username",
    ];
    NAMES.contains(&name)
}

/// Whether a text is made of variables alone, which a configuration may show: between them are signs and the
/// names of schemes.
pub fn of_variables(text: &str) -> bool {
    const SCHEMES: [&str; 3] = ["Bearer", "Basic", "DPoP"];
    let is_plain = |text: &str| {
        let mut words = text.split(|c: char| !c.is_alphanumeric()).filter(|it| !it.is_empty());
        words.all(|word| SCHEMES.iter().any(|scheme| scheme.eq_ignore_ascii_case(word)))
    };
    parts(text).is_ok_and(|parts| {
        parts.iter().all(|part| match part {
            Part::Variable(_) => true,
            Part::Text(text) => is_plain(text),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_variables_has_no_word_of_its_own() {
        for text in ["", "$a", "Bearer $a", "${a}-$b", "$1", "dpop ${token}"] {
            assert!(of_variables(text), "{text}");
        }
        for text in ["a", "x$a", "$a.s3cret", "Bearer abc", "Token $a", "$", "${a"] {
            assert!(!of_variables(text), "{text}");
        }
    }

    #[test]
    fn what_is_not_known_may_be_a_secret() {
        for name in ["client_info", "assertion", "subject_token", "request_context", "Scope", ""] {
            assert!(!parameter(name), "{name}");
        }
        for name in ["authorization", "Proxy-Authorization", "x-api-key", "cookie", "baggage"] {
            assert!(!header(name), "{name}");
        }
        assert!(!answer_header("set-cookie") && !credential("jwk") && !credential("password"));
        assert!(parameter("scope") && parameter("audience") && header("Traceparent"));
    }
}
