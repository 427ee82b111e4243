//! The `upstream` blocks of a configuration.

use std::ffi::CStr;
use std::ptr::NonNull;

use nginx_sys::{NGX_HTTP_UPSTREAM_CREATE, ngx_http_upstream_srv_conf_t};
use ngx::http::{HttpModuleMainConf, NgxHttpUpstreamModule};

use crate::conf::Conf;

impl Conf<'_> {
    /// Where the `upstream` block of a name stands, as file and line. All of them are known when blocks
    /// are merged, wherever they stand. Names are compared as `proxy_pass` does
    /// (`ngx_http_upstream_add`). Where a `proxy_pass` to the name stands before the block, NGINX has
    /// kept that line.
    pub fn upstream(&self, name: &str) -> Option<String> {
        // SAFETY: the constructor's contract.
        let main = NgxHttpUpstreamModule::main_conf(unsafe { self.conf.as_ref() })?;
        // SAFETY: NGINX fills the array with pointers to these, none of them null, and keeps both while
        // the configuration is read.
        let upstreams =
            unsafe { main.upstreams.as_slice::<NonNull<ngx_http_upstream_srv_conf_t>>() };
        // SAFETY: as above.
        let mut upstreams = upstreams.iter().map(|upstream| unsafe { upstream.as_ref() });
        let upstream = upstreams.find(|upstream| {
            // Others stand for the host of a `proxy_pass` that has none.
            let is_block = upstream.flags & NGX_HTTP_UPSTREAM_CREATE as usize != 0;
            is_block && upstream.host.as_bytes().eq_ignore_ascii_case(name.as_bytes())
        })?;
        let file = NonNull::new(upstream.file_name).map(|file| {
            // SAFETY: the name of a file ends with NUL, and lives as long as the configuration.
            unsafe { CStr::from_ptr(file.as_ptr().cast()) }.to_string_lossy()
        });
        Some(format!("{}:{}", file.unwrap_or_default(), upstream.line))
    }
}
