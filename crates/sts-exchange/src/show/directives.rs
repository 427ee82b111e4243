//! The exchange as the module is told to make it, in both syntaxes. Secrets stand in files there.

use form_urlencoded::byte_serialize;
use sts_core::known::Known;
use sts_core::options::Template;

use super::literals::{self, words};
use crate::exchange::{Exchange, Way};
use crate::settings::option_string::LITERAL_KEY;
use crate::settings::written::Item;

/// What has no part in what is asked for.
const LEFT_OUT: [&str; 9] = [
    "STSCache",
    "STSCryptoPassphrase",
    "STSStatus",
    "STSCachePurge",
    "STSJWKS",
    "STSType",
    "STSROPC",
    "STSExchange",
    "STSIssuerRefresh",
];

/// Parameters of the request that are options by themselves.
const ASKED_FOR: [&str; 5] =
    ["audience", "resource", "scope", "requested_token_type", "subject_token_type"];

/// The file of the key in examples.
const KEY_FILE: &str = "/etc/nginx/secrets/jwk.json";

/// Whether something else stands there for secrets of the configuration itself.
pub fn hides_secrets(exchange: &Exchange) -> bool {
    exchange.items.iter().any(literals::hides) || exchange.items.one(LITERAL_KEY).is_some()
}

/// One directive for each setting.
pub fn one_by_one(exchange: &Exchange, known: &Known) -> String {
    let mut lines = vec![format!("STSType {};", exchange.kind)];
    if exchange.items.one(LITERAL_KEY).is_some() {
        lines.push(format!("STSJWTKeyFile {KEY_FILE};"));
    }
    for item in items(exchange) {
        let words: Vec<String> = words(item, known).iter().map(|word| quoted(word)).collect();
        lines.push(format!("{} {};", item.directive.name, words.join(" ")));
    }
    lines.extend(missing(exchange));
    lines.join("\n")
}

/// All of it in one `STSExchange`, and what cannot stand there behind it.
pub fn in_one(exchange: &Exchange, known: &Known) -> String {
    let mut endpoint = String::new();
    let mut options: Vec<String> = Vec::new();
    let mut form: Vec<String> = Vec::new();
    let mut others: Vec<String> = Vec::new();
    let mut expression = None;
    if exchange.items.one(LITERAL_KEY).is_some() {
        options.push(format!("jwt_key_file={}", encoded(KEY_FILE)));
    }
    for item in items(exchange) {
        let name = item.directive.name;
        let words = words(item, known);
        let word = |index: usize| words.get(index).map_or("", String::as_str);
        let argument = word(0);
        let is_of_ropc = name.starts_with("STSROPC");
        match name {
            _ if name.ends_with("EndpointAuth") => {
                options.push(format!("auth={argument}"));
                options.extend(words.iter().skip(1).filter(|it| !it.is_empty()).cloned());
            }
            _ if name.ends_with("Endpoint") => endpoint = argument.to_owned(),
            _ if name.ends_with("ClientID") => {
                options.push(format!("client_id={}", template(argument)));
            }
            "STSROPCUsername" if is_of_ropc => {
                // With Basic one name serves both places.
                if !options.iter().any(|option| option == "auth=basic") {
                    options.push(format!("username={}", template(argument)));
                }
            }
            "STSRequestParameter" => {
                let value = Template::of_argument(word(1));
                match value.literal() {
                    Some(literal) if ASKED_FOR.contains(&argument) && exchange.kind != "ropc" => {
                        options.push(format!("{argument}={}", encoded(&literal)));
                    }
                    _ => form.push(format!("{}={}", encoded(argument), template(word(1)))),
                }
            }
            "STSJWTFilter" => expression = Some(quoted(argument)),
            _ => match item.directive.key {
                Some((key, of)) if of.has(exchange.kind) => {
                    let value = words.join(" ");
                    let value = if item.directive.has_variables {
                        template(&value)
                    } else {
                        encoded(&value)
                    };
                    match options
                        .iter_mut()
                        .find(|it| item.directive.is_of_list && it.starts_with(&format!("{key}=")))
                    {
                        Some(known) => known.push_str(&format!("+{value}")),
                        None => options.push(format!("{key}={value}")),
                    }
                }
                _ => {
                    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
                    others.push(format!("{name} {};", words.join(" ")));
                }
            },
        }
    }
    if !form.is_empty() {
        // Encoded once more; a `$` still starts a variable.
        options.push(format!("params={}", encoded(&form.join("&")).replace("%24", "$")));
    }
    let mut line = format!("STSExchange {} {}", exchange.kind, quoted(&endpoint));
    if !options.is_empty() || expression.is_some() {
        line.push_str(&format!(" {}", quoted(&options.join("&"))));
    }
    if let Some(expression) = expression {
        line.push_str(&format!(" {expression}"));
    }
    let mut lines = vec![format!("{line};")];
    lines.extend(others);
    lines.extend(missing(exchange));
    lines.join("\n")
}

