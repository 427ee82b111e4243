//! What NGINX calls while it reads a configuration and when processes begin and end.

use std::ffi::{c_char, c_void};
use std::ptr::{self, NonNull};

use nginx_sys::{
    NGX_ERROR, NGX_OK, ngx_array_push, ngx_command_t, ngx_conf_t, ngx_cycle_t, ngx_http_handler_pt,
    ngx_http_phases, ngx_http_phases_NGX_HTTP_ACCESS_PHASE, ngx_http_phases_NGX_HTTP_LOG_PHASE,
    ngx_http_phases_NGX_HTTP_PRECONTENT_PHASE, ngx_http_phases_NGX_HTTP_REWRITE_PHASE, ngx_int_t,
};
use ngx::core::Pool;
use ngx::http::{HttpModuleConfExt, HttpModuleMainConf, NgxHttpCoreModule};

use crate::answer;
use crate::conf::Conf;
use crate::guard::guard;
use crate::module::{Module, handlers};
use crate::phase::Phase;
use crate::task;
use crate::worker::WorkerUser;

/// `NGX_CONF_OK` and `NGX_CONF_ERROR` are casts, which bindgen does not translate.
const CONF_OK: *mut c_char = ptr::null_mut();
const CONF_ERROR: *mut c_char = ptr::without_provenance_mut(usize::MAX);

pub(super) extern "C" fn set_directive<M: Module>(
    cf: *mut ngx_conf_t,
    command: *mut ngx_command_t,
    location: *mut c_void,
) -> *mut c_char {
    guard(CONF_ERROR, || {
        // SAFETY: NGINX gives the entry of the table that it has found.
        let number = unsafe { (*command).offset };
        // SAFETY: NGINX gives the configuration that it reads.
        let Some(conf) = (unsafe { conf_of(cf) }) else { return CONF_ERROR };
        // SAFETY: the types are those that `create_main_conf` and `create_loc_conf` make, and
        // nothing else refers to them now.
        let (main, location) =
            unsafe { (main_conf::<M>(cf), location.cast::<M::Location>().as_mut()) };
        let (Some(main), Some(location)) = (main, location) else { return CONF_ERROR };
        conf_status(M::set(number, &conf, main, location).is_ok())
    })
}

pub(super) extern "C" fn preconfiguration<M: Module>(cf: *mut ngx_conf_t) -> ngx_int_t {
    guard(NGX_ERROR as ngx_int_t, || {
        // SAFETY: NGINX gives the configuration that it reads, and nothing else refers to ours.
        let (conf, main) = unsafe { (conf_of(cf), main_conf::<M>(cf)) };
        let begun = conf.zip(main).map(|(conf, main)| M::begin(&conf, main));
        status(begun.is_some_and(|begun| begun.is_ok()))
    })
}

pub(super) extern "C" fn postconfiguration<M: Module>(cf: *mut ngx_conf_t) -> ngx_int_t {
    guard(NGX_ERROR as ngx_int_t, || {
        // SAFETY: NGINX gives the configuration that it reads, and nothing else refers to ours.
        let (conf, main) = unsafe { (conf_of(cf), main_conf::<M>(cf)) };
        let (Some(conf), Some(main)) = (conf, main) else { return status(false) };
        // First, since what fails below leaves the configuration in force that was there before, and NGINX
        // has made its chain of filters anew already.
        // SAFETY: NGINX reads its configuration, and runs nothing else meanwhile.
        unsafe { answer::register::<M>() };
        let Ok(phases) = M::finish(&conf, main) else { return status(false) };
        // SAFETY: NGINX gives the configuration that it reads.
        let are_registered = phases.iter().all(|phase| unsafe { register::<M>(cf, *phase) });
        // SAFETY: as above.
        let is_logged = phases.is_empty() || unsafe { register_log::<M>(cf) };
        status(are_registered && is_logged)
    })
}

/// Registers the handler of a phase.
///
/// # Safety
/// `cf` is the configuration that NGINX reads.
unsafe fn register<M: Module>(cf: *mut ngx_conf_t, phase: Phase) -> bool {
    let (number, handler): (_, ngx_http_handler_pt) = match phase {
        Phase::Rewrite => (ngx_http_phases_NGX_HTTP_REWRITE_PHASE, Some(handlers::rewrite::<M>)),
        Phase::Access => (ngx_http_phases_NGX_HTTP_ACCESS_PHASE, Some(handlers::access::<M>)),
        Phase::PreContent => {
            (ngx_http_phases_NGX_HTTP_PRECONTENT_PHASE, Some(handlers::precontent::<M>))
        }
    };
    // SAFETY: the caller's contract.
    unsafe { push_handler(cf, number, handler) }
}

