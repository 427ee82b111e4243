//! A module as NGINX sees it: its table, its directives, and the callbacks that both point to.
//!
//! What the module does is [`Module`]; [`module!`](crate::module!) makes the table of it.

mod callbacks;
mod handlers;

use std::ffi::{CStr, c_void};
use std::ptr;

use nginx_sys::{
    NGX_CONF_NOARGS, NGX_CONF_TAKE1, NGX_CONF_TAKE2, NGX_CONF_TAKE3, NGX_CONF_TAKE4,
    NGX_CONF_TAKE5, NGX_CONF_TAKE6, NGX_CONF_TAKE7, NGX_CONF_TAKE12, NGX_CONF_TAKE123,
    NGX_HTTP_LIF_CONF, NGX_HTTP_LOC_CONF, NGX_HTTP_LOC_CONF_OFFSET, NGX_HTTP_MAIN_CONF,
    NGX_HTTP_MODULE, NGX_HTTP_SRV_CONF, ngx_command_t, ngx_http_module_t, ngx_module_t, ngx_str_t,
    ngx_uint_t,
};

use crate::conf::Conf;
use crate::phase::{Next, Phase};
use crate::request::Request;
use crate::value::Reported;
use crate::worker::WorkerUser;

/// What a module makes of the calls of NGINX.
pub trait Module: Table {
    /// Shared by all blocks of a configuration.
    type Main: Default + 'static;
    /// What one block (`http`, `server`, `location`, `if`) has.
    type Location: Default + 'static;
    /// What is known of a client's request.
    type Context: Default + 'static;

