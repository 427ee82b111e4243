//! `STSExchange type endpoint [options] [jq expression]`: a whole exchange in one directive.

use std::rc::Rc;

use sts_core::client_auth::Method;
use sts_core::endpoint::Endpoint;
use sts_core::oauth::grant::{Grant, Source};
use sts_core::options::{OptionError, Options, Template};
use sts_core::parameters;
use sts_core::secret::Secret;
use sts_core::wstrust::endpoint_auth;

use crate::conf::argument::{self, Problem};
use crate::conf::directive::{Accepted, Block, Directive, Part, Refusal};
use crate::conf::directives::warn_of_blanks;
use crate::conf::grant_options::{self, AUTH, CLIENT_ID, GrantReader, USERNAME, in_option};
use crate::conf::issuer;
use crate::conf::jwt::KeyPlace;
use crate::conf::keys;
use crate::conf::kind::Kind;
use crate::conf::parameter;
use crate::conf::settings::Settings;
use crate::conf::text::Text;
use crate::conf::written::Whole;

const CACHE_NAME: &str = "cache.name";
const PARAMS: &str = "params";
const JQ_CACHE_NAME: &str = "jq.cache.name";
const JWT_KEY_FILE: &str = "jwt_key_file";

/// Parameters of the request that OAuth exchanges have by themselves: literal, and no form within a form.
const ASKED_FOR: [&str; 5] =
    ["audience", "resource", "scope", "requested_token_type", "subject_token_type"];

/// The options whose values may hold variables, besides those that their directive says it of.
const WITH_VARIABLES: [&str; 4] = [PARAMS, CLIENT_ID, USERNAME, "challenge"];

/// Reads the directive.
pub(super) fn set(block: &mut Block<'_>, arguments: &[&str]) -> Accepted {
    if block.whole.is_some() {
        return Err(Refusal::Duplicate);
    }
    let seed = block.names.iter().find(|directive| directive.part == Part::Exchange);
    if let Some(directive) = seed {
        let name = directive.name.to_string_lossy();
        let problem = format!("it cannot be mixed with \"{name}\" in one block");
        return Err(problem.into());
    }
    let kind = argument::word(arguments.first().copied().unwrap_or_default(), &Kind::words())?;
    let mut whole = Whole { settings: Settings::default(), keys: Vec::new() };
    whole.settings.kind = Some(kind);
    whole.settings.places.add(block.directive, block.place.clone());
    if kind == Kind::Disabled {
        // What else is written is of an exchange that was there, or is to be.
        *block.whole = Some(whole);
        return Ok(());
    }
    let (endpoint, options, expression) = match arguments {
        [_, endpoint] => (endpoint, "", None),
        [_, endpoint, options] => (endpoint, *options, None),
        [_, endpoint, options, expression] => (endpoint, *options, Some(*expression)),
        [_] => {
            let problem = "an endpoint is missing: the arguments are type, endpoint and options, as \
                           in \"STSExchange otx https://sts.example.com/token audience=orders\"; an \
                           \"issuer\" among the options has '' in the place of the endpoint";
            return Err(Problem::from(problem).into());
        }
        _ => return Err(several_options()),
    };
    if expression.is_some() && kind != Kind::Jwt {
        // Claims, which are what an expression works on, are made by NGINX for one type only. So the
        // options were written with spaces between them.
        return Err(several_options());
    }
    warn_of_blanks(block.conf, block.directive, Some(options));
    let with_variables: Vec<_> = WITH_VARIABLES.into_iter().chain(keys::with_variables()).collect();
    let options = Options::parse_with_lists(options, &with_variables, parameters::may_repeat);
    let options = options.map_err(|error| error.to_string())?;
    let mut reader = Reader { block, whole, options, allowed: vec![AUTH] };
    match kind {
        Kind::WsTrust => {
            let endpoint = endpoint_or_issuer(endpoint, &reader.options)?;
            reader.wstrust(endpoint)?;
        }
        Kind::OAuth(grant) => {
            let endpoint = endpoint_or_issuer(endpoint, &reader.options)?;
            reader.grant(grant, endpoint)?;
        }
        Kind::Jwt => reader.jwt(endpoint, expression)?,
        Kind::Disabled => {}
    }
    reader.keys(kind)?;
    let Reader { options, allowed, whole, .. } = reader;
    options.finish(&allowed).map_err(|error| error.to_string())?;
    *block.whole = Some(whole);
    Ok(())
}

