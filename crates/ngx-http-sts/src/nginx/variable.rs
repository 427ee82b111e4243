//! Variables that the module defines.

use std::ptr::NonNull;

use nginx_sys::{
    NGX_HTTP_VAR_CHANGEABLE, NGX_HTTP_VAR_NOCACHEABLE, NGX_OK, ngx_http_add_variable,
    ngx_http_request_t, ngx_http_variable_t, ngx_int_t, ngx_variable_value_t,
};

use ngx::http::{HttpModuleMainConf, NgxHttpCoreModule};

use crate::nginx::conf::Conf;
use crate::nginx::guard::guard;
use crate::nginx::log::Level;
use crate::nginx::request::Request;
use crate::nginx::value::Reported;
use crate::variables::{self, Fact};

/// A target variable of the configuration.
pub(crate) struct TargetVariable {
    variable: NonNull<ngx_http_variable_t>,
}

impl TargetVariable {
    /// Defines a target variable; `None` when it has a value from elsewhere.
    ///
    /// It gets its reader in [`Self::install`]. Until then it has none, so that `set` and
    /// `auth_request_set` put theirs there, as `map` and others do in any case, and that shows.
    pub(crate) fn define(conf: &Conf<'_>, name: &str) -> Result<Option<Self>, Reported> {
        let mut name = conf.string(name);
        // Changeable, or another directive would fail with a message that does not name ours.
        // SAFETY: the configuration is valid for the call, and NGINX copies the name.
        let variable = unsafe {
            ngx_http_add_variable(conf.as_ptr(), &raw mut name, NGX_HTTP_VAR_CHANGEABLE as usize)
        };
        let mut variable = NonNull::new(variable).ok_or(Reported)?;
        // SAFETY: it lives as long as the configuration, and no other reference to it exists now.
        let defined = unsafe { variable.as_mut() };
        let is_free = defined.get_handler.is_none() && defined.set_handler.is_none();
        Ok(is_free.then_some(Self { variable }))
    }

    /// Puts the reader in place, when all directives are read and before NGINX gives it to those that
    /// use the variable; `index` is what it is told. False when it is another's by now.
    pub(crate) fn install(&self, index: usize) -> bool {
        let mut variable = self.variable;
        // SAFETY: it lives as long as the configuration, and no other reference to it exists now.
        let defined = unsafe { variable.as_mut() };
        if defined.get_handler.is_some() || defined.set_handler.is_some() {
            return false;
        }
        defined.get_handler = Some(read_target);
        // Scripts of other modules can set a variable by its name at run time.
        defined.set_handler = Some(refuse_target);
        defined.data = index;
        // The name may have existed, and then NGINX has ignored the flags that were passed.
        defined.flags |= NGX_HTTP_VAR_NOCACHEABLE as usize;
        true
    }
}

/// Whether NGINX has a variable for each name that begins like this one, as for `$arg_name`.
pub(crate) fn is_of_nginx(conf: &Conf<'_>, name: &str) -> bool {
    // SAFETY: the configuration is valid for the call.
    let core = NgxHttpCoreModule::main_conf(unsafe { &*conf.as_ptr() });
    let Some(core) = core else { return false };
    // SAFETY: NGINX fills the array with these, and changes it in no directive.
    let prefixes = unsafe { core.prefix_variables.as_slice::<ngx_http_variable_t>() };
    let name = name.to_ascii_lowercase();
    prefixes.iter().any(|prefix| name.as_bytes().starts_with(prefix.name.as_bytes()))
}

/// Whether a directive reads a variable, or has compiled a text that does.
pub(crate) fn is_used(conf: &Conf<'_>, name: &str) -> bool {
    // SAFETY: the configuration is valid for the call.
    let core = NgxHttpCoreModule::main_conf(unsafe { &*conf.as_ptr() });
    let Some(core) = core else { return false };
    // SAFETY: NGINX fills the array with these.
    let indexed = unsafe { core.variables.as_slice::<ngx_http_variable_t>() };
    let name = name.to_ascii_lowercase();
    indexed.iter().any(|variable| variable.name.as_bytes() == name.as_bytes())
}

