//! How tokens come in and go out: `STSVariables`, `STSAcceptSourceTokenIn`, `STSPassTargetTokenIn`.

use std::cell::Cell;
use std::rc::Rc;

use sts_core::carry::place::{Accept, Bodies, Kind, Pass, Place};
use sts_core::carry::{name, variable};
use sts_core::encoding::Encoding;
use sts_core::issued::TokenTypes;

use crate::conf::actor_token::ActorToken;
use crate::conf::argument::{self, Problem};
use crate::conf::directive::{self, Block, Refusal};
use crate::conf::settings::Settings;
use crate::nginx::conf::Conf;
use crate::nginx::value::{Reported, Value};

/// What a location says of how tokens come in and go out.
#[derive(Default)]
pub(crate) struct Carrier {
    pub(crate) accept: Rc<Vec<Accepted>>,
    pub(crate) pass: Rc<Vec<Passed>>,
    pub(crate) variables: Option<Rc<Variables>>,
    /// What acts for the subject.
    pub(crate) actor: Option<Rc<ActorToken>>,
    /// What the source comes from: where this is the same, so is the source.
    pub(crate) source_text: Rc<str>,
    /// How a token stands where nothing else is said of it.
    pub(crate) source_encoding: Option<Encoding>,
    pub(crate) target_encoding: Option<Encoding>,
    /// Which types of target tokens are passed on.
    pub(crate) token_types: Rc<TokenTypes>,
    /// Bytes that a form may have.
    pub(crate) max_form: u64,
    /// In this worker a directive has read a target that this location has got.
    pub(crate) was_read: Cell<bool>,
}

/// `STSVariables`.
pub(crate) struct Variables {
    /// Only the target is named.
    is_target_alone: bool,
    /// As written.
    pub(crate) source_text: Rc<str>,
    pub(crate) source: Value,
    /// Where the source stands, if it is nothing but what stands there.
    pub(crate) place: Option<Accepted>,
    /// Index of the target's name among those of the configuration, and the name.
    pub(crate) target: usize,
    pub(crate) target_name: String,
}

/// `STSAcceptSourceTokenIn`.
pub(crate) struct Accepted {
    pub(crate) place: Place,
    pub(crate) strip: bool,
    /// The place in words.
    pub(crate) text: Rc<str>,
    /// What stands in an `environment`.
    pub(crate) value: Option<Value>,
    /// Variables that tell of the place, and that NGINX may have evaluated before it changes.
    pub(crate) tellers: Vec<usize>,
}

/// `STSPassTargetTokenIn`.
pub(crate) struct Passed {
    pub(crate) place: Place,
    /// Which bodies go on, for a form.
    pub(crate) bodies: Bodies,
    /// The variable of an `environment`.
    pub(crate) target: Option<usize>,
    /// As those of [`Accepted`].
    pub(crate) tellers: Vec<usize>,
}

/// How a target token stands somewhere.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Form<'c> {
    pub(crate) scheme: Option<&'c str>,
    pub(crate) encoding: Option<Encoding>,
}

/// Bytes of a form, where `STSMaxForm` says nothing.
const MAX_FORM: u64 = 1024 * 1024;

impl Carrier {
    /// `has_source` is false for an exchange that has no source token, whatever is said of it.
    pub(crate) fn new(settings: &Settings, has_source: bool) -> Self {
        let accept = settings.accept.clone().unwrap_or_default();
        let variables = settings.variables.clone();
        let variable = variables.as_ref().map(|variables| &variables.source_text);
        let source_text: Rc<str> = match (accept.as_slice(), variable) {
            _ if !has_source => "".into(),
            ([], Some(text)) => text.clone(),
            (places, text) => {
                let places = places.iter().map(|accepted| &accepted.text);
                let texts: Vec<&str> = places.chain(text).map(|text| &**text).collect();
                texts.join("\n").into()
            }
        };
        // The same text may be another source where the results of other exchanges stand in it.
        let source_text = match &settings.depends_on {
            Some(names) if has_source => {
                format!("{source_text}\nSTSDependsOn {}", names.join(" ")).into()
            }
            _ => source_text,
        };
        Self {
            accept,
            pass: settings.pass.clone().unwrap_or_default(),
            variables,
            // Only a token is acted for.
            actor: settings.actor_token.clone().filter(|_| has_source),
            source_text,
            source_encoding: settings.source_encoding.flatten(),
            target_encoding: settings.target_encoding.flatten(),
            token_types: settings.token_types.clone().unwrap_or_default(),
            max_form: settings.max_form.unwrap_or(MAX_FORM),
            was_read: Cell::new(false),
        }
    }

