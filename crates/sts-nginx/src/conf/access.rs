//! Whether something restricts which clients reach a location.

use std::ffi::{CStr, c_void};
use std::ptr::NonNull;

use nginx_sys::{
    ngx_array_t, ngx_http_complex_value_t, ngx_http_conf_ctx_t, ngx_module_t, ngx_str_t,
};

use crate::conf::Conf;

impl Conf<'_> {
    /// Whether NGINX's own modules let every request to the location that is being merged through: it has
    /// no `allow` or `deny`, `auth_basic` or `auth_request`, and is not `internal`. What other modules
    /// check is not known.
    pub fn is_open_to_all(&self) -> bool {
        let is_internal = self.core().is_some_and(|core| core.internal == 1);
        !(is_internal || self.has_rules() || self.asks_for_password() || self.asks_subrequest())
    }

    fn has_rules(&self) -> bool {
        let conf = self.location_of(c"ngx_http_access_module");
        // SAFETY: the first field of `ngx_http_access_loc_conf_t` is the array of the rules.
        let rules = conf.map(|conf| unsafe { conf.cast::<*mut ngx_array_t>().read() });
        rules.is_some_and(|rules| is_set(rules.cast()))
    }

    fn asks_for_password(&self) -> bool {
        let conf = self.location_of(c"ngx_http_auth_basic_module");
        // SAFETY: the first field of `ngx_http_auth_basic_loc_conf_t` is the realm.
        let realm = conf.map(|conf| unsafe { conf.cast::<*mut ngx_http_complex_value_t>().read() });
        let Some(realm) = realm.filter(|realm| is_set(realm.cast())) else { return false };
        // SAFETY: a realm that is set is such a value.
        unsafe { (*realm).value }.as_bytes() != b"off"
    }

    fn asks_subrequest(&self) -> bool {
        let conf = self.location_of(c"ngx_http_auth_request_module");
        // SAFETY: the first field of `ngx_http_auth_request_conf_t` is the URI.
        let uri = conf.map(|conf| unsafe { conf.cast::<ngx_str_t>().read() });
        uri.is_some_and(|uri| uri.len > 0 && is_set(uri.data.cast()))
    }

    /// What another HTTP module has of the location that is being merged.
    fn location_of(&self, name: &CStr) -> Option<NonNull<c_void>> {
        // SAFETY: the constructor's contract; while a location is merged the context is one of HTTP.
        let context = unsafe { self.conf.as_ref().ctx.cast::<ngx_http_conf_ctx_t>().as_ref() }?;
        let locations = NonNull::new(context.loc_conf)?;
        let module = self.modules().find(|module| {
            // SAFETY: NGINX names each module by a C string before it reads a configuration.
            !module.name.is_null() && unsafe { CStr::from_ptr(module.name) } == name
        })?;
        // SAFETY: NGINX has a slot for each HTTP module.
        NonNull::new(unsafe { *locations.as_ptr().add(module.ctx_index) })
    }

    fn modules(&self) -> impl Iterator<Item = &ngx_module_t> {
        // SAFETY: a configuration that is read has a cycle with its list of modules.
        let modules = NonNull::new(unsafe { (*self.conf.as_ref().cycle).modules });
        (0..).map_while(move |number| {
            // SAFETY: the list ends with a null pointer, at which this ends.
            unsafe { (*modules?.as_ptr().add(number)).as_ref() }
        })
    }
}

/// `NGX_CONF_UNSET_PTR` stands for what was not written.
fn is_set(pointer: *mut c_void) -> bool {
    !pointer.is_null() && pointer.addr() != usize::MAX
}