/// Defines `$sts_source_token`, unless the name has a value from elsewhere already. One that comes
/// later puts its own reader in this one's place.
pub(crate) fn define_source(conf: &Conf<'_>) -> Result<(), Reported> {
    let mut name = conf.string(variables::SOURCE);
    let flags = NGX_HTTP_VAR_CHANGEABLE | NGX_HTTP_VAR_NOCACHEABLE;
    // SAFETY: as in `TargetVariable::define`.
    let variable = unsafe { ngx_http_add_variable(conf.as_ptr(), &raw mut name, flags as usize) };
    let mut variable = NonNull::new(variable).ok_or(Reported)?;
    // SAFETY: as in `TargetVariable::define`.
    let variable = unsafe { variable.as_mut() };
    if variable.get_handler.is_none() {
        variable.get_handler = Some(read_source);
    }
    Ok(())
}

/// Defines the variables that tell what happened.
pub(crate) fn define_facts(conf: &Conf<'_>) -> Result<(), Reported> {
    for (name, fact) in Fact::ALL {
        let mut name = conf.string(name);
        // SAFETY: as in `TargetVariable::define`.
        let variable = unsafe {
            ngx_http_add_variable(conf.as_ptr(), &raw mut name, NGX_HTTP_VAR_NOCACHEABLE as usize)
        };
        let mut variable = NonNull::new(variable).ok_or(Reported)?;
        // SAFETY: as in `TargetVariable::define`.
        let variable = unsafe { variable.as_mut() };
        variable.get_handler = Some(read_fact);
        variable.data = fact as usize;
    }
    Ok(())
}

extern "C" fn read_target(
    request: *mut ngx_http_request_t,
    value: *mut ngx_variable_value_t,
    index: usize,
) -> ngx_int_t {
    // SAFETY: NGINX passes a request and a value that are valid for the call.
    unsafe { read(request, value, |request| variables::target(request, index)) }
}

extern "C" fn read_source(
    request: *mut ngx_http_request_t,
    value: *mut ngx_variable_value_t,
    _data: usize,
) -> ngx_int_t {
    // SAFETY: NGINX passes a request and a value that are valid for the call.
    unsafe { read(request, value, variables::source) }
}

extern "C" fn read_fact(
    request: *mut ngx_http_request_t,
    value: *mut ngx_variable_value_t,
    fact: usize,
) -> ngx_int_t {
    // SAFETY: NGINX passes a request and a value that are valid for the call.
    unsafe { read(request, value, |request| variables::fact(request, fact)) }
}

/// # Safety
/// `request` and `value` are valid for the call. What the reader returns lives as long as the
/// request's pool.
unsafe fn read(
    request: *mut ngx_http_request_t,
    value: *mut ngx_variable_value_t,
    reader: impl FnOnce(Request<'_>) -> Option<&[u8]>,
) -> ngx_int_t {
    let found = guard(None, || {
        // SAFETY: the caller's contract.
        let request = unsafe { Request::from_ptr(NonNull::new(request)?) };
        reader(request).map(|found| (found.as_ptr(), found.len()))
    });
    // SAFETY: the caller's contract.
    let value = unsafe { &mut *value };
    value.set_valid(1);
    // The next reader must ask again: the exchange may have run by then.
    value.set_no_cacheable(1);
    let (data, length) = found.unwrap_or((std::ptr::null(), 0));
    value.set_not_found(found.is_none().into());
    value.set_len(u32::try_from(length).unwrap_or(0));
    value.data = data.cast_mut();
    NGX_OK as ngx_int_t
}

/// `set $target …` would hide the token behind a value that stays.
extern "C" fn refuse_target(
    request: *mut ngx_http_request_t,
    _value: *mut ngx_variable_value_t,
    _index: usize,
) {
    guard((), || {
        let Some(request) = NonNull::new(request) else { return };
        // SAFETY: NGINX passes a request that is valid for the call.
        let request = unsafe { Request::from_ptr(request) };
        request.log(
            Level::Warn,
            format_args!("sts: the target variable of STSVariables cannot be set, ignored"),
        );
    });
}
