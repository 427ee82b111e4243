//! The module as NGINX sees it: its table, its directives, and the callbacks that both point to.

use std::ffi::{c_char, c_void};
use std::ptr::{self, NonNull};

use nginx_sys::{
    NGX_AGAIN, NGX_CONF_NOARGS, NGX_CONF_TAKE1, NGX_CONF_TAKE2, NGX_CONF_TAKE3, NGX_CONF_TAKE4,
    NGX_CONF_TAKE5, NGX_CONF_TAKE6, NGX_CONF_TAKE7, NGX_CONF_TAKE12, NGX_CONF_TAKE123,
    NGX_DECLINED, NGX_DONE, NGX_ERROR, NGX_HTTP_LIF_CONF, NGX_HTTP_LOC_CONF,
    NGX_HTTP_LOC_CONF_OFFSET, NGX_HTTP_MAIN_CONF, NGX_HTTP_MODULE, NGX_HTTP_SRV_CONF, NGX_OK,
    ngx_array_push, ngx_command_t, ngx_conf_t, ngx_cycle_t, ngx_http_handler_pt, ngx_http_module_t,
    ngx_http_phases, ngx_http_phases_NGX_HTTP_ACCESS_PHASE, ngx_http_phases_NGX_HTTP_LOG_PHASE,
    ngx_http_phases_NGX_HTTP_PRECONTENT_PHASE, ngx_http_phases_NGX_HTTP_REWRITE_PHASE,
    ngx_http_request_t, ngx_int_t, ngx_module_t, ngx_str_t, ngx_uint_t,
};
use ngx::core::Pool;
use ngx::http::{HttpModuleConfExt, HttpModuleMainConf, NgxHttpCoreModule};

use crate::conf::directive::{Directive, Levels, Refusal};
use crate::conf::directives::DIRECTIVES;
use crate::conf::place::Fault;
use crate::conf::{LocationConf, MainConf, Phase};
use crate::handler::{self, Next};
use crate::net;
use crate::nginx::afterwards::log_handler;
use crate::nginx::conf::Conf;
use crate::nginx::guard::guard;
use crate::nginx::request::Request;
use crate::nginx::worker::WorkerUser;
use crate::nginx::{task, variable};
use crate::report;

/// `NGX_CONF_OK` and `NGX_CONF_ERROR` are casts, which bindgen does not translate.
const CONF_OK: *mut c_char = ptr::null_mut();
const CONF_ERROR: *mut c_char = ptr::without_provenance_mut(usize::MAX);

static CONTEXT: ngx_http_module_t = ngx_http_module_t {
    preconfiguration: Some(preconfiguration),
    postconfiguration: Some(postconfiguration),
    create_main_conf: Some(create_main_conf),
    init_main_conf: None,
    create_srv_conf: None,
    merge_srv_conf: None,
    create_loc_conf: Some(create_loc_conf),
    merge_loc_conf: Some(merge_loc_conf),
};

/// One for each directive, and the empty one at the end.
static mut COMMANDS: [ngx_command_t; DIRECTIVES.len() + 1] = commands();

#[used]
#[allow(non_upper_case_globals, reason = "the name that NGINX has for it")]
pub(crate) static mut ngx_http_sts_module: ngx_module_t = ngx_module_t {
    ctx: (&raw const CONTEXT).cast_mut().cast(),
    commands: (&raw mut COMMANDS).cast(),
    type_: NGX_HTTP_MODULE as ngx_uint_t,
    init_module: Some(init_module),
    exit_process: Some(exit_process),
    ..ngx_module_t::default()
};

ngx::ngx_modules!(ngx_http_sts_module);

