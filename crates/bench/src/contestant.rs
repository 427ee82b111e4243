//! The five ways to get a token to the backend, as configurations of NGINX.

use std::fs;
use std::path::{Path, PathBuf};

use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;

use crate::Result;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contestant {
    Limit,
    Module,
    AuthRequest,
    Lua,
    Njs,
}

/// What differs between the configurations of one contestant.
pub(crate) struct Setup<'s> {
    pub(crate) workers: usize,
    /// What else is said of processes.
    pub(crate) processes: &'s str,
    pub(crate) port: u16,
    pub(crate) sts: u16,
    pub(crate) backend: u16,
    pub(crate) module: &'s Path,
    /// Seconds that a call to the STS may take.
    pub(crate) timeout: u32,
    /// Bytes of the longest token.
    pub(crate) token: usize,
    /// Size of the cache, as NGINX writes it.
    pub(crate) cache: &'s str,
    /// What several nodes share.
    pub(crate) behind: Option<&'s Behind>,
}

/// A store behind the cache of a node.
pub(crate) enum Behind {
    /// A directory.
    Files(PathBuf),
    /// A Redis at this port.
    Redis(u16),
}

impl Behind {
    /// As this module has it. Nothing of the time-out is to be measured.
    fn directive(&self) -> String {
        let common = "timeout=1s&pool=64&passphrase=of-the-benchmark&size=@CACHE@";
        match self {
            Self::Files(path) => {
                format!("file \"dir={}&{}\"", path.display(), common.replace("pool=64&", ""))
            }
            Self::Redis(port) => format!("redis \"host=127.0.0.1&port={port}&{common}\""),
        }
    }

    fn port(&self) -> String {
        match self {
            Self::Files(_) => String::new(),
            Self::Redis(port) => port.to_string(),
        }
    }
}

/// The names of the locations; how each ends is what the STS does.
const LOCATIONS: [&str; 5] = ["exchange", "exchange-50", "exchange-500", "exchange-hang", HERD];

/// The location for a herd. NGINX answers there by itself: a thousand requests to the backend at once
/// would take longer than what is to be seen.
pub(crate) const HERD: &str = "herd-50";

/// The locations in which this module makes the token itself, with the key that signs it. For the limit they
/// are as the others.
pub(crate) const MINTED_ES256: &str = "mint-es256";
pub(crate) const MINTED_RS256: &str = "mint-rs256";
const MINTING: [(&str, &str); 2] = [(MINTED_ES256, "es256.pem"), (MINTED_RS256, "rs256.pem")];

/// Where a request waits for an STS that hangs, and for a backend that does (bench/conf/waiting.conf). Only
/// the NGINX with this module has them.
pub(crate) const WAITS_FOR_STS: &str = "waits-for-sts";
pub(crate) const WAITS_FOR_BACKEND: &str = "waits-for-backend";

/// Where Debian keeps the modules of others.
const MODULES: &str = "/usr/lib/nginx/modules";

const COMMON: &str = include_str!("../../../bench/conf/nginx.conf");

