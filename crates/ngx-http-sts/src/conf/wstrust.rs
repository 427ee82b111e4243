//! The directives of WS-Trust.

use std::rc::Rc;

use sts_core::client_auth::ClientAuth;
use sts_core::endpoint::Endpoint;
use sts_core::options::Template;
use sts_core::wstrust::settings::{Settings as Checked, WsTrust};
use sts_core::wstrust::words::{
    KeyType, SoapVersion, SourceAs, SourceElement, TokenAs, Version, check_claim,
};
use sts_core::wstrust::{APPLIES_TO, CLAIM};

use crate::conf::argument::Problem;
use crate::conf::directive::Refusal;
use crate::conf::grant::AnyType;
use crate::conf::settings::inherit;
use crate::conf::text::Text;
use crate::nginx::conf::Conf;
use crate::parameters::Parameter;

/// Each directive's own value; `None` where it was not written.
#[derive(Clone, Default)]
pub(crate) struct WsTrustSettings {
    pub(crate) endpoint: Option<Endpoint>,
    pub(crate) auth: Option<ClientAuth>,
    pub(crate) applies_to: Option<Rc<Text>>,
    pub(crate) token_type: Option<TokenType>,
    pub(crate) value_type: Option<String>,
    pub(crate) version: Option<Version>,
    pub(crate) soap_version: Option<SoapVersion>,
    pub(crate) key_type: Option<KeyType>,
    pub(crate) token_as: Option<TokenAs>,
    pub(crate) source_as: Option<SourceAs>,
    pub(crate) source_elements: Option<Vec<SourceElement>>,
    pub(crate) token_wrapper: Option<bool>,
    pub(crate) to: Option<String>,
    pub(crate) claims: Option<Rc<Vec<Rc<Text>>>>,
}

/// `STSWSTrustTokenType`; the word `none` leaves it to the STS.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct TokenType(Option<String>);

impl TokenType {
    pub(crate) fn new(text: String) -> Self {
        Self(Some(text).filter(|text| text != "none"))
    }
}

/// Compiles the claims that are asked for: one in each word, which may hold variables.
pub(crate) fn claims(conf: &Conf<'_>, words: &[&str]) -> Result<Rc<Vec<Rc<Text>>>, Refusal> {
    let claims = words.iter().map(|word| {
        let template = Template::of_argument(word);
        if let Some(literal) = template.literal() {
            check_claim(&literal).map_err(|error| Problem::from(error.to_string()))?;
        }
        Ok(Rc::new(Text::compile(conf, template)?))
    });
    claims.collect::<Result<_, Refusal>>().map(Rc::new)
}

/// What the settings come to.
pub(crate) struct Exchange {
    pub(crate) checked: WsTrust,
    pub(crate) auth: ClientAuth,
    /// What is evaluated for each request.
    pub(crate) parameters: Vec<Parameter>,
}

impl WsTrustSettings {
    /// Takes from `outer` what was not written here; `with_exchange` also what `STSExchange` takes the
    /// place of. Every field is named, so that the compiler tells of one that is not inherited.
    pub(crate) fn inherit(&mut self, outer: &Self, with_exchange: bool, any: &AnyType) {
        let Self {
            endpoint,
            auth,
            applies_to,
            token_type,
            value_type,
            version,
            soap_version,
            key_type,
            token_as,
            source_as,
            source_elements,
            token_wrapper,
            to,
            claims,
        } = outer;
        if with_exchange {
            // What is written for any type replaces what is written around for this one.
            if any.endpoint.is_none() {
                inherit(&mut self.endpoint, endpoint);
            }
            if any.auth.is_none() {
                inherit(&mut self.auth, auth);
            }
            inherit(&mut self.applies_to, applies_to);
            inherit(&mut self.token_type, token_type);
            inherit(&mut self.value_type, value_type);
        }
        inherit(&mut self.version, version);
        inherit(&mut self.soap_version, soap_version);
        inherit(&mut self.key_type, key_type);
        inherit(&mut self.token_as, token_as);
        inherit(&mut self.source_as, source_as);
        inherit(&mut self.source_elements, source_elements);
        inherit(&mut self.token_wrapper, token_wrapper);
        inherit(&mut self.to, to);
        inherit(&mut self.claims, claims);
    }

    /// The protocol, and how the gateway authenticates. `any` is what is written for any type.
    ///
    /// # Errors
    /// Settings contradict each other.
    pub(crate) fn exchange(&self, any: &AnyType) -> Result<Exchange, Problem> {
        let default = Checked::default();
        let token_as = self.token_as.unwrap_or(default.token_as);
        let source_elements = self.source_elements.clone();
        let applies_to = self.applies_to.as_ref();
        let settings = Checked {
            version: self.version.unwrap_or(default.version),
            soap_version: self.soap_version.unwrap_or(default.soap_version),
            key_type: self.key_type.clone().unwrap_or(default.key_type),
            token_as,
            token_type: self.token_type.clone().map_or(default.token_type, |it| it.0),
            value_type: self.value_type.clone(),
            token_wrapper: self.token_wrapper.unwrap_or(default.token_wrapper),
            source_as: self.source_as.unwrap_or(default.source_as),
            applies_to: applies_to.and_then(|text| text.template.literal()),
            to: self.to.clone(),
            source_elements: source_elements
                .unwrap_or_else(|| SourceElement::default_list(token_as)),
        };
        let checked = WsTrust::new(settings).map_err(|error| error.to_string())?;
        let auth = match (&self.auth, &any.auth) {
            (Some(auth), _) => auth.clone(),
            (None, Some(auth)) => auth.of_wstrust()?,
            (None, None) => ClientAuth::none(),
        };
        checked.check_auth(&auth).map_err(|error| error.to_string())?;
        let applies_to = applies_to.filter(|text| text.template.has_variables());
        let applies_to = applies_to.map(|text| Parameter::new(APPLIES_TO, text.clone()));
        let claims = self.claims.iter().flat_map(|claims| claims.iter());
        let claims = claims.map(|text| Parameter::new(CLAIM, text.clone()));
        Ok(Exchange { checked, auth, parameters: applies_to.into_iter().chain(claims).collect() })
    }
}