    /// Checks that what is written of the source is a token of the request.
    ///
    /// # Errors
    /// It is the same for all of them, or nothing, or the target.
    pub(super) fn check_source(&self) -> Result<(), Problem> {
        let variables = self.variables.as_ref();
        if let Some(Variables { is_target_alone: true, target_name, .. }) = variables.map(|v| &**v)
        {
            return Err(format!(
                "\"STSVariables\": the target alone is for exchanges without a source token, and this \
                 one has one: write \"STSVariables $source_token ${target_name}\", or beside \
                 \"STSAcceptSourceTokenIn\" \"STSVariables '' ${target_name}\""
            ));
        }
        if let Some(variables) = variables
            && variable::names(&variables.source_text).next().is_none()
        {
            if !variables.source_text.is_empty() {
                return Err(Problem::from(
                    "\"STSVariables\": the source is a literal text, which would be exchanged for \
                     every request, also for those without a token: a variable is written with \
                     \"$\", as in \"$source_token\"",
                ));
            }
            if self.accept.is_empty() {
                return Err(Problem::from(
                    "\"STSVariables\": the source must not be empty without \
                     \"STSAcceptSourceTokenIn\"",
                ));
            }
        }
        let environments = self.accept.iter().filter(|one| one.place.kind == Kind::Environment);
        for accepted in environments {
            let passed = self.pass.iter().filter(|passed| passed.target.is_some());
            let passed = passed.map(|passed| &passed.place.name);
            let targets = passed.chain(variables.map(|variables| &variables.target_name));
            for target in targets {
                variable::check_is_other(&accepted.place.name, target).map_err(|error| {
                    Problem::from(format!("\"STSAcceptSourceTokenIn\": {error}"))
                })?;
            }
        }
        // With `STSPassTargetTokenIn environment` the target has a second name.
        for passed in self.pass.iter().filter(|passed| passed.target.is_some()) {
            let text = variables.map_or("", |variables| &variables.source_text);
            for name in variable::names(text) {
                variable::check_is_other(name, &passed.place.name)
                    .map_err(|error| Problem::from(format!("\"STSVariables\": {error}")))?;
            }
        }
        Ok(())
    }

    /// Whether tokens go through a form in the body.
    pub(crate) fn uses_form(&self) -> bool {
        self.passes_form() || self.accept.iter().any(|accepted| accepted.place.kind == Kind::Post)
    }

    pub(crate) fn passes_form(&self) -> bool {
        self.forms().next().is_some()
    }

    /// Whether what a client has in the query matters to where targets go.
    pub(crate) fn passes_parameters(&self) -> bool {
        self.pass.iter().any(|passed| matches!(passed.place.kind, Kind::Query | Kind::Post))
    }

    /// Whether bodies that are no forms go on, as all that is said of forms has it.
    pub(crate) fn passes_any_body(&self) -> bool {
        self.forms().all(|passed| passed.bodies == Bodies::Any)
    }

    fn forms(&self) -> impl Iterator<Item = &Passed> {
        self.pass.iter().filter(|passed| passed.place.kind == Kind::Post)
    }

    /// Whether a source goes with what a client sent in the place of a target.
    pub(crate) fn passes_where_it_accepts(&self) -> bool {
        let goes = |accepted: &Place, passed: &Place| match (passed.kind, accepted.kind) {
            // A target in a form is removed from the query as well.
            (Kind::Query, Kind::Query)
            | (Kind::Post, Kind::Post | Kind::Query)
            | (Kind::Cookie, Kind::Cookie) => name::is_in(accepted.name.as_bytes(), &passed.name),
            _ => passed.is_at(accepted),
        };
        let accepts = |place| self.accept.iter().any(|accepted| goes(&accepted.place, place));
        self.pass.iter().any(|passed| accepts(&passed.place))
    }

    /// The places that tokens are taken from, and removed of: the source's, then the actor's.
    pub(crate) fn taken_from(&self) -> impl Iterator<Item = &Accepted> + Clone {
        self.accept.iter().chain(self.actor_place())
    }

    /// The place that an actor token is taken from.
    pub(crate) fn actor_place(&self) -> impl Iterator<Item = &Accepted> + Clone {
        self.actor.iter().filter_map(|actor| actor.place.as_ref())
    }

    /// The names of the target variables.
    pub(super) fn target_names(&self) -> impl Iterator<Item = &str> {
        let variables = self.variables.as_ref().map(|variables| variables.target_name.as_str());
        let passed = self.pass.iter().filter(|passed| passed.target.is_some());
        variables.into_iter().chain(passed.map(|passed| passed.place.name.as_str()))
    }

