//! `STSExchange` and `STSROPC`, as the directives that their options stand for.

use std::rc::Rc;

use sts_core::argument;
use sts_core::client_auth::{ClientAuth, Method};
use sts_core::mint;
use sts_core::oauth;
use sts_core::oauth::grant::Source;
use sts_core::options::{Options, Template, has_variable};
use sts_core::parameters;
use sts_core::wstrust::endpoint_auth;

use super::written::{Item, Place, Word};
use crate::directives::{DIRECTIVES, Directive, find};
use crate::problem::Problem;

/// The name under which the JWK of an `STSExchange` is kept.
pub const LITERAL_KEY: &str = "STSExchange";

/// Parameters of the request that OAuth exchanges have as options.
const ASKED_FOR: [&str; 5] =
    ["audience", "resource", "scope", "requested_token_type", "subject_token_type"];

/// The options whose values may hold variables, besides those that their directive says it of.
const WITH_VARIABLES: [&str; 4] = ["params", "client_id", "username", "challenge"];

/// The types.
pub fn kinds() -> Vec<&'static str> {
    let grants = oauth::ALL.into_iter().map(|grant| grant.name);
    ["wstrust"].into_iter().chain(grants).chain([mint::NAME, "disabled"]).collect()
}

/// The directives that an `STSExchange` stands for.
///
/// # Errors
/// It is none that the module would take.
pub fn of_exchange(arguments: &[Word], place: &Place) -> Result<Vec<Item>, Problem> {
    let words: Vec<&str> = arguments.iter().map(|word| word.as_str()).collect();
    let all: Vec<_> = kinds().into_iter().map(|kind| (kind, kind)).collect();
    let kind = argument::word(words.first().copied().unwrap_or_default(), &all)?;
    let mut reader = Reader { place: place.clone(), items: Vec::new(), allowed: vec!["auth"] };
    reader.push("STSType", &[kind]);
    let (endpoint, text, expression) = match words.as_slice() {
        _ if kind == "disabled" => return Ok(reader.items),
        [_, endpoint] => (*endpoint, "", None),
        [_, endpoint, options] => (*endpoint, *options, None),
        [_, endpoint, options, expression] => (*endpoint, *options, Some(*expression)),
        _ => return Err(Problem::new("the arguments are: type endpoint [options]")),
    };
    if expression.is_some() && kind != mint::NAME {
        return Err(Problem::new("this type takes no jq expression"));
    }
    let keys = DIRECTIVES.iter().filter(|directive| directive.has_variables);
    let keys = keys.filter_map(|directive| Some(directive.key?.0));
    let expanded: Vec<_> = WITH_VARIABLES.into_iter().chain(keys).collect();
    let mut options = Options::parse_with_lists(text, &expanded, parameters::may_repeat)?;
    let grant = oauth::ALL.into_iter().find(|grant| grant.name == kind);
    match grant {
        _ if kind == mint::NAME => reader.minting(endpoint, &mut options, expression)?,
        grant => {
            match (options.contains("issuer"), endpoint) {
                (false, endpoint) => reader.push("STSEndpoint", &[endpoint]),
                (true, "") => {}
                (true, _) => {
                    return Err(Problem::new(
                        "option \"issuer\": the endpoint is what the issuer tells: write '' in the place \
                         of its URL",
                    ));
                }
            }
            reader.credentials(grant.is_none(), text, &mut options)?;
            if let Some(grant) = grant {
                reader.grant(grant.source, &mut options)?;
            }
        }
    }
    reader.keys(kind, &mut options)?;
    options.finish(&reader.allowed)?;
    Ok(reader.items)
}

/// The directives that an `STSROPC` stands for.
///
/// # Errors
/// It is none that the module would take.
pub fn of_ropc(text: &str, place: &Place) -> Result<Vec<Item>, Problem> {
    let mut options = Options::parse_with_variables(text, &["client_id", "username"])?;
    let allowed = vec!["auth", "url", "ssl_verify", "http_timeout"];
    let mut reader = Reader { place: place.clone(), items: Vec::new(), allowed };
    let url = options.require_text("url")?;
    let verify = options.take_text("ssl_verify")?;
    let timeout = options.take_text("http_timeout")?;
    let said = [verify.as_deref().unwrap_or("on"), timeout.as_deref().unwrap_or_default()];
    reader.push("STSROPC", &said);
    reader.push("STSEndpoint", &[&url]);
    reader.credentials(false, text, &mut options)?;
    reader.grant(Source::Password, &mut options)?;
    options.finish(&reader.allowed)?;
    // They are the grant's own, whatever is said for any type.
    for item in &mut reader.items {
        let own = item.directive.name.strip_prefix("STS").map(|name| format!("STSROPC{name}"));
        if let Some(directive) = own.and_then(|own| find(&own)) {
            item.directive = directive;
        }
    }
    Ok(reader.items)
}

