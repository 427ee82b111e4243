//! Addresses of an STS, found when the configuration is read.

use std::mem;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::ptr;
use std::rc::Rc;

use nginx_sys::{ngx_addr_t, ngx_parse_url, ngx_str_t, ngx_url_t, sockaddr, socklen_t};
use sts_core::endpoint::Host;

use crate::conf::Conf;

/// A socket address in the form that the kernel takes, with its text for the log. All connections to it share
/// it.
#[derive(Clone, PartialEq, Eq)]
pub struct SocketAddress(Rc<Inner>);

#[derive(PartialEq, Eq)]
struct Inner {
    /// Aligned as strictly as any `sockaddr` needs.
    storage: Box<[u64]>,
    length: socklen_t,
    text: String,
}

impl SocketAddress {
    /// # Safety
    /// `address` points at a valid address of `length` bytes.
    unsafe fn copy_from(address: *const sockaddr, length: socklen_t, text: String) -> Self {
        let mut storage = vec![0u64; (length as usize).div_ceil(8)].into_boxed_slice();
        // SAFETY: the storage is at least `length` bytes; the caller vouches for the source.
        unsafe {
            ptr::copy_nonoverlapping(
                address.cast::<u8>(),
                storage.as_mut_ptr().cast::<u8>(),
                length as usize,
            );
        }
        Self(Rc::new(Inner { storage, length, text }))
    }

    /// An IP address that needs no looking up.
    pub fn of_ip(address: SocketAddr) -> Self {
        let (port, text) = (address.port().to_be(), address.to_string());
        match address {
            SocketAddr::V4(v4) => {
                // SAFETY: all zeroes is a valid address.
                let mut raw = unsafe { mem::zeroed::<nginx_sys::sockaddr_in>() };
                raw.sin_family = nginx_sys::AF_INET as _;
                raw.sin_port = port;
                raw.sin_addr.s_addr = u32::from_ne_bytes(v4.ip().octets());
                let length = size_of_val(&raw) as socklen_t;
                // SAFETY: it is valid, and of that length.
                unsafe { Self::copy_from((&raw const raw).cast(), length, text) }
            }
            SocketAddr::V6(v6) => {
                // SAFETY: all zeroes is a valid address.
                let mut raw = unsafe { mem::zeroed::<nginx_sys::sockaddr_in6>() };
                raw.sin6_family = nginx_sys::AF_INET6 as _;
                raw.sin6_port = port;
                raw.sin6_addr.__in6_u.__u6_addr8 = v6.ip().octets();
                let length = size_of_val(&raw) as socklen_t;
                // SAFETY: it is valid, and of that length.
                unsafe { Self::copy_from((&raw const raw).cast(), length, text) }
            }
        }
    }

    /// The same IP address with another port; `None` for what has no port.
    pub fn at_port(&self, port: u16) -> Option<Self> {
        // SAFETY: the storage holds a valid address of that length: nothing else makes one.
        unsafe { Self::with_port(self.as_ptr(), self.length(), port) }
    }

    /// A copy of an IP address with another port; `None` for other families.
    ///
    /// # Safety
    /// `address` points at a valid address of `length` bytes.
    pub(crate) unsafe fn with_port(
        address: *const sockaddr,
        length: socklen_t,
        port: u16,
    ) -> Option<Self> {
        // SAFETY: the caller's contract.
        let family = i32::from(unsafe { (*address).sa_family });
        let network_order = port.to_be();
        if family == nginx_sys::AF_INET as i32 {
            // SAFETY: the family says that it is this type.
            let mut copy = unsafe { *address.cast::<nginx_sys::sockaddr_in>() };
            copy.sin_port = network_order;
            let ip = Ipv4Addr::from(copy.sin_addr.s_addr.to_ne_bytes());
            let text = SocketAddr::new(ip.into(), port).to_string();
            // SAFETY: the copy is valid.
            return Some(unsafe { Self::copy_from((&raw const copy).cast(), length, text) });
        }
        if family == nginx_sys::AF_INET6 as i32 {
            // SAFETY: the family says that it is this type.
            let mut copy = unsafe { *address.cast::<nginx_sys::sockaddr_in6>() };
            copy.sin6_port = network_order;
            // SAFETY: all members of the union are the same sixteen bytes.
            let ip = Ipv6Addr::from(unsafe { copy.sin6_addr.__in6_u.__u6_addr8 });
            let text = SocketAddr::new(ip.into(), port).to_string();
            // SAFETY: the copy is valid.
            return Some(unsafe { Self::copy_from((&raw const copy).cast(), length, text) });
        }
        None
    }

    pub(crate) fn as_ptr(&self) -> *const sockaddr {
        self.0.storage.as_ptr().cast()
    }

    pub(crate) fn length(&self) -> socklen_t {
        self.0.length
    }

    pub(crate) fn text(&self) -> &str {
        &self.0.text
    }
}

/// Finds the addresses of a host as `proxy_pass` does: with the system's resolver, which may take
/// its time, so only while the configuration is read.
///
/// # Errors
/// Why there are none.
pub fn at_configuration(
    conf: &Conf<'_>,
    host: &Host,
    port: u16,
) -> Result<Vec<SocketAddress>, String> {
    let text = match host {
        Host::Name(name) => format!("{name}:{port}"),
        Host::Ip(ip) => SocketAddr::new(*ip, port).to_string(),
        Host::Unix(path) => unix(path),
    };
    let url = conf.string(&text);
    // SAFETY: all zeroes is a valid, empty URL.
    let mut parsed = unsafe { mem::zeroed::<ngx_url_t>() };
    parsed.url = url;
    parsed.default_port = port;
    // SAFETY: the pool is valid while the configuration is read, and `parsed` is initialised.
    let status = unsafe { ngx_parse_url(conf.pool(), &raw mut parsed) };
    if status != 0 {
        let reason = if parsed.err.is_null() {
            "no address found".into()
        } else {
            // SAFETY: `err` is a static C string.
            unsafe { std::ffi::CStr::from_ptr(parsed.err) }.to_string_lossy().into_owned()
        };
        return Err(reason);
    }
    let addresses = if parsed.naddrs == 0 {
        &[]
    } else {
        // SAFETY: after success NGINX has filled `naddrs` addresses.
        unsafe { std::slice::from_raw_parts(parsed.addrs.cast::<ngx_addr_t>(), parsed.naddrs) }
    };
    Ok(addresses
        .iter()
        .map(|address| {
            let text = text_of(&address.name);
            // SAFETY: NGINX has filled the address and its length.
            unsafe { SocketAddress::copy_from(address.sockaddr, address.socklen, text) }
        })
        .collect())
}

fn unix(path: &Path) -> String {
    format!("unix:{}", path.display())
}

fn text_of(name: &ngx_str_t) -> String {
    String::from_utf8_lossy(name.as_bytes()).into_owned()
}
