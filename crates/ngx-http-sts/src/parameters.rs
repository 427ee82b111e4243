//! The extra parameters of an exchange, and those of a call, which outlives the request that they were
//! evaluated for.

use std::rc::Rc;

use sts_core::parameters::token_type;
use sts_core::profile::Parameter as Evaluated;
use sts_core::secret::Secret;

use crate::conf::text::Text;
use crate::nginx::conf::place::Place;
use crate::nginx::request::{OutOfMemory, Request};

/// An extra parameter. One without variables is sent even when it is empty. The short name of a token
/// type stands for its identifier, whether it is written or comes from a variable.
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) text: Rc<Text>,
    /// Where it stands; `None` for what has a directive of its own.
    pub(crate) place: Option<Place>,
}

impl Parameter {
    /// What has a directive of its own.
    pub(crate) fn new(name: &str, text: Rc<Text>) -> Self {
        Self { name: name.to_owned(), text, place: None }
    }

    /// The value for a request; `None` where a variable comes out empty: there is no such parameter then.
    pub(crate) fn evaluate<'r>(
        &'r self,
        request: Request<'r>,
    ) -> Result<Option<&'r [u8]>, OutOfMemory> {
        let value = self.text.evaluate(request)?;
        if !self.text.template.has_variables() {
            return Ok(Some(value));
        }
        Ok(match token_type(&self.name, value) {
            Some(identifier) => Some(identifier.as_bytes()),
            None => (!value.is_empty()).then_some(value),
        })
    }
}

/// Names and values.
pub(crate) enum Parameters {
    /// None depends on the request: they are those of the configuration.
    Fixed(Rc<Vec<Parameter>>),
    Evaluated(Vec<(String, Secret)>),
}

impl Parameters {
    /// `evaluated` is what came of the `configured` ones for a request.
    pub(crate) fn new(configured: &Rc<Vec<Parameter>>, evaluated: &[Evaluated<'_>]) -> Self {
        // More than are configured are those of an actor token.
        let are_configured = configured.len() == evaluated.len();
        if are_configured && configured.iter().all(|one| one.text.literal().is_some()) {
            return Self::Fixed(configured.clone());
        }
        let copy = |one: &Evaluated<'_>| (one.name.to_owned(), Secret::new(one.value));
        Self::Evaluated(evaluated.iter().map(copy).collect())
    }

    /// The same with other values; those of the configuration stay.
    pub(crate) fn map(&self, make: impl Fn(&[u8]) -> Secret) -> Self {
        match self {
            Self::Fixed(configured) => Self::Fixed(configured.clone()),
            Self::Evaluated(parameters) => {
                let made = |(name, value): &(String, Secret)| (name.clone(), make(value.expose()));
                Self::Evaluated(parameters.iter().map(made).collect())
            }
        }
    }

    pub(crate) fn list(&self) -> Vec<Evaluated<'_>> {
        match self {
            Self::Fixed(configured) => configured
                .iter()
                .filter_map(|one| Some(Evaluated { name: &one.name, value: one.text.literal()? }))
                .collect(),
            Self::Evaluated(parameters) => parameters
                .iter()
                .map(|(name, value)| Evaluated { name, value: value.expose() })
                .collect(),
        }
    }
}