/// Registers the handler of the log phase, which has nothing to do with the others.
///
/// # Safety
/// As [`register`].
unsafe fn register_log<M: Module>(cf: *mut ngx_conf_t) -> bool {
    // SAFETY: the caller's contract.
    unsafe { push_handler(cf, ngx_http_phases_NGX_HTTP_LOG_PHASE, Some(handlers::log::<M>)) }
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

pub(super) extern "C" fn create_main_conf<M: Module>(cf: *mut ngx_conf_t) -> *mut c_void {
    // SAFETY: NGINX gives the configuration that it reads.
    guard(ptr::null_mut(), || unsafe { create::<M::Main>(cf) })
}

pub(super) extern "C" fn create_loc_conf<M: Module>(cf: *mut ngx_conf_t) -> *mut c_void {
    // SAFETY: NGINX gives the configuration that it reads.
    guard(ptr::null_mut(), || unsafe { create::<M::Location>(cf) })
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

pub(super) extern "C" fn merge_loc_conf<M: Module>(
    cf: *mut ngx_conf_t,
    outer: *mut c_void,
    inner: *mut c_void,
) -> *mut c_char {
    guard(CONF_ERROR, || {
        // SAFETY: NGINX gives what `create_main_conf` and `create_loc_conf` made, two different
        // blocks, and nothing else refers to them now.
        let (conf, main, outer, inner) = unsafe {
            (
                conf_of(cf),
                main_conf::<M>(cf),
                outer.cast::<M::Location>().as_ref(),
                inner.cast::<M::Location>().as_mut(),
            )
        };
        let (Some(conf), Some(main), Some(outer), Some(inner)) = (conf, main, outer, inner) else {
            return CONF_ERROR;
        };
        conf_status(M::merge(&conf, main, outer, inner).is_ok())
    })
}

/// # Safety
/// `cf` is null, or valid for the callback.
unsafe fn conf_of<'c>(cf: *mut ngx_conf_t) -> Option<Conf<'c>> {
    // SAFETY: the caller's contract.
    NonNull::new(cf).map(|cf| unsafe { Conf::from_ptr(cf) })
}

/// # Safety
/// `cf` is valid for the callback, and nothing else refers to the result.
unsafe fn main_conf<'c, M: Module>(cf: *mut ngx_conf_t) -> Option<&'c mut M::Main> {
    // SAFETY: the type is the one that `create_main_conf` makes.
    let main = unsafe { (*cf).http_main_conf_unchecked::<M::Main>(M::descriptor()) };
    // SAFETY: the caller's contract.
    main.map(|mut main| unsafe { main.as_mut() })
}

fn status(good: bool) -> ngx_int_t {
    if good { NGX_OK as ngx_int_t } else { NGX_ERROR as ngx_int_t }
}

fn conf_status(is_good: bool) -> *mut c_char {
    if is_good { CONF_OK } else { CONF_ERROR }
}

/// A new configuration is in force. In a single process calls and connections of the old one must go:
/// they use what it owns, and NGINX frees it when its own connections are closed. In a master there
/// are none.
pub(super) extern "C" fn init_module<M: Module>(cycle: *mut ngx_cycle_t) -> ngx_int_t {
    end_all::<M>();
    guard((), || {
        // SAFETY: NGINX gives the cycle whose configuration it has read.
        unsafe { take_effect::<M>(cycle) };
    });
    NGX_OK as ngx_int_t
}

/// # Safety
/// `cycle` is null, or valid and its configuration complete.
unsafe fn take_effect<M: Module>(cycle: *mut ngx_cycle_t) {
    let Some(cycle) = NonNull::new(cycle) else { return };
    // SAFETY: the caller's contract.
    let main = unsafe { cycle.as_ref().http_main_conf_unchecked::<M::Main>(M::descriptor()) };
    let Some(main) = main else { return };
    // SAFETY: the caller's contract.
    let worker = unsafe { WorkerUser::of(cycle) };
    // SAFETY: `create_main_conf` made it, and nothing changes it any more.
    M::take_effect(unsafe { main.as_ref() }, worker.as_ref());
}

/// A worker begins.
pub(super) extern "C" fn init_process(cycle: *mut ngx_cycle_t) -> ngx_int_t {
    #[cfg(ngx_feature = "threads")]
    guard((), || crate::threads::started(cycle));
    #[cfg(not(ngx_feature = "threads"))]
    let _ = cycle;
    NGX_OK as ngx_int_t
}

/// The worker ends: nothing that is queued will run, and no socket may be left open.
pub(super) extern "C" fn exit_process<M: Module>(_cycle: *mut ngx_cycle_t) {
    end_all::<M>();
}

fn end_all<M: Module>() {
    guard((), || {
        task::shutdown();
        M::end();
    });
}