struct Reader {
    place: Place,
    items: Vec<Item>,
    /// The keys that mean something.
    allowed: Vec<&'static str>,
}

impl Reader {
    fn push(&mut self, name: &str, words: &[&str]) {
        if let Some(directive) = find(name) {
            self.add(directive, words);
        }
    }

    fn add(&mut self, directive: &'static Directive, words: &[&str]) {
        let arguments = words.iter().map(|word| Word::new((*word).to_owned())).collect();
        self.items.push(Item { directive, arguments, place: self.place.clone() });
    }

    /// `auth` and its options. They are taken out of the `text`, so that they stay as they are encoded.
    fn credentials(
        &mut self,
        is_wstrust: bool,
        text: &str,
        options: &mut Options,
    ) -> Result<(), Problem> {
        let method = options.take_text("auth")?.unwrap_or_else(|| Method::None.name().to_owned());
        let keys = if is_wstrust {
            endpoint_auth::keys(&method)?
        } else {
            Method::parse(&method)?.options()
        };
        self.allowed.extend(keys);
        let is_result = ClientAuth::is_result(options);
        let is_its_own = |key: &str| {
            keys.contains(&key) && !(is_result && key == "client_id" && options.names_variable(key))
        };
        let literal = keys.iter().find(|key| is_its_own(key) && options.has_variables(key));
        if let Some(key) = literal.filter(|key| matches!(**key, "client_id" | "username")) {
            return Err(Problem::new(format!(
                "option \"{key}\": with this client authentication the value cannot hold variables; a \
                 literal \"$\" is written %24"
            )));
        }
        let own: Vec<&str> = text
            .split('&')
            .filter(|pair| is_its_own(pair.split('=').next().unwrap_or("")))
            .collect();
        let own = Word::new(own.join("&"));
        let mut words = vec![method.as_str()];
        if !own.is_empty() {
            words.push(&own);
        }
        // Both syntaxes have it checked in the same words.
        let auth = if is_wstrust {
            endpoint_auth::parse(&method, words.get(1).copied()).map_err(Problem::from)?
        } else {
            ClientAuth::parse(&method, words.get(1).copied()).map_err(Problem::from)?
        };
        let taken: Vec<_> = keys.iter().copied().filter(|key| is_its_own(key)).collect();
        self.push("STSEndpointAuth", &words);
        for key in taken {
            options.take(key);
        }
        if method == Method::Basic.name()
            && !is_wstrust
            && let Some(id) = auth.id()
        {
            // One name serves both places.
            let name = Template::of_literal(id).to_argument();
            self.push("STSROPCUsername", &[&name]);
        }
        Ok(())
    }

    fn grant(&mut self, source: Source, options: &mut Options) -> Result<(), Problem> {
        self.allowed.push("client_id");
        if let Some(template) = options.take_template("client_id")? {
            self.push("STSClientID", &[&template.to_argument()]);
        }
        let has_username = self.items.iter().any(|item| item.directive.name == "STSROPCUsername");
        if source != Source::Password {
            self.items.retain(|item| item.directive.name != "STSROPCUsername");
        } else {
            self.allowed.extend(["username", "password"]);
            if let Some(template) = options.take_template("username")?
                && !has_username
            {
                self.push("STSROPCUsername", &[&template.to_argument()]);
            }
            // The source token is the password.
            options.take("password");
        }
        self.allowed.push("params");
        for (name, value) in options.take_form("params")?.into_iter().flatten() {
            self.push("STSRequestParameter", &[&name, &value.to_argument()]);
        }
        if source != Source::Password {
            self.allowed.extend(ASKED_FOR);
            for (name, value) in options.take_texts(&ASKED_FOR)? {
                let value = Template::of_literal(&value).to_argument();
                self.push("STSRequestParameter", &[name, &value]);
            }
        }
        Ok(())
    }

