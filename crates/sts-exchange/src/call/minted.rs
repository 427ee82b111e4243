//! Tokens that the gateway makes itself.

use sts_core::error::{Failure, FailureKind};
use sts_core::mint::{self, Claim, Overrides, Recipe};
use sts_core::secret::Secret;

use super::{Got, Outcome, now};
use crate::exchange::{Exchange, Mint};
use crate::problem::Problem;
use crate::values::{self, Variables};

impl Mint {
    pub(super) fn run(
        &self,
        exchange: &Exchange,
        variables: &dyn Variables,
        outcome: &mut Outcome,
    ) -> Result<(), Problem> {
        let mut overridden = Vec::new();
        for (claim, template) in &self.overrides {
            let value = values::evaluate(template, variables)?;
            if *claim == "aud" {
                outcome.parameters.push(("audience".to_owned(), value.clone()));
            }
            overridden.push((*claim, value));
        }
        let mut written = Vec::new();
        for (name, kind, template) in &self.claims {
            let value = values::evaluate(template, variables)?;
            // Of a variable that is empty there is no claim.
            if !value.is_empty() || !template.has_variables() {
                written.push((name.as_str(), *kind, value));
            }
        }
        let has_source = exchange.source.is_needed;
        let source = outcome.source.clone();
        outcome.result = self.make(has_source.then_some(&source), &overridden, &written);
        Ok(())
    }

    fn make(
        &self,
        source: Option<&Secret>,
        overridden: &[(&'static str, Secret)],
        written: &[(&str, mint::ClaimType, Secret)],
    ) -> Result<Got, Failure> {
        let mut overrides = Overrides::default();
        for (claim, value) in overridden {
            let value = value.expose();
            if value.is_empty() {
                let reason = format!("there is no value for the claim \"{claim}\"");
                return Err(Failure::new(FailureKind::MissingToken, reason));
            }
            match *claim {
                "iss" => overrides.issuer = Some(value),
                "sub" => overrides.subject = Some(value),
                "client_id" => overrides.client_id = Some(value),
                _ => overrides.audience.push(value),
            }
        }
        let claims: Vec<_> = written
            .iter()
            .map(|(name, claim_type, value)| Claim {
                name,
                claim_type: *claim_type,
                value: value.expose(),
            })
            .collect();
        let recipe = Recipe { source: source.map(Secret::expose), claims: &claims, overrides };
        let key = self.key.key()?;
        let minted = mint::mint(&key, &self.terms, &recipe, self.filter.as_deref(), &now())?;
        Ok(Got {
            token: minted.token,
            issued: None,
            good_for: Some(minted.good_for),
            kept_for: self.life.life(Some(minted.good_for)) / 1000,
        })
    }
}
