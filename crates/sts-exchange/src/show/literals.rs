//! What stands in a directive itself, and may be a secret: tokens, keys, passwords.

use form_urlencoded::byte_serialize;
use sts_core::known::Known;

use crate::harmless;
use crate::redact::{self, SECRET};
use crate::settings::written::Item;

/// Options of a client authentication that are secrets, and what takes their place.
const FILES: [(&str, &str); 3] = [
    ("client_secret", "client_secret_file=/etc/nginx/secrets/client_secret"),
    ("password", "password_file=/etc/nginx/secrets/password"),
    ("jwk", "jwk_file=/etc/nginx/secrets/jwk.json"),
];

/// The words of a directive, without secrets.
pub fn words(item: &Item, known: &Known) -> Vec<String> {
    let name = item.directive.name;
    let shown = |(index, word): (usize, &str)| {
        if doubtful(item, index).is_some() {
            return SECRET.to_owned();
        }
        match index {
            0 if is_url(name) => redact::url(word, known),
            1 if has_credentials(name) => credentials(word, known),
            _ => redact::word(word, known),
        }
    };
    item.words().into_iter().enumerate().map(shown).collect()
}

/// Whether a directive holds a secret itself.
pub fn hides(item: &Item) -> bool {
    let keys = |options: &str| {
        let mut keys = options.split('&').map(|pair| pair.split('=').next().unwrap_or_default());
        keys.any(|key| FILES.iter().any(|(secret, _)| *secret == key))
    };
    secret(item).is_some() || (has_credentials(item.directive.name) && keys(item.argument(1)))
}

/// The first literal of a directive that may be a secret: what it is the value of.
pub fn secret(item: &Item) -> Option<String> {
    (0..item.arguments.len()).find_map(|index| doubtful(item, index))
}

/// What a word of a directive is the value of, where it is a literal that may be a secret.
fn doubtful(item: &Item, index: usize) -> Option<String> {
    let name = item.argument(0);
    let of = match (item.directive.name, index, item.arguments.len()) {
        ("STSActorToken", 0, _) => "the actor token".to_owned(),
        ("STSVariables", 0, 2) => "the source token".to_owned(),
        ("STSRequestParameter", 1.., _) if !harmless::parameter(name) => {
            format!("the parameter \"{name}\"")
        }
        ("STSRequestHeader", 1, _) if !harmless::header(name) => format!("the header \"{name}\""),
        _ => return None,
    };
    (!harmless::of_variables(item.argument(index))).then_some(of)
}

fn is_url(name: &str) -> bool {
    name.ends_with("Endpoint") || name == "STSIssuer"
}

fn has_credentials(name: &str) -> bool {
    name.ends_with("EndpointAuth") || name == "STSOutgoingProxy"
}

/// The options of a client authentication: its secrets stand in files.
fn credentials(options: &str, known: &Known) -> String {
    let shown = |pair: &str| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if let Some((_, file)) = FILES.iter().find(|(secret, _)| *secret == key) {
            return (*file).to_owned();
        }
        if harmless::credential(key) || harmless::of_variables(value) {
            return redact::word(pair, known);
        }
        format!("{key}={}", byte_serialize(SECRET.as_bytes()).collect::<String>())
    };
    options.split('&').map(shown).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directives::find;
    use crate::settings::option_string::command_line;
    use crate::settings::written::Word;

    fn item(text: &str) -> Item {
        let mut words = text.split(' ').map(str::to_owned);
        let directive = find(&words.next().unwrap()).unwrap();
        Item { directive, arguments: words.map(Word::new).collect(), place: command_line() }
    }

    #[test]
    fn a_literal_that_may_be_a_secret_is_not_shown() {
        let mut known = Known::nothing();
        known.add(b"opensesame");
        for (text, expected) in [
            ("STSActorToken abc jwt", "[secret] jwt"),
            ("STSActorToken $a jwt optional", "$a jwt optional"),
            ("STSVariables abc $t", "[secret] $t"),
            ("STSVariables $t", "$t"),
            ("STSRequestHeader X-A abc key=off", "X-A [secret] key=off"),
            ("STSRequestHeader X-A ${a}", "X-A ${a}"),
            ("STSRequestHeader X-Request-ID 5", "X-Request-ID 5"),
            ("STSRequestParameter api_key abc", "api_key [secret]"),
            ("STSRequestParameter api_key $a$b", "api_key $a$b"),
            ("STSRequestParameter scope read", "scope read"),
            ("STSRequestParameter scope opensesame", "scope [secret]"),
            ("STSEndpoint https://a/b?key=c", "https://a/b?key=[1 bytes]"),
            ("STSOTXEndpoint https://a/b", "https://a/b"),
            (
                "STSEndpointAuth basic username=a&password=b",
                "basic username=a&password_file=/etc/nginx/secrets/password",
            ),
            (
                "STSOTXEndpointAuth private_key_jwt client_id=a&client_assertion=b",
                "private_key_jwt client_id=a&client_assertion=%5Bsecret%5D",
            ),
            (
                "STSOTXEndpointAuth private_key_jwt client_id=a&client_assertion=$b",
                "private_key_jwt client_id=a&client_assertion=$b",
            ),
            (
                "STSOutgoingProxy http://p username=a&password=b",
                "http://p username=a&password_file=/etc/nginx/secrets/password",
            ),
        ] {
            assert_eq!(words(&item(text), &known).join(" "), expected, "{text}");
        }
        let long = "x".repeat(50);
        let shown = words(&item(&format!("STSJWTClaim a {long}")), &known).join(" ");
        assert!(!shown.contains(&long), "{shown}");
    }

    #[test]
    fn what_it_is_the_value_of_is_told() {
        let of = |text: &str| secret(&item(text));
        assert_eq!(of("STSActorToken abc").as_deref(), Some("the actor token"));
        assert_eq!(of("STSRequestHeader X-A b").as_deref(), Some("the header \"X-A\""));
        assert_eq!(of("STSRequestParameter a b").as_deref(), Some("the parameter \"a\""));
        assert_eq!(of("STSRequestParameter scope b"), None);
        assert_eq!(of("STSEndpointAuth basic username=a&password=b"), None);
        assert!(hides(&item("STSEndpointAuth basic username=a&password=b")));
        assert!(hides(&item("STSActorToken abc")));
        assert!(!hides(&item("STSEndpointAuth basic username=a&password_file=b")));
    }
}
