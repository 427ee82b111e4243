//! Directories that the workers write into.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::ptr::NonNull;

use nginx_sys::{NGX_OK, ngx_add_path, ngx_conf_full_name, ngx_int_t, ngx_path_t, ngx_pcalloc};

use crate::conf::Conf;
use crate::value::Reported;

impl Conf<'_> {
    /// The path of a directory, relative to the prefix of NGINX, as in `proxy_cache_path`.
    pub fn of_prefix(&self, path: &str) -> PathBuf {
        let mut name = self.string(path.trim_end_matches('/'));
        // SAFETY: the cycle is valid while the configuration is read, the name ends with NUL.
        unsafe { ngx_conf_full_name(self.conf.as_ref().cycle, &raw mut name, 0) };
        PathBuf::from(OsStr::from_bytes(name.as_bytes()))
    }

    /// Lets NGINX make a directory when the configuration is read (mode 0700), and give it to the user of the
    /// workers, as it does for `proxy_cache_path`. A directory that is there is given to that user, too.
    ///
    /// # Errors
    /// There is no memory, or the path has another use; NGINX says so.
    pub fn make_directory(&self, path: &Path) -> Result<(), Reported> {
        // SAFETY: the pool is valid while the configuration is read.
        let made = unsafe { ngx_pcalloc(self.pool(), size_of::<ngx_path_t>()) };
        let made = NonNull::new(made.cast::<ngx_path_t>()).ok_or(Reported)?;
        let mut slot = made.as_ptr();
        // SAFETY: the memory is fresh, and zeroes are a path without levels and without a manager.
        let made = unsafe { &mut *slot };
        made.name = self.string(&path.to_string_lossy());
        // SAFETY: the constructor's contract; there is a file while a directive is handled.
        let file = unsafe { self.conf.as_ref().conf_file.as_ref() };
        if let Some(file) = file {
            made.conf_file = file.file.name.data;
            made.line = file.line;
        }
        // SAFETY: both are valid while the configuration is read, and NGINX keeps the path, which lives as
        // long as the configuration.
        let added = unsafe { ngx_add_path(self.as_ptr(), &raw mut slot) };
        if added == NGX_OK as ngx_int_t { Ok(()) } else { Err(Reported) }
    }
}