    /// The name of the target variable with this index, where it is one of these.
    pub(crate) fn target_name(&self, index: usize) -> Option<&str> {
        let variables = self.variables.iter().filter(|variables| variables.target == index);
        let passed = self.pass.iter().filter(|passed| passed.target == Some(index));
        let mut names = variables
            .map(|variables| variables.target_name.as_str())
            .chain(passed.map(|passed| passed.place.name.as_str()));
        names.next()
    }

    /// The target variables that it names.
    pub(crate) fn targets(&self) -> impl Iterator<Item = usize> {
        let variables = self.variables.as_ref().map(|variables| variables.target);
        variables.into_iter().chain(self.pass.iter().filter_map(|passed| passed.target))
    }

    /// How the target stands in the variable with this index; nothing if it is another's.
    pub(crate) fn form_in(&self, index: usize) -> Option<Form<'_>> {
        if self.variables.as_ref().is_some_and(|variables| variables.target == index) {
            return Some(Form { scheme: None, encoding: self.target_encoding });
        }
        let passed = self.pass.iter().find(|passed| passed.target == Some(index))?;
        Some(passed.form(self.target_encoding))
    }
}

impl Accepted {
    /// The place that a value names, where it is one variable that reads a place of the request.
    pub(super) fn named_by(conf: &Conf<'_>, value: &str) -> Result<Option<Self>, Reported> {
        let Some(place) = place_of(value) else { return Ok(None) };
        Ok(Some(Self {
            strip: true,
            text: in_words(&place).into(),
            value: None,
            tellers: tellers(conf, &place)?,
            place,
        }))
    }
}

impl Passed {
    /// How the target stands there.
    pub(crate) fn form(&self, default: Option<Encoding>) -> Form<'_> {
        Form {
            scheme: self.place.scheme.as_deref(),
            encoding: self.place.encoding.unwrap_or(default),
        }
    }
}

/// `source $target`, or `$target` where there is no source.
pub(super) fn variables(block: &mut Block<'_>, arguments: &[&str]) -> directive::Accepted {
    if block.settings.variables.is_some() {
        return Err(Refusal::Duplicate);
    }
    let (is_target_alone, source, target) = match arguments {
        [source, target] => (false, *source, *target),
        _ => (true, "", arguments.first().copied().unwrap_or_default()),
    };
    let Some(name) = target.strip_prefix('$').filter(|name| variable::is_target_name(name)) else {
        return Err(format!(
            "invalid target \"{}\": it must be a variable, as in $sts_target_token",
            target.escape_debug()
        )
        .into());
    };
    variable::check_source(source, name).map_err(|error| error.to_string())?;
    if let Some(capture) = variable::capture(source) {
        warn_of_capture(block.conf, "STSVariables", capture);
    }
    let target = block.main.targets.define(block.conf, block.place, name);
    let target = target.map_err(|refusal| match refusal {
        Refusal::Invalid(problem) if is_target_alone => Refusal::Invalid(format!(
            "{problem}. (The only argument is the target; a source stands in front of it, as in \
             \"STSVariables $source_token $target_token\")"
        )),
        refusal => refusal,
    })?;
    block.settings.variables = Some(Rc::new(Variables {
        is_target_alone,
        source_text: source.into(),
        source: Value::compile(block.conf, source)?,
        place: Accepted::named_by(block.conf, source)?,
        target,
        target_name: name.to_owned(),
    }));
    Ok(())
}

/// The options behind a place. A word alone is mostly the name of a header, cookie or parameter.
fn options<'a>(arguments: &[&'a str]) -> Result<Option<&'a str>, Problem> {
    let options = argument::options(arguments)?;
    let is_name = |text: &&str| {
        let is_letter = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        (1..=40).contains(&text.len()) && text.bytes().all(is_letter)
    };
    match options.filter(is_name) {
        Some(name) => Err(format!(
            "what stands behind the place are options, and a name is one of them: write \"name={name}\""
        )),
        None => Ok(options),
    }
}

/// `place [options]`, repeatable.
pub(super) fn accept(block: &mut Block<'_>, arguments: &[&str]) -> directive::Accepted {
    let kind = arguments.first().copied().unwrap_or_default();
    let rule = Accept::parse(kind, options(arguments)?);
    let Accept { place, strip } = rule.map_err(|error| error.to_string())?;
    let value = match place.kind {
        Kind::Environment => {
            let takes_scheme = place.scheme.is_some();
            variable::check_environment(&place.name, takes_scheme)
                .map_err(|error| error.to_string())?;
            let text = format!("${}", place.name);
            if let Some(capture) = variable::capture(&text) {
                warn_of_capture(block.conf, "STSAcceptSourceTokenIn", capture);
            }
            Some(Value::compile(block.conf, &text)?)
        }
        _ => None,
    };
    block.main.accept_tokens();
    let accepted = Accepted {
        strip,
        text: in_words(&place).into(),
        value,
        tellers: tellers(block.conf, &place)?,
        place,
    };
    push(&mut block.settings.accept, accepted, |known, new| known.place == new.place)
}

