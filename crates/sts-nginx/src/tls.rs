//! TLS towards an STS, by the OpenSSL that NGINX itself uses.

use std::cell::{Cell, RefCell};
use std::ffi::{CStr, CString, c_long, c_void};
use std::mem;
use std::net::IpAddr;
use std::ptr;
use std::rc::Rc;

use foreign_types::{ForeignType, ForeignTypeRef};
use nginx_sys::{
    NGX_OK, NGX_SSL_BUFFER, NGX_SSL_CLIENT, SSL, SSL_CTX_set_default_verify_paths, SSL_SESSION,
    SSL_SESSION_free, SSL_ctrl, SSL_get_certificate, SSL_get_peer_cert_chain,
    SSL_get_verify_result, SSL_get0_param, SSL_use_cert_and_key, X509_V_ERR_CERT_HAS_EXPIRED,
    X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
    X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH,
    X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT,
    X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE,
    X509_V_OK, X509_VERIFY_PARAM_set1_host, X509_VERIFY_PARAM_set1_ip,
    X509_verify_cert_error_string, ngx_connection_t, ngx_int_t, ngx_ssl_ciphers,
    ngx_ssl_cleanup_ctx, ngx_ssl_client_session_cache, ngx_ssl_create, ngx_ssl_create_connection,
    ngx_ssl_crl, ngx_ssl_get_session, ngx_ssl_set_session, ngx_ssl_t, ngx_ssl_trusted_certificate,
    ngx_uint_t,
};
use openssl::error::ErrorStack;
use openssl::ssl::SslRef;
use sts_core::client_auth::KeyPair;
use sts_core::endpoint::Host;
use sts_core::fields::Fields;

use crate::conf::Conf;
use crate::log::cycle_log;

/// `SSL_set_tlsext_host_name` is a macro over these (OpenSSL, tls1.h).
const SSL_CTRL_SET_TLSEXT_HOSTNAME: i32 = 55;
const TLSEXT_NAMETYPE_HOST_NAME: c_long = 0;

/// OpenSSL's own default: how many intermediate certificates a chain may have.
const VERIFY_DEPTH: ngx_int_t = 100;

/// What NGINX offers to upstreams by default.
const CIPHERS: &str = "DEFAULT";

/// What is settable of TLS. Connections with different settings are never shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    /// Whether chain and name are checked at all.
    pub verify: bool,
    /// PEM file with trusted certificates; the system's store without one.
    pub trusted: Option<String>,
    /// PEM file with revoked certificates.
    pub revoked: Option<String>,
    pub protocols: Protocols,
    /// OpenSSL's cipher list for TLS 1.2 and older.
    pub ciphers: Option<String>,
}

impl TlsSettings {
    /// What makes a token that came over it another token: by what the STS was known to be the one.
    /// Versions and ciphers belong to that: a list of ciphers also sets the security level by which
    /// certificates are judged, and what is weak lets others on the way answer in the place of the STS.
    pub fn identify(&self, fields: &mut Fields) {
        let Self { verify, trusted, revoked, protocols: Protocols(versions), ciphers } = self;
        fields.push(if *verify { b"on" } else { b"off" });
        fields.push_optional(trusted.as_deref().map(str::as_bytes));
        fields.push_optional(revoked.as_deref().map(str::as_bytes));
        fields.push(&versions.to_le_bytes());
        fields.push_optional(ciphers.as_deref().map(str::as_bytes));
    }
}

/// A set of protocol versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocols(pub u32);

impl Protocols {
    /// The versions by their names.
    pub const WORDS: [(&str, u32); 4] = [
        ("TLSv1", nginx_sys::NGX_SSL_TLSv1),
        ("TLSv1.1", nginx_sys::NGX_SSL_TLSv1_1),
        ("TLSv1.2", nginx_sys::NGX_SSL_TLSv1_2),
        ("TLSv1.3", nginx_sys::NGX_SSL_TLSv1_3),
    ];
    /// The versions that are not deprecated (RFC 8996).
    pub const DEFAULT: Self = Self(nginx_sys::NGX_SSL_TLSv1_2 | nginx_sys::NGX_SSL_TLSv1_3);
}

/// TLS towards one host.
pub struct Tls {
    context: Rc<Context>,
    verify: bool,
    session: Session,
}