#[expect(clippy::indexing_slicing, clippy::panic, reason = "evaluated by the compiler")]
const fn commands() -> [ngx_command_t; DIRECTIVES.len() + 1] {
    let mut commands = [const { ngx_command_t::empty() }; DIRECTIVES.len() + 1];
    let mut index = 0;
    while index < DIRECTIVES.len() {
        let directive = &DIRECTIVES[index];
        let arguments = match directive.arguments {
            (0, 0) => NGX_CONF_NOARGS,
            (1, 1) => NGX_CONF_TAKE1,
            (2, 2) => NGX_CONF_TAKE2,
            (1, 2) => NGX_CONF_TAKE12,
            (1, 3) => NGX_CONF_TAKE123,
            (1, 4) => NGX_CONF_TAKE123 | NGX_CONF_TAKE4,
            (1, 7) => {
                let few = NGX_CONF_TAKE123 | NGX_CONF_TAKE4;
                few | NGX_CONF_TAKE5 | NGX_CONF_TAKE6 | NGX_CONF_TAKE7
            }
            (2, 4) => NGX_CONF_TAKE2 | NGX_CONF_TAKE3 | NGX_CONF_TAKE4,
            _ => panic!("no such number of arguments yet"),
        };
        let levels = match directive.levels {
            Levels::All => {
                NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF | NGX_HTTP_LIF_CONF
            }
            Levels::Location => NGX_HTTP_LOC_CONF,
        };
        commands[index] = ngx_command_t {
            name: ngx_str_t {
                len: directive.name.count_bytes(),
                data: directive.name.as_ptr().cast_mut().cast(),
            },
            type_: (levels | arguments) as ngx_uint_t,
            set: Some(set_directive),
            conf: NGX_HTTP_LOC_CONF_OFFSET,
            offset: 0,
            post: ptr::from_ref(directive).cast_mut().cast(),
        };
        index += 1;
    }
    commands
}

/// What NGINX knows of the module, its place among the others included.
pub(super) fn descriptor() -> &'static ngx_module_t {
    let descriptor = &raw const ngx_http_sts_module;
    // SAFETY: NGINX changes it only while it loads the module.
    unsafe { &*descriptor }
}