    /// In the place of the endpoint there is a key.
    fn minting(
        &mut self,
        key: &str,
        options: &mut Options,
        expression: Option<&str>,
    ) -> Result<(), Problem> {
        if options.take_text("auth")?.is_some_and(|method| method != Method::None.name()) {
            return Err(Problem::new(
                "option \"auth\": no STS is called, so only \"none\" is allowed",
            ));
        }
        match (key, options.contains("jwt_key_file")) {
            ("", true) => {}
            ("", false) => {
                return Err(Problem::new(
                    "the private key is missing: a JWK stands in the place of the endpoint, or '' with the \
                     option \"jwt_key_file\"",
                ));
            }
            (_, true) => {
                return Err(Problem::new(
                    "option \"jwt_key_file\": the key is in the file: write '' in the place of the JWK",
                ));
            }
            (key, false) => self.push(LITERAL_KEY, &[mint::NAME, key]),
        }
        self.allowed.extend(["client_id", "jq.cache.name"]);
        if let Some(template) = options.take_template("client_id")? {
            self.push("STSClientID", &[&template.to_argument()]);
        }
        options.take("jq.cache.name");
        if let Some(expression) = expression {
            self.push("STSJWTFilter", &[expression]);
        }
        Ok(())
    }

    /// All that has a directive of its own.
    fn keys(&mut self, kind: &str, options: &mut Options) -> Result<(), Problem> {
        for directive in &DIRECTIVES {
            let Some((key, of)) = directive.key else { continue };
            if !of.has(kind) {
                continue;
            }
            self.allowed.push(key);
            let proxy =
                if directive.name == "STSOutgoingProxy" { self.proxy(options)? } else { None };
            let value = if directive.has_variables {
                options.take_template(key)?.map(|template| template.to_argument())
            } else {
                options.take_text(key)?
            };
            let Some(value) = value else { continue };
            let in_option = |problem: &str| Problem::new(format!("option \"{key}\": {problem}"));
            let (least, most) = directive.arguments;
            if let Some(proxy) = &proxy {
                self.add(directive, &[&value, proxy]);
                continue;
            }
            if most == 1 || directive.name == "STSOutgoingProxy" {
                // A decoded value has no variables where its directive could have some.
                let is_text = matches!(key, "iss" | "sub" | "aud");
                let value =
                    if is_text { Template::of_literal(&value).to_argument() } else { value };
                if has_variable(&value) && matches!(key, "wstrust_to" | "token_type" | "value_type")
                {
                    return Err(in_option("the value holds no variables"));
                }
                self.add(directive, &[&value]);
                continue;
            }
            let words: Vec<&str> = value.split_ascii_whitespace().collect();
            if directive.is_of_list {
                let flag = (directive.name == "STSRequestHeader").then_some("key=off");
                let groups = argument::groups(&words, least, flag).ok_or_else(|| {
                    in_option(&format!("the value must be {least} words, or a multiple"))
                })?;
                groups.into_iter().for_each(|words| self.add(directive, words));
            } else if (least..=most).contains(&words.len()) {
                self.add(directive, &words);
            } else {
                return Err(in_option(&format!("the value must be {least} to {most} words")));
            }
        }
        self.allowed.push("cache.name");
        options.take("cache.name");
        Ok(())
    }

    /// The credentials of the proxy, as they stand behind it in the directive.
    fn proxy(&mut self, options: &mut Options) -> Result<Option<String>, Problem> {
        const OPTIONS: [(&str, &str); 2] = [
            ("outgoing_proxy_username", "username"),
            ("outgoing_proxy_password_file", "password_file"),
        ];
        self.allowed.extend(OPTIONS.map(|(option, _)| option));
        if OPTIONS.iter().all(|(option, _)| !options.contains(option)) {
            return Ok(None);
        }
        let mut argument = form_urlencoded::Serializer::new(String::new());
        for (option, name) in OPTIONS {
            argument.append_pair(name, &options.require_text(option)?);
        }
        Ok(Some(argument.finish()))
    }
}

/// Where the words of a command line stand.
pub fn command_line() -> Place {
    Place { file: Rc::from("the command line"), line: 0 }
}
