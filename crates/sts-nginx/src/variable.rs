//! Variables that a module defines.

#[cfg(ngx_feature = "pcre")]
use std::mem;
use std::ptr::NonNull;

use nginx_sys::{
    NGX_HTTP_VAR_CHANGEABLE, NGX_HTTP_VAR_NOCACHEABLE, NGX_HTTP_VAR_PREFIX, NGX_OK, ngx_hash_key_t,
    ngx_http_add_variable, ngx_http_request_t, ngx_http_variable_t, ngx_int_t, ngx_str_t,
    ngx_variable_value_t,
};
#[cfg(ngx_feature = "pcre")]
use nginx_sys::{NGX_MAX_CONF_ERRSTR, ngx_http_regex_compile, ngx_regex_compile_t};

use ngx::http::{HttpModuleMainConf, NgxHttpCoreModule};

use crate::conf::Conf;
use crate::flags;
use crate::guard::guard;
use crate::request::Request;
use crate::value::Reported;

/// What reads a variable.
pub trait Reader: 'static {
    /// The value for a request; `data` is what the variable was defined with. It lives as long as
    /// the request.
    fn read(request: Request<'_>, data: usize) -> Option<&[u8]>;
}

/// What reads all variables that begin alike, as `$arg_name`.
pub trait PrefixReader: 'static {
    /// How their names begin, in lower case.
    const PREFIX: &'static str;

    /// The value for a request, of the variable whose name goes on like this, in lower case. It lives as
    /// long as the request.
    fn read<'r>(request: Request<'r>, rest: &str) -> Option<&'r [u8]>;
}

/// What becomes of an attempt to set a variable that only its reader has a value for.
pub trait Guard: Reader {
    /// A script of another module has tried to set it for this request.
    fn refuse(request: Request<'_>);
}

/// A variable that gets its reader when all directives are read.
pub struct LateVariable {
    variable: NonNull<ngx_http_variable_t>,
}

impl LateVariable {
    /// Defines a variable; `None` when it has a value from elsewhere.
    ///
    /// It gets its reader in [`Self::install`]. Until then it has none, so that `set` and
    /// `auth_request_set` put theirs there, as `map` and others do in any case, and that shows.
    ///
    /// # Errors
    /// NGINX has no such variable, and has said why.
    pub fn define(conf: &Conf<'_>, name: &str) -> Result<Option<Self>, Reported> {
        // Changeable, or another directive would fail with a message that does not name ours.
        let variable = add(conf, name, NGX_HTTP_VAR_CHANGEABLE)?;
        // SAFETY: it lives as long as the configuration, and no other reference to it exists now.
        let defined = unsafe { variable.as_ref() };
        let is_free = defined.get_handler.is_none() && defined.set_handler.is_none();
        Ok(is_free.then_some(Self { variable }))
    }

