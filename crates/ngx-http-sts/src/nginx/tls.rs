//! TLS towards an STS, by the OpenSSL that NGINX itself uses.

use std::ffi::{CStr, CString, c_long, c_void};
use std::mem;
use std::net::IpAddr;
use std::ptr;

use nginx_sys::{
    NGX_OK, NGX_SSL_BUFFER, NGX_SSL_CLIENT, NGX_SSL_TLSv1_2, NGX_SSL_TLSv1_3,
    SSL_CTX_set_default_verify_paths, SSL_ctrl, SSL_get_verify_result, SSL_get0_param, X509_V_OK,
    X509_VERIFY_PARAM_set1_host, X509_VERIFY_PARAM_set1_ip, X509_verify_cert_error_string,
    ngx_connection_t, ngx_int_t, ngx_ssl_cleanup_ctx, ngx_ssl_create, ngx_ssl_create_connection,
    ngx_ssl_t, ngx_ssl_trusted_certificate, ngx_uint_t,
};
use sts_core::endpoint::Host;

use crate::nginx::conf::Conf;
use crate::nginx::log::cycle_log;

/// `SSL_set_tlsext_host_name` is a macro over these (OpenSSL, tls1.h).
const SSL_CTRL_SET_TLSEXT_HOSTNAME: i32 = 55;
const TLSEXT_NAMETYPE_HOST_NAME: c_long = 0;

/// OpenSSL's own default: how many intermediate certificates a chain may have.
const VERIFY_DEPTH: ngx_int_t = 100;

/// What the server's certificate is checked against.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Trust {
    /// Whether chain and name are checked at all.
    pub(crate) verify: bool,
    /// PEM file with trusted certificates; the system's store without one.
    pub(crate) certificates: Option<String>,
}

/// A TLS client configuration.
pub(crate) struct Tls {
    /// OpenSSL keeps its address, so it must not move.
    ssl: Box<ngx_ssl_t>,
    verify: bool,
}

impl Tls {
    /// Loads what a configuration needs.
    ///
    /// # Errors
    /// A lower-case fragment; NGINX has reported the details.
    pub(crate) fn new(conf: &Conf<'_>, trust: &Trust) -> Result<Self, &'static str> {
        // SAFETY: all zeroes is a valid, empty configuration.
        let ssl = Box::new(unsafe { mem::zeroed::<ngx_ssl_t>() });
        let mut tls = Self { ssl, verify: trust.verify };
        tls.ssl.log = cycle_log();
        let protocols = (NGX_SSL_TLSv1_2 | NGX_SSL_TLSv1_3) as ngx_uint_t;
        // SAFETY: the box keeps its address for as long as OpenSSL refers to it.
        if unsafe { ngx_ssl_create(&raw mut *tls.ssl, protocols, ptr::null_mut()) }
            != NGX_OK as ngx_int_t
        {
            return Err("cannot create a TLS context");
        }
        if let Some(file) = &trust.certificates {
            let mut file = conf.path(file);
            // SAFETY: all arguments are valid while the configuration is read.
            let status = unsafe {
                ngx_ssl_trusted_certificate(
                    conf.as_ptr(),
                    &raw mut *tls.ssl,
                    &raw mut file,
                    VERIFY_DEPTH,
                )
            };
            if status != NGX_OK as ngx_int_t {
                return Err("cannot load the trusted certificates");
            }
        } else if trust.verify {
            // SAFETY: the context was created above.
            if unsafe { SSL_CTX_set_default_verify_paths(tls.ssl.ctx) } != 1 {
                return Err("cannot load the system's trusted certificates");
            }
        }
        Ok(tls)
    }

    /// Prepares a connection for a handshake with `host`.
    ///
    /// # Safety
    /// `connection` is valid, connected, and has a pool of its own.
    pub(super) unsafe fn attach(
        &self,
        connection: *mut ngx_connection_t,
        host: &Host,
    ) -> Result<(), &'static str> {
        let flags = (NGX_SSL_CLIENT | NGX_SSL_BUFFER) as ngx_uint_t;
        let context = ptr::from_ref(&*self.ssl).cast_mut();
        // SAFETY: the caller vouches for the connection; the context outlives it, being owned by
        // the destination that the connection belongs to.
        if unsafe { ngx_ssl_create_connection(context, connection, flags) } != NGX_OK as ngx_int_t {
            return Err("cannot create a TLS connection");
        }
        // SAFETY: NGINX has just set it.
        let ssl = unsafe { (*(*connection).ssl).connection };
        // SAFETY: as above.
        let parameters = unsafe { SSL_get0_param(ssl) };
        let set = match host {
            Host::Name(name) => {
                let name = CString::new(name.as_str()).map_err(|_| "the host name has a NUL")?;
                let text = name.as_ptr().cast_mut().cast::<c_void>();
                // SAFETY: OpenSSL copies the name.
                let sent = unsafe {
                    SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_HOST_NAME, text)
                };
                if sent == 0 {
                    return Err("cannot set the server name");
                }
                // SAFETY: OpenSSL copies the name; a length of 0 stands for a C string.
                unsafe { X509_VERIFY_PARAM_set1_host(parameters, name.as_ptr(), 0) }
            }
            // RFC 6066, section 3: no addresses in server_name.
            Host::Ip(IpAddr::V4(ip)) => {
                let octets = ip.octets();
                // SAFETY: OpenSSL copies the address.
                unsafe { X509_VERIFY_PARAM_set1_ip(parameters, octets.as_ptr(), octets.len()) }
            }
            Host::Ip(IpAddr::V6(ip)) => {
                let octets = ip.octets();
                // SAFETY: OpenSSL copies the address.
                unsafe { X509_VERIFY_PARAM_set1_ip(parameters, octets.as_ptr(), octets.len()) }
            }
            // A socket in the file system is named by its path: nothing to compare a certificate
            // with but the name that stands in the request.
            Host::Unix(_) => {
                // SAFETY: the text is static.
                unsafe { X509_VERIFY_PARAM_set1_host(parameters, c"localhost".as_ptr(), 0) }
            }
        };
        if set == 1 { Ok(()) } else { Err("cannot set the expected name") }
    }

    /// What is wrong with the certificate of a connection whose handshake is done: OpenSSL lets a
    /// handshake end all the same, as in NGINX's own upstreams.
    ///
    /// # Safety
    /// `connection` is valid and its handshake is done.
    pub(super) unsafe fn check(&self, connection: *mut ngx_connection_t) -> Result<(), String> {
        if !self.verify {
            return Ok(());
        }
        // SAFETY: the caller's contract.
        let ssl = unsafe { (*(*connection).ssl).connection };
        // SAFETY: as above.
        let result = unsafe { SSL_get_verify_result(ssl) };
        if result == X509_V_OK as c_long {
            return Ok(());
        }
        // SAFETY: OpenSSL returns a static text for any number.
        let text = unsafe { CStr::from_ptr(X509_verify_cert_error_string(result)) };
        Err(format!("certificate verify error {result}: {}", text.to_string_lossy()))
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        if !self.ssl.ctx.is_null() {
            // SAFETY: the context was made by `ngx_ssl_create`, and connections hold their own
            // references to it.
            unsafe { ngx_ssl_cleanup_ctx((&raw mut *self.ssl).cast()) };
        }
    }
}