/// More stands behind the options than a filter of claims.
fn several_options() -> Refusal {
    let types = "; an expression of jq behind them is for the type \"jwt\" alone";
    Problem::from(format!("{}{types}", argument::ONE_WORD)).into()
}

/// The endpoint; `None` where the option `issuer` stands for it, and its place is empty.
fn endpoint_or_issuer(endpoint: &str, options: &Options) -> Result<Option<Endpoint>, Problem> {
    if !options.contains(issuer::KEY) {
        return Endpoint::parse(endpoint).map(Some).map_err(|error| error.to_string());
    }
    if endpoint.is_empty() {
        return Ok(None);
    }
    let problem = "the endpoint is what the issuer tells: write '' in the place of its URL";
    Err(in_option(issuer::KEY, problem))
}

/// Takes the options one after the other.
struct Reader<'r, 'b> {
    block: &'r mut Block<'b>,
    whole: Whole,
    options: Options,
    /// The keys that mean something.
    allowed: Vec<&'static str>,
}

impl Reader<'_, '_> {
    /// What WS-Trust has for itself, and no key of a directive stands for.
    fn wstrust(&mut self, endpoint: Option<Endpoint>) -> Accepted {
        let method = self.options.take_text(AUTH).map_err(|error| error.to_string())?;
        let method = method.as_deref().unwrap_or(Method::None.name());
        let keys = endpoint_auth::keys(method).map_err(|error| in_option(AUTH, error))?;
        self.allowed.extend(keys);
        grant_options::check_literal(&self.options, keys)?;
        let auth = endpoint_auth::from_options(method, &mut self.options)
            .map_err(|error| format!("\"auth={method}\": {error}"))?;
        let settings = &mut self.whole.settings.wstrust;
        settings.endpoint = endpoint;
        settings.auth = Some(auth);
        Ok(())
    }

    /// What a grant of OAuth has for itself.
    fn grant(&mut self, grant: &'static Grant, endpoint: Option<Endpoint>) -> Accepted {
        let mut reader = GrantReader {
            conf: self.block.conf,
            directive: self.block.directive,
            options: &mut self.options,
            allowed: &mut self.allowed,
        };
        let settings = reader.read(grant.source, endpoint)?;
        self.parameters(grant.source)?;
        *self.whole.settings.grants.own(grant) = settings;
        Ok(())
    }

    /// What minting has for itself. In the place of the endpoint there is a key.
    fn jwt(&mut self, key: &str, expression: Option<&str>) -> Accepted {
        let method = self.options.take_text(AUTH).map_err(|error| error.to_string())?;
        if method.is_some_and(|method| method != Method::None.name()) {
            return Err(in_option(AUTH, "no STS is called, so only \"none\" is allowed").into());
        }
        if self.options.contains(issuer::KEY) {
            let problem = "no STS is called; the issuer of the tokens is the option \"iss\"";
            return Err(in_option(issuer::KEY, problem).into());
        }
        match (key, self.options.contains(JWT_KEY_FILE)) {
            ("", true) => {}
            ("", false) => {
                return Err(Problem::from(format!(
                    "the private key is missing: a JWK stands in the place of the endpoint, or '' with the \
                     option \"{JWT_KEY_FILE}\""
                ))
                .into());
            }
            (_, true) => {
                let problem = "the key is in the file: write '' in the place of the JWK";
                return Err(in_option(JWT_KEY_FILE, problem).into());
            }
            (text, false) => {
                let key = KeyPlace::Literal(Secret::new(text));
                self.whole.settings.jwt.key = Some(Rc::new(key));
            }
        }
        self.allowed.push(CLIENT_ID);
        let template = self.options.take_template(CLIENT_ID).map_err(|error| error.to_string())?;
        if let Some(template) = template {
            let text = Text::compile(self.block.conf, template)?;
            self.whole.settings.grants.any.client_id = Some(Rc::new(text));
        }
        // The C module keeps compiled expressions there.
        self.allowed.push(JQ_CACHE_NAME);
        self.options.take(JQ_CACHE_NAME);
        if let Some(expression) = expression {
            if self.block.settings.jwt.filter.is_some() {
                return Err(Problem::from("\"STSJWTFilter\" has the jq expression already").into());
            }
            if expression.is_empty() {
                return Err(Problem::from("the jq expression must not be empty").into());
            }
            self.whole.settings.jwt.filter = Some(expression.into());
        }
        Ok(())
    }