/// What was loaded for settings: certificates, protocols, ciphers. Nothing in it is of a host: its name
/// and its sessions belong to connections, and so does the certificate that is shown.
struct Context {
    /// OpenSSL keeps its address, so it must not move.
    ssl: Box<ngx_ssl_t>,
}

/// The contexts of a configuration. The system's certificates alone take 20 ms and a megabyte, so that
/// they are not loaded for each of many hosts.
#[derive(Default)]
pub struct Contexts {
    known: Vec<(TlsSettings, Rc<Context>)>,
}

/// The last session with the host, which saves a handshake its costly half. What was verified is
/// part of it, and so is the certificate that was shown.
struct Session {
    session: Cell<*mut SSL_SESSION>,
    shown: RefCell<Option<Rc<KeyPair>>>,
}

impl Contexts {
    /// TLS towards a host with these settings.
    ///
    /// # Errors
    /// A fragment that names the directive; NGINX has reported the details.
    pub fn tls(&mut self, conf: &Conf<'_>, settings: &TlsSettings) -> Result<Tls, String> {
        let known = self.known.iter().find(|(known, _)| known == settings);
        let context = if let Some((_, context)) = known {
            context.clone()
        } else {
            let context = Rc::new(Context::new(conf, settings)?);
            self.known.push((settings.clone(), context.clone()));
            context
        };
        Ok(Tls { context, verify: settings.verify, session: Session::none() })
    }
}

impl Context {
    fn new(conf: &Conf<'_>, settings: &TlsSettings) -> Result<Self, String> {
        // SAFETY: all zeroes is a valid, empty configuration.
        let mut context = Self { ssl: Box::new(unsafe { mem::zeroed::<ngx_ssl_t>() }) };
        context.ssl.log = cycle_log();
        let ssl = &raw mut *context.ssl;
        let protocols = settings.protocols.0 as ngx_uint_t;
        // SAFETY: the box keeps its address for as long as OpenSSL refers to it.
        good(unsafe { ngx_ssl_create(ssl, protocols, ptr::null_mut()) })
            .ok_or("cannot create a TLS context")?;
        let mut ciphers = conf.string(settings.ciphers.as_deref().unwrap_or(CIPHERS));
        // SAFETY: all arguments are valid while the configuration is read; so below.
        good(unsafe { ngx_ssl_ciphers(conf.as_ptr(), ssl, &raw mut ciphers, 0) })
            .ok_or(
                "\"STSSSLCiphers\" (option \"ssl_ciphers\"): the list has no cipher that OpenSSL knows, for \
                 the reason above; \"openssl ciphers\" lists them",
            )?;
        if let Some(name) = &settings.trusted {
            let mut file = conf.path(name);
            // SAFETY: as above.
            let loaded = unsafe {
                ngx_ssl_trusted_certificate(conf.as_ptr(), ssl, &raw mut file, VERIFY_DEPTH)
            };
            good(loaded).ok_or_else(|| {
                format!(
                    "\"STSSSLTrustedCertificate\" (option \"ssl_trusted_certificate\"): \"{name}\" cannot \
                     be loaded, for the reason above: it has to be a file with certificates in PEM; a \
                     path without a \"/\" at its start begins at the directory of nginx.conf"
                )
            })?;
        } else if settings.verify {
            // SAFETY: the context was created above.
            let loaded = unsafe { SSL_CTX_set_default_verify_paths(context.ssl.ctx) };
            (loaded == 1).then_some(()).ok_or("the system's certificates cannot be loaded")?;
        }
        if let Some(name) = &settings.revoked {
            let mut file = conf.path(name);
            // SAFETY: as above.
            good(unsafe { ngx_ssl_crl(conf.as_ptr(), ssl, &raw mut file) })
                .ok_or_else(|| {
                    format!(
                        "\"STSSSLCRL\" (option \"ssl_crl\"): \"{name}\" cannot be loaded, for the reason \
                         above: it has to be a file with revocation lists in PEM; a path without a \
                         \"/\" at its start begins at the directory of nginx.conf"
                    )
                })?;
        }
        // SAFETY: as above.
        good(unsafe { ngx_ssl_client_session_cache(conf.as_ptr(), ssl, 1) })
            .ok_or("the session cache cannot be set up")?;
        Ok(context)
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        if !self.ssl.ctx.is_null() {
            // SAFETY: the context was made by `ngx_ssl_create`, and connections hold their own
            // references to it.
            unsafe { ngx_ssl_cleanup_ctx((&raw mut *self.ssl).cast()) };
        }
    }
}

