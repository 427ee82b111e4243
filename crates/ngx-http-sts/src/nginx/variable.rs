//! Variables that the module defines.

use std::ptr::NonNull;

use nginx_sys::{
    NGX_HTTP_VAR_CHANGEABLE, NGX_HTTP_VAR_NOCACHEABLE, NGX_OK, ngx_http_add_variable,
    ngx_http_get_variable_pt, ngx_http_request_t, ngx_http_variable_t, ngx_int_t,
    ngx_variable_value_t,
};

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
    /// Defines a target variable; `index` is what its reader is told.
    pub(crate) fn define(conf: &Conf<'_>, name: &str, index: usize) -> Result<Self, Reported> {
        let mut name = conf.string(name);
        // Changeable, or the name could not be given twice; what others put in its place shows in
        // `is_ours`.
        // SAFETY: the configuration is valid for the call, and NGINX copies the name.
        let variable = unsafe {
            ngx_http_add_variable(conf.as_ptr(), &raw mut name, NGX_HTTP_VAR_CHANGEABLE as usize)
        };
        let mut variable = NonNull::new(variable).ok_or(Reported)?;
        // SAFETY: it lives as long as the configuration, and nobody else refers to it now.
        let defined = unsafe { variable.as_mut() };
        if defined.get_handler.is_none() {
            defined.get_handler = Some(read_target);
            defined.set_handler = Some(refuse_target);
            defined.data = index;
        }
        // The name may have existed, and then NGINX ignores the flags that are passed.
        defined.flags |= NGX_HTTP_VAR_NOCACHEABLE as usize;
        Ok(Self { variable })
    }

    /// Whether the value still comes from here: `map`, `geo`, `js_set` or an earlier `set` of the
    /// same name put their own reader in its place.
    pub(crate) fn is_ours(&self) -> bool {
        // SAFETY: it lives as long as the configuration.
        let reader = unsafe { self.variable.as_ref().get_handler };
        let ours: ngx_http_get_variable_pt = Some(read_target);
        reader.map(|reader| reader as usize) == ours.map(|ours| ours as usize)
    }
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
