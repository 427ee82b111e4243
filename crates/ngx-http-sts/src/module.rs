//! This module as NGINX calls it.

use crate::conf::directive::{Directive, Refusal};
use crate::conf::directives::DIRECTIVES;
use crate::conf::place::Fault;
use crate::conf::settings::Settings;
use crate::conf::{LocationConf, MainConf};
use crate::context::Context;
use crate::jwks::Jwks;
use crate::nginx::conf::Conf;
use crate::nginx::content;
use crate::nginx::module::{Command, Levels, Module};
use crate::nginx::phase::{Next, Phase};
use crate::nginx::request::Request;
use crate::nginx::value::Reported;
use crate::nginx::variable::BuiltIn;
use crate::nginx::worker::WorkerUser;
use crate::purge::Purge;
use crate::served::Served;
use crate::status::Status;
use crate::sts::Sts;
use crate::{afterwards, counters, handler, origin, report, suspect, variables};

/// The table of directives, as far as NGINX has to know it.
const COMMANDS_OF_NGINX: [Command; DIRECTIVES.len()] = commands();

sts_nginx::module!(ngx_http_sts_module, Sts, COMMANDS_OF_NGINX);

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const fn commands() -> [Command; DIRECTIVES.len()] {
    let mut commands =
        [const { Command { name: c"", arguments: (0, 0), levels: Levels::All } }; DIRECTIVES.len()];
    let mut number = 0;
    while number < DIRECTIVES.len() {
        let Directive { name, arguments, levels, .. } = DIRECTIVES[number];
        commands[number] = Command { name, arguments, levels };
        number += 1;
    }
    commands
}

impl Module for Sts {
    type Main = MainConf;
    type Location = LocationConf;
    type Context = Context;

    fn begin(conf: &Conf<'_>, main: &mut MainConf) -> Result<(), Reported> {
        main.built_in = BuiltIn::of(conf);
        variables::define_facts(conf)
    }

    fn set(
        number: usize,
        conf: &Conf<'_>,
        main: &mut MainConf,
        location: &mut LocationConf,
    ) -> Result<(), Reported> {
        let directive: &'static Directive = DIRECTIVES.get(number).ok_or(Reported)?;
        let name = directive.name.to_string_lossy();
        let Some(words) = conf.words() else {
            conf.error(format_args!("\"{name}\": the value must be UTF-8"));
            return Err(Reported);
        };
        let words: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
        match location.written.take(directive, conf, main, &words) {
            Ok(()) => {
                if directive.is("STSCachePurge") {
                    content::answer_by::<Purge>(conf);
                } else if directive.is("STSStatus") {
                    content::answer_by::<Status>(conf);
                } else if directive.is("STSJWKS") {
                    content::answer_by::<Jwks>(conf);
                }
                return Ok(());
            }
            Err(Refusal::Reported) => {
                conf.error(format_args!("\"{name}\" is not accepted, for the reason above"));
            }
            Err(Refusal::Duplicate) => {
                conf.error(format_args!("\"{name}\" directive is duplicate"));
            }
            Err(Refusal::Invalid(problem)) => {
                conf.error(format_args!("\"{name}\": {problem}"));
            }
        }
        Err(Reported)
    }

    fn merge(
        conf: &Conf<'_>,
        main: &mut MainConf,
        outer: &LocationConf,
        inner: &mut LocationConf,
    ) -> Result<(), Reported> {
        check_content(conf, inner)?;
        match inner.merge(conf, main, outer) {
            Ok(()) => {
                main.error_pages.note(conf, inner);
                Ok(())
            }
            Err(Fault { problem, place }) => {
                conf.at(place.as_ref()).error(format_args!("{problem}"));
                Err(Reported)
            }
        }
    }

    fn finish(conf: &Conf<'_>, main: &mut MainConf) -> Result<Vec<Phase>, Reported> {
        if main.accepts_tokens() {
            variables::define_source(conf)?;
        }
        if let Err(Fault { problem, place }) = main.finish::<variables::Target>(conf) {
            match place {
                Some(place) => conf.error_at(&place, format_args!("{problem}")),
                None => conf.error(format_args!("{problem}")),
            }
            return Err(Reported);
        }
        main.error_pages.warn(conf);
        main.declare_counters(conf)?;
        Ok(main.phases().to_vec())
    }

    fn handle(request: Request<'_>, phase: Phase) -> Next {
        handler::handle(request, phase)
    }

    fn give_up(request: Request<'_>) {
        handler::give_up(request);
    }

    fn look_back(request: Request<'_>) {
        afterwards::look(request);
        suspect::look(request);
    }

    fn send_again(request: Request<'_>, status: usize) -> Option<&str> {
        suspect::send_again(request, status)
    }

    fn body_is_there(request: Request<'_>) -> bool {
        request.context().is_some_and(|context| context.main_course().stop_reading())
    }

    fn take_effect(main: &MainConf, worker: Option<&WorkerUser>) {
        main.names.counters.take_effect(&main.names.all().borrow(), &main.caches.stores().borrow());
        // What the master can read the workers may not.
        if let Some(worker) = worker {
            main.credentials.warn_of_unreadable(worker);
        }
    }

    fn end() {
        origin::shutdown();
        report::shutdown();
        // The last one: connections that are closed are counted.
        counters::shutdown();
    }
}

/// A location of one of our content handlers has no exchange: what else would make its content would get
/// requests without one.
fn check_content(conf: &Conf<'_>, location: &LocationConf) -> Result<(), Reported> {
    let settings = &location.written.settings;
    let (name, is_ours) = match settings {
        Settings { purge: true, .. } => ("STSCachePurge", content::is_answered_by::<Purge>(conf)),
        Settings { status: true, .. } => ("STSStatus", content::is_answered_by::<Status>(conf)),
        Settings { jwks: Some(_), .. } => ("STSJWKS", content::is_answered_by::<Jwks>(conf)),
        _ => return Ok(()),
    };
    if is_ours {
        return Ok(());
    }
    conf.at(settings.places.of(name)).error(format_args!(
        "\"{name}\": another directive of the location, such as \"proxy_pass\", makes its content, and no \
         exchange is made there: give \"{name}\" a location of its own"
    ));
    Err(Reported)
}