fn items(exchange: &Exchange) -> impl Iterator<Item = &Item> {
    // Where a type has its own, what is for any has no effect.
    let is_shadowed = |item: &&Item| {
        let Some(rest) = item.directive.name.strip_prefix("STS") else { return false };
        let own = format!(
            "STS{}{rest}",
            match exchange.kind {
                "cc" => "CC",
                "otx" => "OTX",
                "ropc" => "ROPC",
                "wstrust" => "WSTrust",
                _ => return false,
            }
        );
        ["Endpoint", "EndpointAuth", "ClientID"].contains(&rest)
            && exchange.items.one(&own).is_some()
    };
    let of_other = |item: &&Item| {
        let of_types = [
            ("STSCC", "cc"),
            ("STSOTX", "otx"),
            ("STSROPC", "ropc"),
            ("STSWSTrust", "wstrust"),
            ("STSJWT", "jwt"),
        ];
        of_types
            .iter()
            .any(|(start, kind)| item.directive.name.starts_with(start) && *kind != exchange.kind)
    };
    exchange.items.iter().filter(move |item| {
        !LEFT_OUT.contains(&item.directive.name) && !is_shadowed(item) && !of_other(item)
    })
}

/// What a location needs besides, where it was not said.
fn missing(exchange: &Exchange) -> Vec<String> {
    let has_source = !exchange.source.text.is_empty() || !exchange.source.accept.is_empty();
    let mut lines = Vec::new();
    if exchange.source.is_needed && !has_source {
        if matches!(exchange.way, Way::Mint(_)) {
            // The module takes claims from no place that a client writes to.
            lines.push("STSVariables $claims $target_token;".to_owned());
            return lines;
        }
        lines.push("STSAcceptSourceTokenIn header;".to_owned());
    }
    let is_passed = exchange.items.one("STSPassTargetTokenIn").is_some();
    if exchange.targets.is_empty() && !is_passed {
        lines.push("STSPassTargetTokenIn header;".to_owned());
    }
    lines
}

fn encoded(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}

/// The argument of a directive as the value of an option: a `$` in it starts a variable.
fn template(argument: &str) -> String {
    let template = Template::of_argument(argument);
    let pieces = template.pieces().map(|piece| encoded(piece).replace("%24", "$"));
    pieces.collect::<Vec<_>>().join("%24")
}

/// A word of a configuration. One with a brace stands in quotes: whether it would end the word depends on
/// what is before it.
pub fn quoted(word: &str) -> String {
    let is_plain = |c: char| !c.is_whitespace() && !";{}\"'#\\".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    let quote = if word.contains('\'') { '"' } else { '\'' };
    let mut text = String::from(quote);
    for c in word.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            c if c == quote => text.extend(['\\', c]),
            c => text.push(c),
        }
    }
    text.push(quote);
    text
}