extern "C" fn set_directive(
    cf: *mut ngx_conf_t,
    command: *mut ngx_command_t,
    location: *mut c_void,
) -> *mut c_char {
    guard(CONF_ERROR, || {
        // SAFETY: `commands` made `post` point at a directive.
        let directive: &'static Directive = unsafe { &*(*command).post.cast() };
        // SAFETY: NGINX passes the configuration that it reads.
        let Some(conf) = (unsafe { conf_of(cf) }) else { return CONF_ERROR };
        // SAFETY: the types are those that `create_main_conf` and `create_loc_conf` make, and
        // nobody else refers to them now.
        let (main, location) = unsafe { (main_conf(cf), location.cast::<LocationConf>().as_mut()) };
        let (Some(main), Some(location)) = (main, location) else { return CONF_ERROR };
        let name = directive.name.to_string_lossy();
        let Some(words) = conf.words() else {
            conf.error(format_args!("\"{name}\": the value must be UTF-8"));
            return CONF_ERROR;
        };
        let words: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
        match location.written.take(directive, &conf, main, &words) {
            Ok(()) => return CONF_OK,
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
        CONF_ERROR
    })
}

extern "C" fn preconfiguration(cf: *mut ngx_conf_t) -> ngx_int_t {
    guard(NGX_ERROR as ngx_int_t, || {
        // SAFETY: NGINX passes the configuration that it reads.
        let conf = unsafe { conf_of(cf) };
        status(conf.is_some_and(|conf| variable::define_facts(&conf).is_ok()))
    })
}

extern "C" fn postconfiguration(cf: *mut ngx_conf_t) -> ngx_int_t {
    guard(NGX_ERROR as ngx_int_t, || {
        // SAFETY: NGINX passes the configuration that it reads, and nobody else refers to ours.
        let (conf, main) = unsafe { (conf_of(cf), main_conf(cf)) };
        let (Some(conf), Some(main)) = (conf, main) else { return status(false) };
        if let Err(Fault { problem, place }) = main.finish(&conf) {
            match place {
                Some(place) => conf.error_at(&place, format_args!("{problem}")),
                None => conf.error(format_args!("{problem}")),
            }
            return status(false);
        }
        main.error_pages.warn(&conf);
        let phases = main.phases();
        // SAFETY: NGINX passes the configuration that it reads.
        let are_registered = phases.iter().all(|phase| unsafe { register(cf, *phase) });
        // SAFETY: as above.
        let is_logged = phases.is_empty() || unsafe { register_log(cf) };
        status(are_registered && is_logged)
    })
}

/// Registers the handler of a phase.
///
/// # Safety
/// `cf` is the configuration that NGINX reads.
unsafe fn register(cf: *mut ngx_conf_t, phase: Phase) -> bool {
    let (number, handler): (_, ngx_http_handler_pt) = match phase {
        Phase::Rewrite => (ngx_http_phases_NGX_HTTP_REWRITE_PHASE, Some(rewrite_handler)),
        Phase::Access => (ngx_http_phases_NGX_HTTP_ACCESS_PHASE, Some(access_handler)),
        Phase::PreContent => (ngx_http_phases_NGX_HTTP_PRECONTENT_PHASE, Some(precontent_handler)),
    };
    // SAFETY: the caller's contract.
    unsafe { push_handler(cf, number, handler) }
}

/// Registers the handler of the log phase, which has nothing to do with the others.
///
/// # Safety
/// As [`register`].
unsafe fn register_log(cf: *mut ngx_conf_t) -> bool {
    // SAFETY: the caller's contract.
    unsafe { push_handler(cf, ngx_http_phases_NGX_HTTP_LOG_PHASE, Some(log_handler)) }
}

/// # Safety
/// As [`register`].
unsafe fn push_handler(
    cf: *mut ngx_conf_t,
    number: ngx_http_phases,
    handler: ngx_http_handler_pt,
) -> bool {
    // SAFETY: the caller's contract.
    let core = NgxHttpCoreModule::main_conf_mut(unsafe { &*cf });
    let Some(core) = core else { return false };
    let Some(phase) = core.phases.get_mut(number as usize) else { return false };
    // SAFETY: NGINX has initialised the array.
    let slot = unsafe { ngx_array_push(&raw mut phase.handlers) }.cast::<ngx_http_handler_pt>();
    let Some(slot) = NonNull::new(slot) else { return false };
    // SAFETY: the slot is fresh and of this type.
    unsafe { slot.write(handler) };
    true
}

extern "C" fn create_main_conf(cf: *mut ngx_conf_t) -> *mut c_void {
    // SAFETY: NGINX passes the configuration that it reads.
    guard(ptr::null_mut(), || unsafe { create::<MainConf>(cf) })
}

extern "C" fn create_loc_conf(cf: *mut ngx_conf_t) -> *mut c_void {
    // SAFETY: NGINX passes the configuration that it reads.
    guard(ptr::null_mut(), || unsafe { create::<LocationConf>(cf) })
}

/// A default value that is dropped with the configuration.
///
/// # Safety
/// `cf` is the configuration that NGINX reads.
unsafe fn create<T: Default>(cf: *mut ngx_conf_t) -> *mut c_void {
    // SAFETY: the caller's contract.
    let pool = unsafe { Pool::from_ngx_pool((*cf).pool) };
    pool.allocate(T::default()).cast()
}

extern "C" fn merge_loc_conf(
    cf: *mut ngx_conf_t,
    outer: *mut c_void,
    inner: *mut c_void,
) -> *mut c_char {
    guard(CONF_ERROR, || {
        // SAFETY: NGINX passes what `create_main_conf` and `create_loc_conf` made, two different
        // blocks, and nobody else refers to them now.
        let (conf, main, outer, inner) = unsafe {
            (
                conf_of(cf),
                main_conf(cf),
                outer.cast::<LocationConf>().as_ref(),
                inner.cast::<LocationConf>().as_mut(),
            )
        };
        let (Some(conf), Some(main), Some(outer), Some(inner)) = (conf, main, outer, inner) else {
            return CONF_ERROR;
        };
        match inner.merge(&conf, main, outer) {
            Ok(()) => {
                main.error_pages.note(&conf, inner);
                CONF_OK
            }
            Err(Fault { problem, place }) => {
                conf.at(place.as_ref()).error(format_args!("{problem}"));
                CONF_ERROR
            }
        }
    })
}

/// # Safety
/// `cf` is null, or valid for the callback.
unsafe fn conf_of<'c>(cf: *mut ngx_conf_t) -> Option<Conf<'c>> {
    // SAFETY: the caller's contract.
    NonNull::new(cf).map(|cf| unsafe { Conf::from_ptr(cf) })
}

/// # Safety
/// `cf` is valid for the callback, and nobody else refers to the result.
unsafe fn main_conf<'c>(cf: *mut ngx_conf_t) -> Option<&'c mut MainConf> {
    // SAFETY: the type is the one that `create_main_conf` makes.
    let main = unsafe { (*cf).http_main_conf_unchecked::<MainConf>(descriptor()) };
    // SAFETY: the caller's contract.
    main.map(|mut main| unsafe { main.as_mut() })
}

fn status(good: bool) -> ngx_int_t {
    if good { NGX_OK as ngx_int_t } else { NGX_ERROR as ngx_int_t }
}

extern "C" fn rewrite_handler(request: *mut ngx_http_request_t) -> ngx_int_t {
    // This phase suspends on NGX_DONE and finalises on NGX_AGAIN (ngx_http_core_rewrite_phase).
    handle(request, Phase::Rewrite, NGX_DONE as ngx_int_t)
}

extern "C" fn access_handler(request: *mut ngx_http_request_t) -> ngx_int_t {
    handle(request, Phase::Access, NGX_AGAIN as ngx_int_t)
}

extern "C" fn precontent_handler(request: *mut ngx_http_request_t) -> ngx_int_t {
    handle(request, Phase::PreContent, NGX_AGAIN as ngx_int_t)
}

fn handle(request: *mut ngx_http_request_t, phase: Phase, wait: ngx_int_t) -> ngx_int_t {
    const INTERNAL_SERVER_ERROR: ngx_int_t = 500;
    let Some(request) = NonNull::new(request) else { return INTERNAL_SERVER_ERROR };
    // SAFETY: NGINX passes a request that is valid for the call.
    let request = unsafe { Request::from_ptr(request) };
    match guard(None, || Some(handler::handle(request, phase))) {
        Some(Next::GoOn) => NGX_DECLINED as ngx_int_t,
        Some(Next::Wait) => wait,
        Some(Next::Answer(status)) => isize::from(status.cast_signed()),
        None => {
            guard((), || {
                handler::give_up(request);
            });
            INTERNAL_SERVER_ERROR
        }
    }
}

/// A new configuration is in force. In a single process calls and connections of the old one must go:
/// they use what it owns, and NGINX frees it when its own connections are closed. In a master there
/// are none.
extern "C" fn init_module(cycle: *mut ngx_cycle_t) -> ngx_int_t {
    end_all();
    guard((), || {
        // SAFETY: NGINX passes the cycle whose configuration it has read.
        unsafe { check_credentials(cycle) };
    });
    NGX_OK as ngx_int_t
}

/// What the master can read the workers may not.
///
/// # Safety
/// `cycle` is null, or valid and its configuration complete.
unsafe fn check_credentials(cycle: *mut ngx_cycle_t) {
    let Some(cycle) = NonNull::new(cycle) else { return };
    // SAFETY: the caller's contract.
    let main = unsafe { cycle.as_ref().http_main_conf_unchecked::<MainConf>(descriptor()) };
    // SAFETY: the caller's contract.
    let (Some(main), Some(worker)) = (main, unsafe { WorkerUser::of(cycle) }) else { return };
    // SAFETY: `create_main_conf` made it, and nobody changes it any more.
    let main = unsafe { main.as_ref() };
    main.credentials.warn_of_unreadable(&worker);
}

/// The worker ends: nothing that is queued will run, and no socket may be left open.
extern "C" fn exit_process(_cycle: *mut ngx_cycle_t) {
    end_all();
}

fn end_all() {
    guard((), || {
        task::shutdown();
        net::shutdown();
        report::shutdown();
    });
}