/// `place [options]`, repeatable.
pub(super) fn pass(block: &mut Block<'_>, arguments: &[&str]) -> directive::Accepted {
    let kind = arguments.first().copied().unwrap_or_default();
    let rule = Pass::parse(kind, options(arguments)?);
    let Pass { place, bodies } = rule.map_err(|error| error.to_string())?;
    let target = match place.kind {
        Kind::Environment => {
            Some(block.main.targets.define(block.conf, block.place, &place.name)?)
        }
        _ => None,
    };
    let passed = Passed { bodies, target, tellers: tellers(block.conf, &place)?, place };
    push(&mut block.settings.pass, passed, |known, new| known.place.is_at(&new.place))
}

pub(super) fn warn_of_capture(conf: &Conf<'_>, directive: &str, name: &str) {
    conf.warn(format_args!(
        "\"{directive}\": \"${name}\" is what the last regular expression has captured, and a \"map\", \
         \"if\" or \"rewrite\" may have another one before the exchange: give the capture a name, as \
         in \"(?<source_token>...)\", and write \"$source_token\""
    ));
}

fn push<T>(
    list: &mut Option<Rc<Vec<T>>>,
    new: T,
    is_same: impl Fn(&T, &T) -> bool,
) -> directive::Accepted {
    let list = Rc::get_mut(list.get_or_insert_default());
    let list = list.ok_or_else(|| Problem::from("the list is in use"))?;
    if list.iter().any(|known| is_same(known, &new)) {
        return Err(Problem::from("this place is given twice").into());
    }
    list.push(new);
    Ok(())
}

fn in_words(place: &Place) -> String {
    let Place { kind, name, scheme, encoding } = place;
    let scheme = scheme.as_deref().unwrap_or_default();
    format!("{} \"{name}\" {scheme} {encoding:?}", kind.word())
}

fn tellers(conf: &Conf<'_>, place: &Place) -> Result<Vec<usize>, Reported> {
    let names = match place.kind {
        Kind::Environment => vec![],
        Kind::Header => vec![format!("http_{}", place.name.to_lowercase().replace('-', "_"))],
        Kind::Query => vec!["request_uri".to_owned()],
        // What a target in a form takes away from the query shows in the URI.
        Kind::Post => ["content_length", "request_body", "request_uri"].map(str::to_owned).to_vec(),
        Kind::Cookie => vec!["http_cookie".to_owned(), format!("cookie_{}", place.name)],
    };
    names.iter().map(|name| conf.variable_index(name)).collect()
}

/// The place that a value names, where it is one variable that reads a place of the request.
fn place_of(value: &str) -> Option<Place> {
    let name = variable::names(value).next()?;
    if value != format!("${name}") && value != format!("${{{name}}}") {
        return None;
    }
    let kinds = [("http_", Kind::Header), ("arg_", Kind::Query), ("cookie_", Kind::Cookie)];
    let (name, kind) = kinds.iter().find_map(|(prefix, kind)| {
        let (start, rest) = name.split_at_checked(prefix.len())?;
        (start.eq_ignore_ascii_case(prefix) && !rest.is_empty()).then_some((rest, *kind))
    })?;
    let name = if kind == Kind::Header { name.replace('_', "-") } else { name.to_owned() };
    Some(Place { kind, name, scheme: None, encoding: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_of_a_place_is_that_place() {
        for (value, expected) in [
            ("$http_x_actor_token", Some((Kind::Header, "x-actor-token"))),
            ("${http_x_actor}", Some((Kind::Header, "x-actor"))),
            ("$arg_actor", Some((Kind::Query, "actor"))),
            ("$cookie_Actor_1", Some((Kind::Cookie, "Actor_1"))),
            ("$http_", None),
            ("$actor", None),
            ("$args", None),
            ("x$http_x_actor", None),
            ("$http_x_actor$arg_actor", None),
            ("literal", None),
        ] {
            let found = place_of(value);
            let found = found.as_ref().map(|place| (place.kind, place.name.as_str()));
            assert_eq!(found, expected, "{value}");
        }
    }
}