impl Session {
    fn none() -> Self {
        Self { session: Cell::new(ptr::null_mut()), shown: RefCell::default() }
    }
}

impl Tls {
    /// TLS with the same settings towards another host. Nothing is read for it.
    #[must_use]
    pub fn to_another_host(&self) -> Self {
        Self { context: self.context.clone(), verify: self.verify, session: Session::none() }
    }

    /// Prepares a connection for a handshake with `host`, in which this certificate is shown.
    ///
    /// # Safety
    /// `connection` is valid, connected, and has a pool of its own.
    pub(crate) unsafe fn attach(
        &self,
        connection: *mut ngx_connection_t,
        host: &Host,
        key_pair: Option<Rc<KeyPair>>,
    ) -> Result<(), &'static str> {
        let flags = (NGX_SSL_CLIENT | NGX_SSL_BUFFER) as ngx_uint_t;
        let context = ptr::from_ref(&*self.context.ssl).cast_mut();
        // SAFETY: the caller vouches for the connection; the context outlives it, being owned by
        // the destination that the connection belongs to.
        good(unsafe { ngx_ssl_create_connection(context, connection, flags) })
            .ok_or("cannot create a TLS connection")?;
        // SAFETY: NGINX has just set it.
        let ssl = unsafe { (*(*connection).ssl).connection };
        if let Some(pair) = &key_pair {
            // SAFETY: the connection is fresh; OpenSSL takes its own references.
            let used = unsafe {
                SSL_use_cert_and_key(
                    ssl,
                    pair.certificate.as_ptr().cast(),
                    pair.key.as_ptr().cast(),
                    pair.chain.as_ptr().cast(),
                    1,
                )
            };
            if used != 1 {
                drop(ErrorStack::get());
                return Err("cannot use the client certificate");
            }
        }
        self.session.is_for(key_pair);
        let session = self.session.session.get();
        if !session.is_null() {
            // SAFETY: OpenSSL takes its own reference.
            good(unsafe { ngx_ssl_set_session(connection, session) })
                .ok_or("cannot resume a TLS session")?;
        }
        // SAFETY: NGINX has just set it.
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
    /// `connection` is valid, secured by this configuration, and has seen the certificate.
    pub(crate) unsafe fn check(&self, connection: *mut ngx_connection_t) -> Result<(), String> {
        if !self.verify {
            return Ok(());
        }
        // SAFETY: the caller's contract.
        let ssl = unsafe { (*(*connection).ssl).connection };
        // SAFETY: as above.
        let result = unsafe { SSL_get_verify_result(ssl) };
        if result != X509_V_OK as c_long {
            // SAFETY: OpenSSL returns a static text for any number.
            let text = unsafe { CStr::from_ptr(X509_verify_cert_error_string(result)) };
            // SAFETY: the caller's contract.
            let remedy = unsafe { remedy(ssl, result) };
            return Err(format!(
                "certificate verify error {result}: {}{remedy}",
                text.to_string_lossy()
            ));
        }
        // SAFETY: the caller's contract.
        if unsafe { has_certificate(ssl) } { Ok(()) } else { Err("no certificate".to_owned()) }
    }

    /// Keeps the session that a connection has got, for the next one. OpenSSL calls this within the
    /// handshake with TLS 1.2, and after it with TLS 1.3; what is wrong with the certificate is known
    /// by then, and a session with one that is refused is never seen by another connection.
    ///
    /// # Safety
    /// `connection` is valid and secured by this configuration, and has seen the certificate.
    pub(crate) unsafe fn keep_session(&self, connection: *mut ngx_connection_t) {
        // SAFETY: the caller's contract.
        if unsafe { self.check(connection) }.is_err() {
            return;
        }
        // SAFETY: the caller's contract.
        if !unsafe { self.session.is_of(connection) } {
            return;
        }
        // SAFETY: the caller's contract. The reference that this returns is ours.
        let session = unsafe { ngx_ssl_get_session(connection) };
        if !session.is_null() {
            self.session.set(session);
        }
    }
}