    /// A configuration is about to be read.
    ///
    /// # Errors
    /// As for all of these: the configuration cannot be used, and the log says why.
    fn begin(conf: &Conf<'_>, main: &mut Self::Main) -> Result<(), Reported>;

    /// Takes the directive of this number in the table.
    ///
    /// # Errors
    /// See [`Self::begin`].
    fn set(
        number: usize,
        conf: &Conf<'_>,
        main: &mut Self::Main,
        location: &mut Self::Location,
    ) -> Result<(), Reported>;

    /// Lets a block inherit from the one around it.
    ///
    /// # Errors
    /// See [`Self::begin`].
    fn merge(
        conf: &Conf<'_>,
        main: &mut Self::Main,
        outer: &Self::Location,
        inner: &mut Self::Location,
    ) -> Result<(), Reported>;

    /// All blocks are merged. Returns the phases in which requests are looked at; where there is none,
    /// a configuration without the module's directives costs nothing.
    ///
    /// # Errors
    /// See [`Self::begin`].
    fn finish(conf: &Conf<'_>, main: &mut Self::Main) -> Result<Vec<Phase>, Reported>;

    /// Looks at a request in a phase.
    fn handle(request: Request<'_>, phase: Phase) -> Next;

    /// [`Self::handle`] panicked, and the request is answered with 500.
    fn give_up(request: Request<'_>);

    /// Looks at a request that is over, in the log phase.
    fn look_back(request: Request<'_>);

    /// The header of the answer that a backend has given with this status is about to go out, and the
    /// request can be sent once more. Returns the named location in which it begins anew instead.
    fn send_again(request: Request<'_>, status: usize) -> Option<&str>;

    /// The body of a request has been read. Returns whether the request waits for it.
    fn body_is_there(request: Request<'_>) -> bool;

    /// A configuration is in force. `worker` is the user of the workers, where it is another one than
    /// the master's.
    fn take_effect(main: &Self::Main, worker: Option<&WorkerUser>);

    /// The worker ends, or its configuration goes; its tasks are destroyed already.
    fn end();
}

/// A module that has a place among those of NGINX.
///
/// # Safety
/// [`module!`](crate::module!) implements it. The descriptor is one that NGINX has loaded, and its
/// configurations and contexts are of the types of this module.
pub unsafe trait Table: 'static {
    /// What NGINX knows of the module, its place among the others included.
    fn descriptor() -> &'static ngx_module_t;
}

/// A directive, as NGINX has to know it.
pub struct Command {
    /// C compares it up to its NUL.
    pub name: &'static CStr,
    /// How many arguments it takes at least and at most.
    pub arguments: (u8, u8),
    pub levels: Levels,
}

/// Where a directive may stand.
#[derive(Clone, Copy)]
pub enum Levels {
    /// `http`, `server`, `location` and `if` in `location`.
    All,
    Location,
}

impl Command {
    /// The entry of NGINX's table for the directive of this number.
    ///
    /// # Panics
    /// While it is compiled, for a number of arguments that no directive has had yet.
    #[must_use]
    #[expect(clippy::panic, reason = "evaluated by the compiler")]
    pub const fn entry<M: Module>(&self, number: usize) -> ngx_command_t {
        let arguments = match self.arguments {
            (0, 0) => NGX_CONF_NOARGS,
            (1, 1) => NGX_CONF_TAKE1,
            (2, 2) => NGX_CONF_TAKE2,
            (2, 3) => NGX_CONF_TAKE2 | NGX_CONF_TAKE3,
            (1, 2) => NGX_CONF_TAKE12,
            (1, 3) => NGX_CONF_TAKE123,
            (1, 4) => NGX_CONF_TAKE123 | NGX_CONF_TAKE4,
            (1, 6) => NGX_CONF_TAKE123 | NGX_CONF_TAKE4 | NGX_CONF_TAKE5 | NGX_CONF_TAKE6,
            (1, 7) => {
                let few = NGX_CONF_TAKE123 | NGX_CONF_TAKE4;
                few | NGX_CONF_TAKE5 | NGX_CONF_TAKE6 | NGX_CONF_TAKE7
            }
            (2, 4) => NGX_CONF_TAKE2 | NGX_CONF_TAKE3 | NGX_CONF_TAKE4,
            _ => panic!("no such number of arguments yet"),
        };
        let levels = match self.levels {
            Levels::All => {
                NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF | NGX_HTTP_LIF_CONF
            }
            Levels::Location => NGX_HTTP_LOC_CONF,
        };
        ngx_command_t {
            name: ngx_str_t {
                len: self.name.count_bytes(),
                data: self.name.as_ptr().cast_mut().cast(),
            },
            type_: (levels | arguments) as ngx_uint_t,
            set: Some(callbacks::set_directive::<M>),
            conf: NGX_HTTP_LOC_CONF_OFFSET,
            offset: number as ngx_uint_t,
            post: ptr::null_mut(),
        }
    }
}

/// The callbacks of a module while a configuration is read.
#[must_use]
pub const fn context<M: Module>() -> ngx_http_module_t {
    ngx_http_module_t {
        preconfiguration: Some(callbacks::preconfiguration::<M>),
        postconfiguration: Some(callbacks::postconfiguration::<M>),
        create_main_conf: Some(callbacks::create_main_conf::<M>),
        init_main_conf: None,
        create_srv_conf: None,
        merge_srv_conf: None,
        create_loc_conf: Some(callbacks::create_loc_conf::<M>),
        merge_loc_conf: Some(callbacks::merge_loc_conf::<M>),
    }
}

/// A module as NGINX loads it.
#[must_use]
pub const fn descriptor<M: Module>(
    context: *const ngx_http_module_t,
    commands: *mut ngx_command_t,
) -> ngx_module_t {
    ngx_module_t {
        ctx: context.cast_mut().cast::<c_void>(),
        commands,
        type_: NGX_HTTP_MODULE as ngx_uint_t,
        init_module: Some(callbacks::init_module::<M>),
        init_process: Some(callbacks::init_process),
        exit_process: Some(callbacks::exit_process::<M>),
        ..ngx_module_t::default()
    }
}

/// Makes a [`Module`] the one that NGINX finds in this library: `name` is that of its descriptor,
/// `commands` a constant array of [`Command`]s.
#[macro_export]
macro_rules! module {
    ($name:ident, $module:ty, $commands:expr) => {
        static CONTEXT: $crate::sys::ngx_http_module_t = $crate::module::context::<$module>();

        /// One for each directive, and the empty one at the end.
        static mut COMMANDS: [$crate::sys::ngx_command_t; $commands.len() + 1] = {
            let mut entries = [const { $crate::sys::ngx_command_t::empty() }; $commands.len() + 1];
            let mut number = 0;
            while number < $commands.len() {
                entries[number] = $commands[number].entry::<$module>(number);
                number += 1;
            }
            entries
        };

        #[used]
        #[allow(non_upper_case_globals, reason = "the name that NGINX has for it")]
        pub(crate) static mut $name: $crate::sys::ngx_module_t =
            $crate::module::descriptor::<$module>(&raw const CONTEXT, (&raw mut COMMANDS).cast());

        $crate::ngx_modules!($name);

        // SAFETY: NGINX loads the descriptor above, which was made for this very module.
        unsafe impl $crate::module::Table for $module {
            fn descriptor() -> &'static $crate::sys::ngx_module_t {
                let descriptor = &raw const $name;
                // SAFETY: NGINX changes it only while it loads the module.
                unsafe { &*descriptor }
            }
        }
    };
}
