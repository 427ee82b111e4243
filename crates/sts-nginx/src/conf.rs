//! What a directive sees of the configuration that is being read.

mod access;
mod directory;
pub mod place;
mod report;
mod upstream;

use std::ffi::OsStr;
use std::marker::PhantomData;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr::NonNull;

use nginx_sys::{
    NGX_HTTP_SATISFY_ANY, ngx_conf_full_name, ngx_conf_t, ngx_http_core_loc_conf_t,
    ngx_http_err_page_t, ngx_http_get_variable_index, ngx_http_handler_pt, ngx_pnalloc, ngx_pool_t,
    ngx_resolver_t, ngx_str_t,
};
use ngx::http::{HttpModuleLocationConf, HttpModuleServerConf, NgxHttpCoreModule};

use crate::conf::place::Place;
use crate::value::Reported;

/// The configuration that is being read, for the time of one callback.
pub struct Conf<'c> {
    conf: NonNull<ngx_conf_t>,
    /// What is said is about a block that is being merged, and this place in it.
    place: Option<Place>,
    callback: PhantomData<&'c mut ngx_conf_t>,
}

/// The block that a configuration belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// `server` or an `if` in it; `empty` without a location in it.
    Server { empty: bool },
    /// `location`, with its name.
    Location(String),
    /// `if` in a location, or `limit_except`, with the name of that location.
    Nested(String),
}

/// A location that requests are led to by its name.
pub struct Site {
    /// Tells servers apart.
    pub server: usize,
    pub name: String,
    pub matching: Matching,
    /// It has a handler of its own for the content.
    pub has_handler: bool,
}

/// How a location is found.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Matching {
    Exact,
    Named,
    Prefix,
    Regex,
}

/// An `error_page` without variables.
pub struct ErrorPage {
    pub status: u16,
    /// A URI, or the name of a location.
    pub page: String,
}