    /// Puts the reader in place, when all directives are read and before NGINX gives it to those that
    /// use the variable. False when it is another's by now.
    #[must_use]
    pub fn install<R: Guard>(&self, data: usize) -> bool {
        let mut variable = self.variable;
        // SAFETY: it lives as long as the configuration, and no other reference to it exists now.
        let defined = unsafe { variable.as_mut() };
        if defined.get_handler.is_some() || defined.set_handler.is_some() {
            return false;
        }
        defined.get_handler = Some(read::<R>);
        // Scripts of other modules can set a variable by its name at run time.
        defined.set_handler = Some(refuse::<R>);
        defined.data = data;
        // The name may have existed, and then NGINX has ignored the flags that it was given.
        defined.flags |= NGX_HTTP_VAR_NOCACHEABLE as usize;
        true
    }
}

/// Defines a variable that nothing else may define.
///
/// # Errors
/// It exists, or NGINX has no memory left; NGINX has said why.
pub fn define<R: Reader>(conf: &Conf<'_>, name: &str, data: usize) -> Result<(), Reported> {
    let mut variable = add(conf, name, NGX_HTTP_VAR_NOCACHEABLE)?;
    // SAFETY: as in `LateVariable::define`.
    let variable = unsafe { variable.as_mut() };
    variable.get_handler = Some(read::<R>);
    variable.data = data;
    Ok(())
}

/// Defines a variable, unless the name has a value from elsewhere already. One that comes later puts
/// its own reader in this one's place.
///
/// # Errors
/// As for [`define`].
pub fn define_weak<R: Reader>(conf: &Conf<'_>, name: &str, data: usize) -> Result<(), Reported> {
    let mut variable = add(conf, name, NGX_HTTP_VAR_CHANGEABLE | NGX_HTTP_VAR_NOCACHEABLE)?;
    // SAFETY: as in `LateVariable::define`.
    let variable = unsafe { variable.as_mut() };
    if variable.get_handler.is_none() {
        variable.get_handler = Some(read::<R>);
        variable.data = data;
    }
    Ok(())
}

/// Defines the variables that begin alike. One whose whole name has a value from elsewhere keeps that.
///
/// # Errors
/// As for [`define`].
pub fn define_prefix<R: PrefixReader>(conf: &Conf<'_>) -> Result<(), Reported> {
    let mut variable = add(conf, R::PREFIX, NGX_HTTP_VAR_PREFIX | NGX_HTTP_VAR_NOCACHEABLE)?;
    // SAFETY: as in `LateVariable::define`.
    unsafe { variable.as_mut() }.get_handler = Some(read_named::<R>);
    Ok(())
}

fn add(conf: &Conf<'_>, name: &str, flags: u32) -> Result<NonNull<ngx_http_variable_t>, Reported> {
    let mut name = conf.string(name);
    // SAFETY: the configuration is valid for the call, and NGINX copies the name.
    let variable = unsafe { ngx_http_add_variable(conf.as_ptr(), &raw mut name, flags as usize) };
    NonNull::new(variable).ok_or(Reported)
}

/// Whether NGINX has a variable for each name that begins like this one, as for `$arg_name`.
#[must_use]
pub fn is_of_nginx(conf: &Conf<'_>, name: &str) -> bool {
    // SAFETY: the configuration is valid for the call.
    let core = NgxHttpCoreModule::main_conf(unsafe { &*conf.as_ptr() });
    let Some(core) = core else { return false };
    // SAFETY: NGINX fills the array with these, and changes it in no directive.
    let prefixes = unsafe { core.prefix_variables.as_slice::<ngx_http_variable_t>() };
    let name = name.to_ascii_lowercase();
    prefixes.iter().any(|prefix| name.as_bytes().starts_with(prefix.name.as_bytes()))
}

/// What gives a variable its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// NGINX or a module, whatever the configuration says; or nothing.
    Module,
    /// A directive of the configuration: `set`, `map`, `geo`, `auth_request_set`, `js_set` and their like.
    Directive,
    /// A part of what a regular expression has matched.
    Capture,
}

/// The variables that NGINX and its modules have before any directive is read.
#[derive(Clone, Copy, Default)]
pub struct BuiltIn(usize);

impl BuiltIn {
    /// Those that are there now: NGINX adds the others behind them.
    #[must_use]
    pub fn of(conf: &Conf<'_>) -> Self {
        Self(keys(conf).len())
    }

    /// What gives a variable its value, when all directives are read.
    ///
    /// Those that a directive defines can be changed and have no setter; most of a module that is loaded
    /// later are not, or have one.
    ///
    /// # Errors
    /// NGINX has no memory left.
    pub fn origin(self, conf: &Conf<'_>, name: &str) -> Result<Origin, Reported> {
        let lower = name.to_ascii_lowercase();
        let is_it = |key: &ngx_hash_key_t| key.key.as_bytes() == lower.as_bytes();
        if is_of_nginx(conf, name) || keys(conf).iter().take(self.0).any(is_it) {
            return Ok(Origin::Module);
        }
        let capture = reader_of_captures(conf)?;
        let Some(variable) = defined(conf, name) else { return Ok(Origin::Module) };
        let is_changeable = variable.flags & NGX_HTTP_VAR_CHANGEABLE as usize != 0;
        let reader = variable.get_handler.map(|reader| reader as usize);
        Ok(match capture {
            Some(capture) if reader == Some(capture) => Origin::Capture,
            _ if is_changeable && variable.set_handler.is_none() => Origin::Directive,
            _ => Origin::Module,
        })
    }
}

/// The names of all variables, in the order in which they were defined.
fn keys<'c>(conf: &'c Conf<'_>) -> &'c [ngx_hash_key_t] {
    // SAFETY: the configuration is valid for the call.
    let core = NgxHttpCoreModule::main_conf(unsafe { &*conf.as_ptr() });
    // SAFETY: NGINX has it until all directives are read, and null afterwards.
    let Some(keys) = core.and_then(|core| unsafe { core.variables_keys.as_ref() }) else {
        return &[];
    };
    // SAFETY: NGINX fills the array with these, and grows it in no call that this slice is held over.
    unsafe { keys.keys.as_slice::<ngx_hash_key_t>() }
}

/// The variable of a name, as far as directives are read.
fn defined<'c>(conf: &'c Conf<'_>, name: &str) -> Option<&'c ngx_http_variable_t> {
    let name = name.to_ascii_lowercase();
    let key = keys(conf).iter().find(|key| key.key.as_bytes() == name.as_bytes())?;
    // SAFETY: the value of a name is its variable, which lives as long as the configuration
    // (`ngx_http_add_variable`), and nothing else refers to it while this is looked at.
    unsafe { key.value.cast::<ngx_http_variable_t>().as_ref() }
}

