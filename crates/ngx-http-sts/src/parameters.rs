//! The extra parameters of a call, which outlives the request that they were evaluated for.

use std::rc::Rc;

use sts_core::profile::Parameter;
use sts_core::secret::Secret;

use crate::conf::parameter;

/// Names and values.
pub(crate) enum Parameters {
    /// None depends on the request: they are those of the configuration.
    Fixed(Rc<Vec<parameter::Parameter>>),
    Evaluated(Vec<(String, Secret)>),
}

impl Parameters {
    /// `evaluated` is what came of the `configured` ones for a request.
    pub(crate) fn new(
        configured: &Rc<Vec<parameter::Parameter>>,
        evaluated: &[Parameter<'_>],
    ) -> Self {
        if configured.iter().all(|parameter| parameter.text.literal().is_some()) {
            return Self::Fixed(configured.clone());
        }
        let copy = |one: &Parameter<'_>| (one.name.to_owned(), Secret::new(one.value));
        Self::Evaluated(evaluated.iter().map(copy).collect())
    }

    pub(crate) fn list(&self) -> Vec<Parameter<'_>> {
        match self {
            Self::Fixed(configured) => configured
                .iter()
                .filter_map(|one| Some(Parameter { name: &one.name, value: one.text.literal()? }))
                .collect(),
            Self::Evaluated(parameters) => parameters
                .iter()
                .map(|(name, value)| Parameter { name, value: value.expose() })
                .collect(),
        }
    }
}