impl Session {
    /// Forgets the session if another certificate was shown in it.
    fn is_for(&self, key_pair: Option<Rc<KeyPair>>) {
        let same = match (&*self.shown.borrow(), &key_pair) {
            (Some(shown), Some(now)) => Rc::ptr_eq(shown, now),
            (None, None) => true,
            _ => false,
        };
        if !same {
            self.set(ptr::null_mut());
            self.shown.replace(key_pair);
        }
    }

    /// Whether the certificate that a connection shows is the one in use: a session may come late.
    ///
    /// # Safety
    /// `connection` is valid and has TLS.
    unsafe fn is_of(&self, connection: *mut ngx_connection_t) -> bool {
        // SAFETY: the caller's contract.
        let own = unsafe { SSL_get_certificate((*(*connection).ssl).connection) };
        let shown = self.shown.borrow();
        let shown = shown.as_ref().map_or(ptr::null_mut(), |pair| pair.certificate.as_ptr().cast());
        ptr::eq(own, shown)
    }

    fn set(&self, session: *mut SSL_SESSION) {
        let old = self.session.replace(session);
        if !old.is_null() {
            // SAFETY: the reference is ours.
            unsafe { SSL_SESSION_free(old) };
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.set(ptr::null_mut());
    }
}

/// With ciphers that the operator chose there may be no certificate, and nothing to find fault with.
///
/// # Safety
/// `ssl` is valid.
unsafe fn has_certificate(ssl: *const SSL) -> bool {
    // SAFETY: the caller's contract. The chain is the session's; a resumed one has it too.
    !unsafe { SSL_get_peer_cert_chain(ssl) }.is_null()
}

/// What may help where a certificate is not accepted. Names of it are told for as far as they are names.
///
/// # Safety
/// The connection is valid and has seen the certificate.
unsafe fn remedy(ssl: *const SSL, result: c_long) -> String {
    match u32::try_from(result).unwrap_or_default() {
        X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT
        | X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN
        | X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT
        | X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY
        | X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE => {
            "; name the certificate of its CA, or a self-signed one itself, in the file of \
             \"STSSSLTrustedCertificate\""
                .into()
        }
        X509_V_ERR_HOSTNAME_MISMATCH | X509_V_ERR_IP_ADDRESS_MISMATCH => {
            // SAFETY: the caller's contract.
            let names = unsafe { names_in_certificate(ssl) };
            format!("; it is for {names}; write the host into the endpoint as it stands there")
        }
        X509_V_ERR_CERT_HAS_EXPIRED | X509_V_ERR_CERT_NOT_YET_VALID => {
            "; renew it at the STS, if the clock of this machine is right".into()
        }
        _ => String::new(),
    }
}

/// The names and addresses that the certificate of the other side is for, in words.
///
/// # Safety
/// The connection is valid and has seen the certificate.
unsafe fn names_in_certificate(ssl: *const SSL) -> String {
    /// So many are told.
    const MOST: usize = 5;
    // SAFETY: the caller's contract; NGINX and the crate use the same OpenSSL.
    let ssl = unsafe { SslRef::from_ptr(ssl.cast_mut().cast()) };
    let names = ssl.peer_certificate().and_then(|certificate| certificate.subject_alt_names());
    // What cannot be read of it must not wait in the queue for NGINX's next look.
    drop(ErrorStack::get());
    let names =
        names.iter().flatten().filter_map(|name| match (name.dnsname(), name.ipaddress()) {
            (Some(name), _) => Some(name.to_owned()),
            (_, Some(octets)) => match *octets {
                [a, b, c, d] => Some(IpAddr::from([a, b, c, d]).to_string()),
                _ => {
                    <[u8; 16]>::try_from(octets).ok().map(|octets| IpAddr::from(octets).to_string())
                }
            },
            _ => None,
        });
    // It is the word of a server that is not known to be the right one.
    let is_name = |name: &String| {
        (1..=100).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:*".contains(&b))
    };
    let mut names: Vec<String> = names.filter(is_name).collect();
    let left_out = names.len().saturating_sub(MOST);
    names.truncate(MOST);
    match (names.as_slice(), left_out) {
        ([], _) => "no name".into(),
        (names, 0) => names.join(", "),
        (names, more) => format!("{} and {more} more", names.join(", ")),
    }
}

fn good(status: ngx_int_t) -> Option<()> {
    (status == NGX_OK as ngx_int_t).then_some(())
}