impl Conf<'_> {
    /// # Safety
    /// `conf` is valid for the time of the callback that it was given to.
    pub(crate) unsafe fn from_ptr(conf: NonNull<ngx_conf_t>) -> Self {
        Self { conf, place: None, callback: PhantomData }
    }

    pub(crate) fn as_ptr(&self) -> *mut ngx_conf_t {
        self.conf.as_ptr()
    }

    pub(crate) fn pool(&self) -> *mut ngx_pool_t {
        // SAFETY: the constructor's contract.
        unsafe { self.conf.as_ref().pool }
    }

    /// The words of the directive, its name first; `None` when they are no UTF-8: a secret must not be
    /// altered silently.
    pub fn words(&self) -> Option<Vec<String>> {
        // SAFETY: the constructor's contract; the array is set while a directive is handled.
        let args = unsafe { &*self.conf.as_ref().args };
        // SAFETY: NGINX fills it with strings.
        let words = unsafe { args.as_slice::<ngx_str_t>() };
        words.iter().map(|word| String::from_utf8(word.as_bytes().to_vec()).ok()).collect()
    }

    /// A copy of the text that lives as long as the configuration, with a NUL behind it.
    ///
    /// Memory that runs out while the configuration is read gives an empty string, which no user of
    /// this accepts.
    pub(crate) fn string(&self, text: &str) -> ngx_str_t {
        // SAFETY: the pool is valid while the configuration is read.
        let data = unsafe { ngx_pnalloc(self.pool(), text.len() + 1) }.cast::<u8>();
        if data.is_null() {
            return ngx_str_t::empty();
        }
        // SAFETY: the memory is fresh and one byte longer than the text.
        unsafe { std::ptr::copy_nonoverlapping(text.as_ptr(), data, text.len()) };
        // SAFETY: as above.
        unsafe { data.add(text.len()).write(0) };
        ngx_str_t { len: text.len(), data }
    }

    /// The index of the value that each request has of a variable.
    pub fn variable_index(&self, name: &str) -> Result<usize, Reported> {
        let mut name = self.string(name);
        // SAFETY: the configuration is valid for the call, and NGINX copies the name.
        let index = unsafe { ngx_http_get_variable_index(self.as_ptr(), &raw mut name) };
        usize::try_from(index).map_err(|_| Reported)
    }

    /// A path, relative to the directory of the configuration file.
    pub(crate) fn path(&self, path: &str) -> ngx_str_t {
        let mut name = self.string(path);
        // SAFETY: the cycle is valid while the configuration is read, the name ends with NUL.
        unsafe { ngx_conf_full_name(self.conf.as_ref().cycle, &raw mut name, 1) };
        name
    }

    /// The same, for others than NGINX.
    pub fn absolute(&self, path: &Path) -> PathBuf {
        let name = self.path(&path.to_string_lossy());
        PathBuf::from(OsStr::from_bytes(name.as_bytes()))
    }

    /// Whether the block being merged has `satisfy any`.
    pub fn satisfies_any(&self) -> bool {
        self.core().is_some_and(|core| core.satisfy == NGX_HTTP_SATISFY_ANY as usize)
    }

    /// The `resolver` of the block being merged and its `resolver_timeout` in milliseconds.
    pub(crate) fn resolver(&self) -> Option<(NonNull<ngx_resolver_t>, u64)> {
        let core = self.core()?;
        Some((NonNull::new(core.resolver)?, core.resolver_timeout as u64))
    }

    fn core(&self) -> Option<&ngx_http_core_loc_conf_t> {
        // SAFETY: the constructor's contract.
        NgxHttpCoreModule::location_conf(unsafe { self.conf.as_ref() })
    }

    /// Lets the location of the directive be answered by `handler`.
    pub(crate) fn set_content_handler(&self, handler: ngx_http_handler_pt) {
        // SAFETY: the constructor's contract.
        let core = NgxHttpCoreModule::location_conf_mut(unsafe { self.conf.as_ref() });
        if let Some(core) = core {
            core.handler = handler;
        }
    }

    /// What makes the content of the location being merged.
    pub(crate) fn content_handler(&self) -> ngx_http_handler_pt {
        self.core().and_then(|core| core.handler)
    }

    /// Tells the server that the block being merged belongs to from others.
    pub fn server_id(&self) -> usize {
        // SAFETY: the constructor's contract.
        let server = NgxHttpCoreModule::server_conf(unsafe { self.conf.as_ref() });
        server.map_or(0, |server| std::ptr::from_ref(server).addr())
    }

    /// The location being merged; nothing for another block.
    pub fn site(&self) -> Option<Site> {
        let Block::Location(name) = self.block() else { return None };
        let core = self.core()?;
        // SAFETY: the constructor's contract.
        let server = NgxHttpCoreModule::server_conf(unsafe { self.conf.as_ref() })?;
        #[cfg(ngx_feature = "pcre")]
        let is_regex = !core.regex.is_null();
        #[cfg(not(ngx_feature = "pcre"))]
        let is_regex = false;
        let matching = match (core.named() != 0, core.exact_match() != 0) {
            _ if is_regex => Matching::Regex,
            (true, _) => Matching::Named,
            (_, true) => Matching::Exact,
            _ => Matching::Prefix,
        };
        let server = std::ptr::from_ref(server).addr();
        Some(Site { server, name, matching, has_handler: core.handler.is_some() })
    }

    /// The error pages of the block being merged, but for those with variables.
    pub fn error_pages(&self) -> Vec<ErrorPage> {
        let Some(pages) = self.core().and_then(|core| NonNull::new(core.error_pages)) else {
            return Vec::new();
        };
        // SAFETY: NGINX fills the array with this type, and it lives as long as the configuration.
        let pages = unsafe { pages.as_ref().as_slice::<ngx_http_err_page_t>() };
        let is_fixed = |page: &&ngx_http_err_page_t| page.value.lengths.is_null();
        let page = |page: &ngx_http_err_page_t| ErrorPage {
            status: u16::try_from(page.status).unwrap_or(0),
            page: String::from_utf8_lossy(page.value.value.as_bytes()).into_owned(),
        };
        pages.iter().filter(is_fixed).map(page).collect()
    }

    /// The block whose configuration is being merged.
    pub fn block(&self) -> Block {
        let Some(core) = self.core() else { return Block::Server { empty: false } };
        let name = String::from_utf8_lossy(core.name.as_bytes()).into_owned();
        if core.noname() != 0 {
            // An `if` in `server` has no name, and is never in force for a request: NGINX only runs
            // the rewrite directives in it.
            let is_of_server = name.is_empty();
            return if is_of_server { Block::Server { empty: false } } else { Block::Nested(name) };
        }
        let is_location = !name.is_empty() || core.exact_match() != 0 || core.named() != 0;
        if is_location {
            return Block::Location(name);
        }
        Block::Server { empty: core.locations.is_null() }
    }
}
