//! The directives of WS-Trust.

use sts_core::argument;
use sts_core::options::Template;
use sts_core::wstrust::settings::{Settings, WsTrust};
use sts_core::wstrust::words::{
    KeyType, SoapVersion, SourceAs, SourceElement, TokenAs, Version, WordError, check_claim,
};
use sts_core::wstrust::{APPLIES_TO, CLAIM};

use super::build::{read as read_one, said};
use super::written::{Item, Items};
use crate::problem::Problem;

/// The word of the type.
pub(super) const NAME: &str = "wstrust";

type Parameters = Vec<(String, Template)>;

/// The checked settings, and what is evaluated for each request.
pub(super) fn read(items: &Items) -> Result<(WsTrust, Parameters), Problem> {
    if let Some(item) = items.one("STSRequestParameter") {
        return Err(Problem::new("it has no place in a message of WS-Trust")
            .of_directive(item.directive.name, &item.place));
    }
    let default = Settings::default();
    let text = |item: &Item| match item.argument(0) {
        "" => Err(Problem::new("the value must not be empty")),
        text => Ok(text.to_owned()),
    };
    let token_as = word(items, "STSWSTrustTokenAs", TokenAs::parse)?.unwrap_or(default.token_as);
    let token_type = read_one(items, "STSWSTrustTokenType", text)?;
    let token_type = token_type.map(|word| Some(word).filter(|word| word != "none"));
    let applies_to =
        items.one("STSWSTrustAppliesTo").map(|item| Template::of_argument(item.argument(0)));
    let elements = read_one(items, "STSWSTrustSourceElements", |item| {
        let elements = item.words().into_iter().map(SourceElement::parse);
        elements.collect::<Result<Vec<_>, _>>().map_err(|error| Problem::new(error.to_string()))
    })?;
    let wrapper =
        read_one(items, "STSWSTrustTokenWrapper", |item| argument::switch(item.argument(0)))?;
    let settings = Settings {
        version: word(items, "STSWSTrustVersion", Version::parse)?.unwrap_or(default.version),
        soap_version: word(items, "STSWSTrustSOAPVersion", SoapVersion::parse)?
            .unwrap_or(default.soap_version),
        key_type: word(items, "STSWSTrustKeyType", KeyType::parse)?.unwrap_or(default.key_type),
        token_as,
        token_type: token_type.unwrap_or(default.token_type),
        value_type: read_one(items, "STSWSTrustValueType", text)?,
        token_wrapper: wrapper.unwrap_or(default.token_wrapper),
        source_as: word(items, "STSWSTrustSourceAs", SourceAs::parse)?.unwrap_or(default.source_as),
        applies_to: applies_to.as_ref().and_then(Template::literal),
        to: read_one(items, "STSWSTrustTo", text)?,
        source_elements: elements.unwrap_or_else(|| SourceElement::default_list(token_as)),
    };
    let checked = WsTrust::new(settings).map_err(|error| Problem::new(error.to_string()))?;
    let applies_to = applies_to.filter(Template::has_variables);
    let mut parameters: Parameters =
        applies_to.into_iter().map(|template| (APPLIES_TO.to_owned(), template)).collect();
    for item in items.all("STSWSTrustClaims") {
        for text in item.words() {
            let template = Template::of_argument(text);
            if let Some(literal) = template.literal() {
                let checked = check_claim(&literal);
                said(item, |_| checked.map_err(|error| Problem::new(error.to_string())))?;
            }
            parameters.push((CLAIM.to_owned(), template));
        }
    }
    Ok((checked, parameters))
}

fn word<T>(
    items: &Items,
    name: &str,
    parse: fn(&str) -> Result<T, WordError>,
) -> Result<Option<T>, Problem> {
    read_one(items, name, |item| {
        parse(item.argument(0)).map_err(|error| Problem::new(error.to_string()))
    })
}
