//! The user that the workers run as.

use std::ffi::CStr;
use std::ptr::NonNull;

use nginx_sys::{ngx_core_conf_t, ngx_core_module, ngx_cycle_t};
use nix::unistd::{Gid, Uid, User, getgrouplist};

/// `O_NONBLOCK`, for opening what could be a pipe.
pub const O_NONBLOCK: i32 = nginx_sys::O_NONBLOCK.cast_signed();

/// The user of the directive `user`.
pub struct WorkerUser {
    name: String,
    user: u32,
    groups: Vec<u32>,
}

impl WorkerUser {
    /// The user of a configuration; `None` where the workers run as the user that reads it.
    ///
    /// # Safety
    /// `cycle` is valid and its configuration complete.
    pub(crate) unsafe fn of(cycle: NonNull<ngx_cycle_t>) -> Option<Self> {
        if !Uid::effective().is_root() {
            return None;
        }
        // SAFETY: a core module's index is set when NGINX starts, and never changed.
        let index = unsafe { (&raw const ngx_core_module.index).read() };
        // SAFETY: the caller's contract: there is a slot for each module.
        let core = unsafe { *cycle.as_ref().conf_ctx.add(index) }.cast::<ngx_core_conf_t>();
        // SAFETY: the type is the one that this module has there.
        let core = unsafe { core.as_ref() }?;
        let (user, group) = (core.user, core.group);
        let name = User::from_uid(Uid::from_raw(user)).ok().flatten().map(|user| user.name);
        let mut groups = vec![group];
        if !core.username.is_null() {
            // SAFETY: a C string that lives as long as the configuration.
            let name = unsafe { CStr::from_ptr(core.username) };
            let more = getgrouplist(name, Gid::from_raw(group)).unwrap_or_default();
            groups.extend(more.into_iter().map(Gid::as_raw));
        }
        Some(Self { name: name.unwrap_or_else(|| user.to_string()), user, groups })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the permissions of a file or directory allow this user what is `wanted`, as a digit of
    /// `chmod` has it.
    pub fn is_allowed(&self, wanted: u32, mode: u32, owner: u32, group: u32) -> bool {
        let shift = if owner == self.user {
            6
        } else if self.groups.contains(&group) {
            3
        } else {
            0
        };
        self.user == 0 || (mode >> shift) & wanted == wanted
    }
}
