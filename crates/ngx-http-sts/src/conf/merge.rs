//! How a block inherits, and comes to its exchange.

use std::rc::Rc;

use crate::conf::argument::Problem;
use crate::conf::kind::Kind;
use crate::conf::main::MainConf;
use crate::conf::place::Fault;
use crate::conf::settings::Settings;
use crate::conf::written::InForce;
use crate::conf::{Carrier, Exchange, LocationConf, State, cache, calling, minting};
use crate::nginx::conf::{Block, Conf, Matching};
use crate::nginx::phase::Phase;

impl LocationConf {
    /// Inherits from the block around, and makes the exchange.
    ///
    /// # Errors
    /// What is wrong, with the block that it is wrong in.
    pub(crate) fn merge(
        &mut self,
        conf: &Conf<'_>,
        main: &mut MainConf,
        outer: &Self,
    ) -> Result<(), Fault> {
        let own_exchange = self.written.changes_exchange();
        let site = conf.site().filter(|site| site.matching == Matching::Named);
        let name = site.as_ref().map(|site| site.name.as_str());
        let in_force = match &outer.in_force {
            Some(outer) => self.written.inside_as(name, outer),
            // NGINX does not merge what stands in `http` itself.
            None => {
                let http = outer.written.inside(&InForce::default());
                if main.unmade.is_first_server() && !http.settings.makes_exchange() {
                    main.unmade.look(conf, &outer.written.settings, &http.settings, None);
                }
                self.written.inside_as(name, &http)
            }
        };
        let settings = &self.in_force.insert(in_force).settings;
        if self.written.settings.purge {
            let name = settings.cache.as_deref().unwrap_or(cache::DEFAULT_NAME);
            self.purges = Some(main.caches.named(conf, name, None)?);
            // A purge needs no token.
            warn_of_open(conf, settings, "STSCachePurge", "forgets tokens");
            return Ok(());
        }
        if self.written.settings.status {
            self.shows = Some(main.overview());
            warn_of_open(conf, settings, "STSStatus", "shows what the gateway does");
            return Ok(());
        }
        if let Some(names) = &self.written.settings.jwks {
            let place = settings.places.of("STSJWKS");
            self.publishes = Some(main.publications.wants(names, place));
            // Keys are for all.
            return Ok(());
        }
        let block = conf.block();
        let built = build(conf, main, settings);
        let problem = match built {
            Err(problem) => problem,
            Ok(None) => {
                main.unmade.look(conf, &self.written.settings, settings, Some(&block));
                let carrier = Carrier::new(settings, false);
                if settings.kind == Some(Kind::Disabled) {
                    main.targets.are_disabled_by(&carrier);
                }
                // What an exchange elsewhere brings may come here.
                let passes = settings.pass.as_ref().is_some_and(|pass| !pass.is_empty());
                self.carrier = passes.then(|| Rc::new(carrier));
                return Ok(());
            }
            Ok(Some(exchange)) => {
                let in_if = matches!(block, Block::Nested(_)) && own_exchange;
                if !(in_if && exchange.phase == Phase::Rewrite) {
                    check_phase(&conf.at(settings.places.of("STSPhase")), &exchange);
                    main.unmade.uses(settings);
                    main.targets.are_set_by(&exchange.carrier);
                    main.uses(exchange.phase);
                    // Where a request comes too late for that, it is exchanged here.
                    main.uses(Phase::PreContent);
                    self.carrier = Some(exchange.carrier.clone());
                    let exchange = Rc::new(exchange);
                    let needs = settings.depends_on.as_ref();
                    main.chains.note(conf, &exchange, needs, settings.places.of("STSDependsOn"));
                    main.retries.note(conf, &exchange, settings.places.of("STSRetryOn"));
                    self.state = State::Enabled(exchange);
                    return Ok(());
                }
                Fault::from(Problem::from(
                    "\"STSPhase rewrite\" does not work with an exchange inside \"if\", which is not \
                 chosen yet in that phase: move the exchange to the location, or use another phase",
                ))
            }
        };
        let fault = problem.placed(&settings.places);
        match block {
            // Its locations may complete it.
            Block::Server { empty: false } => {
                main.uses(Phase::PreContent);
                let Fault { problem, place } = fault;
                let place = place.map(|place| format!(" in {place}")).unwrap_or_default();
                self.state = State::Incomplete(format!("{problem}{place}"));
                Ok(())
            }
            Block::Server { empty: true } | Block::Location(_) | Block::Nested(_) => Err(fault),
        }
    }
}

/// A location that answers from the module itself is for operators.
fn warn_of_open(conf: &Conf<'_>, settings: &Settings, directive: &str, does: &str) {
    let conf = conf.at(settings.places.of(directive));
    if conf.is_open_to_all() {
        conf.warn(format_args!(
            "\"{directive}\": every request that reaches the location {does}, since it has no \"allow\" \
             or \"deny\", \"auth_basic\" or \"auth_request\": write \"allow\" for those that may, and \
             \"deny all\""
        ));
    }
}

fn check_phase(conf: &Conf<'_>, exchange: &Exchange) {
    if exchange.phase == Phase::Access && conf.satisfies_any() {
        conf.warn(format_args!(
            "\"STSPhase access\" with \"satisfy any\": one check that allows a request is enough \
             for NGINX, which then skips the checks that are left, and forgets a 401 or 403 of those \
             before, this exchange's too. Such a request is exchanged, or refused, only after the \
             access checks, and none of them can rely on the target token: use \"STSPhase \
             precontent\", or \"satisfy all\""
        ));
    }
}

/// The exchange of a block; `None` where there is none.
fn build(
    conf: &Conf<'_>,
    main: &mut MainConf,
    settings: &Settings,
) -> Result<Option<Exchange>, Fault> {
    match settings.kind {
        Some(Kind::Jwt) => minting::build(conf, main, settings).map(Some),
        _ => calling::build(conf, main, settings),
    }
}