impl Contestant {
    pub(crate) const ALL: [Self; 5] =
        [Self::Limit, Self::Module, Self::AuthRequest, Self::Lua, Self::Njs];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::Module => "this module",
            Self::AuthRequest => "auth_request",
            Self::Lua => "Lua",
            Self::Njs => "njs",
        }
    }

    /// Writes what NGINX needs into a directory.
    pub(crate) fn write(self, directory: &Path, setup: &Setup<'_>) -> Result<()> {
        let timeout = setup.timeout.to_string();
        let location = |name: &&str| {
            let location = self.location().replace("@NAME@", name).replace("@TIMEOUT@", &timeout);
            if *name != HERD {
                return location;
            }
            let token = if self == Self::Limit { "$source_token" } else { "$target_token" };
            let content = format!("add_header Token {token}; empty_gif;");
            location.replace("proxy_pass http://backend/;", &content)
        };
        let minting = |(name, key): &(&'static str, &str)| match self {
            Self::Module => {
                let text = include_str!("../../../bench/conf/mint.conf");
                text.replace("@NAME@", name).replace("@KEY@", key)
            }
            Self::Limit => location(name),
            Self::AuthRequest | Self::Lua | Self::Njs => String::new(),
        };
        let others = LOCATIONS.iter().map(location);
        let mut locations: String = others.chain(MINTING.iter().map(minting)).collect();
        if self == Self::Module {
            locations.push_str(include_str!("../../../bench/conf/waiting.conf"));
            locations.push_str(include_str!("../../../bench/conf/metrics.conf"));
        }
        let store = setup.behind.map_or_else(|| "shm size=@CACHE@".to_owned(), Behind::directive);
        let text = COMMON
            .replace("@LOAD@", &self.modules(setup.module))
            .replace("@HTTP@", self.http())
            .replace("@STORE@", &store)
            .replace("@LOCATIONS@", &locations)
            .replace("@BUFFERS@", &buffers(setup.token))
            .replace("@STORE_PORT@", &setup.behind.map(Behind::port).unwrap_or_default())
            .replace("@USER@", if nix::unistd::geteuid().is_root() { "user root;" } else { "" })
            .replace("@WORKERS@", &setup.workers.to_string())
            .replace("@PROCESSES@", setup.processes)
            .replace("@CACHE@", setup.cache)
            .replace("@PORT@", &setup.port.to_string())
            .replace("@STS@", &setup.sts.to_string())
            .replace("@BACKEND@", &setup.backend.to_string());
        fs::write(directory.join("nginx.conf"), text)?;
        let curve = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
        let keys =
            [PKey::from_ec_key(EcKey::generate(&curve)?)?, PKey::from_rsa(Rsa::generate(2048)?)?];
        for ((_, name), key) in MINTING.iter().zip(keys) {
            fs::write(directory.join(name), key.private_key_to_pem_pkcs8()?)?;
        }
        for (name, script) in [
            ("exchange.lua", include_str!("../../../bench/conf/exchange.lua")),
            ("exchange.js", include_str!("../../../bench/conf/exchange.js")),
        ] {
            fs::write(directory.join(name), script)?;
        }
        Ok(())
    }

    fn modules(self, ours: &Path) -> String {
        match self {
            Self::Limit | Self::AuthRequest => String::new(),
            Self::Module => format!("load_module \"{}\";", ours.display()),
            Self::Lua => format!(
                "load_module {MODULES}/ndk_http_module.so;\n\
                 load_module {MODULES}/ngx_http_lua_module.so;"
            ),
            Self::Njs => format!("load_module {MODULES}/ngx_http_js_module.so;"),
        }
    }

    fn http(self) -> &'static str {
        match self {
            Self::Limit => "",
            Self::Module => include_str!("../../../bench/conf/module.http.conf"),
            Self::AuthRequest => include_str!("../../../bench/conf/auth_request.http.conf"),
            Self::Lua => include_str!("../../../bench/conf/lua.http.conf"),
            Self::Njs => include_str!("../../../bench/conf/njs.http.conf"),
        }
    }

    fn location(self) -> &'static str {
        match self {
            Self::Limit => include_str!("../../../bench/conf/limit.conf"),
            Self::Module => include_str!("../../../bench/conf/module.conf"),
            Self::AuthRequest => include_str!("../../../bench/conf/auth_request.conf"),
            Self::Lua => include_str!("../../../bench/conf/lua.conf"),
            Self::Njs => include_str!("../../../bench/conf/njs.conf"),
        }
    }
}

/// Long tokens need larger buffers than NGINX's defaults; short ones have the defaults.
fn buffers(token: usize) -> String {
    if token <= 1024 {
        return String::new();
    }
    let header = (token + 4096).div_ceil(1024);
    // A cached answer has its key before it, and the key has the token.
    let size = (2 * token + 4096).div_ceil(1024);
    format!(
        "large_client_header_buffers 4 {header}k; proxy_buffer_size {size}k; \
         proxy_buffers 4 {size}k; proxy_busy_buffers_size {}k; subrequest_output_buffer_size {size}k;",
        2 * size
    )
}