/// The address of what reads captures: NGINX gives it to the variables of each regular expression with
/// names, and has it for itself. So one is compiled, and its variable looked at.
#[cfg(ngx_feature = "pcre")]
fn reader_of_captures(conf: &Conf<'_>) -> Result<Option<usize>, Reported> {
    const NAME: &str = "sts_capture";
    if defined(conf, NAME).is_none() {
        let mut error = [0; NGX_MAX_CONF_ERRSTR as usize];
        // SAFETY: all zeroes is a valid request to compile.
        let mut compile = unsafe { mem::zeroed::<ngx_regex_compile_t>() };
        compile.pattern = conf.string(&format!("(?<{NAME}>a)"));
        compile.pool = conf.pool();
        compile.err = ngx_str_t { len: error.len(), data: error.as_mut_ptr() };
        // SAFETY: all that it points at is valid for the call, and the text as long as the configuration.
        let compiled = unsafe { ngx_http_regex_compile(conf.as_ptr(), &raw mut compile) };
        if compiled.is_null() {
            return Err(Reported);
        }
    }
    let reader = defined(conf, NAME).and_then(|variable| variable.get_handler);
    Ok(reader.map(|reader| reader as usize))
}

/// An NGINX without regular expressions captures nothing.
#[cfg(not(ngx_feature = "pcre"))]
fn reader_of_captures(_conf: &Conf<'_>) -> Result<Option<usize>, Reported> {
    Ok(None)
}

/// Whether a directive reads a variable, or has compiled a text that does.
#[must_use]
pub fn is_used(conf: &Conf<'_>, name: &str) -> bool {
    // SAFETY: the configuration is valid for the call.
    let core = NgxHttpCoreModule::main_conf(unsafe { &*conf.as_ptr() });
    let Some(core) = core else { return false };
    // SAFETY: NGINX fills the array with these.
    let indexed = unsafe { core.variables.as_slice::<ngx_http_variable_t>() };
    let name = name.to_ascii_lowercase();
    indexed.iter().any(|variable| variable.name.as_bytes() == name.as_bytes())
}

extern "C" fn read<R: Reader>(
    request: *mut ngx_http_request_t,
    value: *mut ngx_variable_value_t,
    data: usize,
) -> ngx_int_t {
    let found = guard(None, || {
        // SAFETY: NGINX gives a request that is valid for the call.
        let request = unsafe { Request::from_ptr(NonNull::new(request)?) };
        R::read(request, data).map(|found| (found.as_ptr(), found.len()))
    });
    answer(value, found)
}

/// For a variable that begins as others do NGINX gives its name as the data (`ngx_http_get_variable`,
/// `ngx_http_variables_init_vars`).
extern "C" fn read_named<R: PrefixReader>(
    request: *mut ngx_http_request_t,
    value: *mut ngx_variable_value_t,
    data: usize,
) -> ngx_int_t {
    let found = guard(None, || {
        // SAFETY: NGINX gives a request and a name that are valid for the call.
        let request = unsafe { Request::from_ptr(NonNull::new(request)?) };
        // SAFETY: as above.
        let name = unsafe { (data as *const ngx_str_t).as_ref() }?;
        let rest = name.as_bytes().strip_prefix(R::PREFIX.as_bytes())?;
        let rest = std::str::from_utf8(rest).ok()?;
        R::read(request, rest).map(|found| (found.as_ptr(), found.len()))
    });
    answer(value, found)
}

fn answer(value: *mut ngx_variable_value_t, found: Option<(*const u8, usize)>) -> ngx_int_t {
    // SAFETY: NGINX gives a value that is valid for the call. What the reader returns lives as long
    // as the request's pool.
    let value = unsafe { &mut *value };
    let (data, length) = found.unwrap_or((std::ptr::null(), 0));
    let length = u32::try_from(length).unwrap_or(0);
    // The next reader must ask again: the exchange may have run by then.
    flags::set_variable(value, data.cast_mut(), length, found.is_some());
    NGX_OK as ngx_int_t
}

/// `set $target …` would hide what the reader says behind a value that stays.
extern "C" fn refuse<R: Guard>(
    request: *mut ngx_http_request_t,
    _value: *mut ngx_variable_value_t,
    _data: usize,
) {
    guard((), || {
        let Some(request) = NonNull::new(request) else { return };
        // SAFETY: NGINX gives a request that is valid for the call.
        R::refuse(unsafe { Request::from_ptr(request) });
    });
}