    /// Those of `params` come first.
    fn parameters(&mut self, source: Source) -> Accepted {
        self.allowed.push(PARAMS);
        let form = self.options.take_form(PARAMS).map_err(|error| error.to_string())?;
        for (name, value) in form.into_iter().flatten() {
            self.parameter(PARAMS, &name, value)?;
        }
        if source == Source::Password {
            return Ok(());
        }
        self.allowed.extend(ASKED_FOR);
        let texts = self.options.take_texts(&ASKED_FOR).map_err(|error| error.to_string())?;
        for (key, value) in texts {
            self.parameter(key, key, Template::of_literal(&value))?;
        }
        Ok(())
    }

    fn parameter(&mut self, key: &str, name: &str, value: Template) -> Accepted {
        let (conf, place) = (self.block.conf, self.block.place);
        parameter::add(conf, place, &mut self.whole.settings.parameters, name, value)
            .map_err(|refusal| refusal.within(key))
    }

    /// The value of an option, as the argument of its directive would be written.
    fn value(
        &mut self,
        key: &'static str,
        directive: &Directive,
    ) -> Result<Option<String>, OptionError> {
        if directive.key.is_some_and(|key| key.has_variables) {
            let template = self.options.take_template(key)?;
            return Ok(template.map(|template| template.to_argument()));
        }
        self.options.take_text(key)
    }

    /// The options that stand beside that of a directive, all of them or none, as the last argument of
    /// the directive would be written.
    fn beside(
        &mut self,
        key: &'static str,
        directive: &Directive,
    ) -> Result<Option<String>, Refusal> {
        let options = directive.key.map_or(&[][..], |key| key.options);
        self.allowed.extend(options.iter().map(|(option, _)| *option));
        let is_there = |(option, _): &&(&'static str, _)| self.options.contains(option);
        let Some((given, _)) = options.iter().find(is_there) else { return Ok(None) };
        let names = [key].into_iter().chain(options.iter().map(|(option, _)| *option));
        if let Some(missing) = names.into_iter().find(|name| !self.options.contains(name)) {
            return Err(in_option(given, format!("\"{missing}\" is missing beside it")).into());
        }
        let mut argument = form_urlencoded::Serializer::new(String::new());
        for (option, name) in options {
            let value = self.options.take_text(option).map_err(|error| error.to_string())?;
            argument.append_pair(name, &value.unwrap_or_default());
        }
        Ok(Some(argument.finish()))
    }

    /// All that has a directive of its own.
    fn keys(&mut self, kind: Kind) -> Accepted {
        for (key, directive) in keys::of(kind) {
            self.allowed.push(key);
            let options = self.beside(key, directive)?;
            let Some(value) = self.value(key, directive).map_err(|error| error.to_string())? else {
                continue;
            };
            if self.block.names.iter().any(|name| name.is_same(directive)) {
                let name = directive.name.to_string_lossy();
                return Err(in_option(key, format!("\"{name}\" says it already")).into());
            }
            let mut block = Block {
                conf: self.block.conf,
                main: self.block.main,
                settings: &mut self.whole.settings,
                names: &[],
                whole: &mut None,
                directive,
                place: self.block.place,
                is_option: true,
            };
            keys::set(directive, &mut block, &value, options.as_deref())
                .map_err(|refusal| refusal.within(key))?;
            self.whole.keys.push(directive);
            self.whole.settings.places.add(directive, self.block.place.clone());
        }
        self.allowed.push(CACHE_NAME);
        let name = self.options.take_text(CACHE_NAME).map_err(|error| error.to_string())?;
        self.whole.settings.cache = name;
        Ok(())
    }
}
