//! What is said about the configuration, and where it is wrong.

use std::borrow::Cow;
use std::ffi::CStr;
use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;

use nginx_sys::{
    NGX_HTTP_MAIN_CONF, NGX_LOG_EMERG, NGX_LOG_NOTICE, NGX_LOG_WARN, ngx_http_server_name_t,
};
use ngx::http::{HttpModuleServerConf, NgxHttpCoreModule};
use ngx::ngx_conf_log_error;

use crate::conf::place::Place;
use crate::conf::{Block, Conf};
use crate::log::{self, Level};

impl Conf<'_> {
    /// The same configuration, to report what is found in the block that is being merged: NGINX has read on by then,
    /// and its own line is the end of `http`.
    pub fn at(&self, place: Option<&Place>) -> Self {
        Self { conf: self.conf, place: place.cloned(), callback: PhantomData }
    }

    /// Reports what makes the configuration invalid, with its file and line.
    pub fn error(&self, message: fmt::Arguments<'_>) {
        match &self.place {
            Some(place) => {
                self.error_at(place, format_args!("{message}, {}", self.whereabouts()));
            }
            None => {
                let block = self.block_of_directive();
                ngx_conf_log_error!(NGX_LOG_EMERG, self.conf.as_ptr(), "{message}{block}");
            }
        }
    }

    /// Reports what the operator should know.
    pub fn warn(&self, message: fmt::Arguments<'_>) {
        match &self.place {
            Some(place) => self.warn_at(place, format_args!("{message}, {}", self.whereabouts())),
            None => {
                let block = self.block_of_directive();
                ngx_conf_log_error!(NGX_LOG_WARN, self.conf.as_ptr(), "{message}{block}");
            }
        }
    }

    /// Reports what the operator may want to know, and need not change.
    pub fn notice(&self, message: fmt::Arguments<'_>) {
        match &self.place {
            Some(place) => {
                let whereabouts = self.whereabouts();
                self.write(Level::Notice, place, format_args!("{message}, {whereabouts}"));
            }
            None => {
                let block = self.block_of_directive();
                ngx_conf_log_error!(NGX_LOG_NOTICE, self.conf.as_ptr(), "{message}{block}");
            }
        }
    }

    /// As [`Self::error`], when all blocks are merged.
    pub fn error_at(&self, place: &Place, message: fmt::Arguments<'_>) {
        self.write(Level::Emergency, place, message);
    }

    /// As [`Self::warn`], when all blocks are merged.
    pub fn warn_at(&self, place: &Place, message: fmt::Arguments<'_>) {
        self.write(Level::Warn, place, message);
    }

    fn write(&self, level: Level, place: &Place, message: fmt::Arguments<'_>) {
        // SAFETY: the constructor's contract; a configuration that is read has a log.
        unsafe {
            log::write((*self.conf.as_ptr()).log, level, format_args!("{message} in {place}"))
        };
    }

    /// The file and the line that are being read; no file for the command line.
    pub fn line(&self) -> (Option<Cow<'_, str>>, usize) {
        // SAFETY: the constructor's contract.
        let file = unsafe { self.conf.as_ref().conf_file.as_ref() };
        let Some(file) = file else { return (None, 0) };
        let name = &file.file.name;
        let name = (name.len > 0).then(|| String::from_utf8_lossy(name.as_bytes()));
        (name, file.line)
    }

    /// The block whose configuration is being merged, in words.
    pub fn whereabouts(&self) -> String {
        let server = self.server();
        match self.block() {
            Block::Server { .. } => format!("in {server}"),
            Block::Location(name) => format!("in location \"{name}\" of {server}"),
            Block::Nested(name) => format!("in a block of location \"{name}\" of {server}"),
        }
    }

    /// The same for a directive that is being read; nothing in `http` itself.
    pub fn block_of_directive(&self) -> String {
        // SAFETY: the constructor's contract.
        let level = unsafe { self.conf.as_ref().cmd_type };
        if level & NGX_HTTP_MAIN_CONF as usize != 0 {
            return String::new();
        }
        format!(", {}", self.whereabouts())
    }

    /// The server by the first of its names, and by the line where it begins.
    fn server(&self) -> String {
        // SAFETY: the constructor's contract.
        let server = NgxHttpCoreModule::server_conf(unsafe { self.conf.as_ref() });
        let Some(server) = server else { return "a server".into() };
        // SAFETY: NGINX fills the array with these, and keeps it while the configuration is read.
        let names = unsafe { server.server_names.as_slice::<ngx_http_server_name_t>() };
        let name = names.first().map_or(&[][..], |first| first.name.as_bytes());
        let name = String::from_utf8_lossy(name);
        let file = NonNull::new(server.file_name).map(|file| {
            // SAFETY: the name of a file ends with NUL, and lives as long as the configuration.
            unsafe { CStr::from_ptr(file.as_ptr().cast()) }.to_string_lossy()
        });
        let file = file.unwrap_or_default();
        let line = server.line;
        if name.is_empty() {
            return format!("the server at {file}:{line}");
        }
        format!("server \"{name}\" ({file}:{line})")
    }
}
