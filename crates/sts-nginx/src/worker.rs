//! The workers: how many there are, and the user that they run as.

use std::ffi::CStr;
use std::ptr::NonNull;

use nginx_sys::{ngx_core_conf_t, ngx_core_module, ngx_cycle, ngx_cycle_t, ngx_ncpu};
use nix::unistd::{Gid, Uid, User, getgrouplist};

use crate::conf::Conf;

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
        // SAFETY: the caller's contract.
        let core = unsafe { core_of(cycle) }?;
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

/// How many workers the configuration that is in force has.
pub fn number() -> usize {
    // SAFETY: a plain global that only the main thread changes.
    let cycle = NonNull::new(unsafe { ngx_cycle });
    // SAFETY: a cycle that is set is valid.
    let core = cycle.and_then(|cycle| unsafe { core_of(cycle) });
    core.map_or(1, |core| workers_of(core).unwrap_or(1))
}

impl Conf<'_> {
    /// How many workers the configuration that is being read will have; where that is not known yet, one
    /// for each processor.
    pub fn workers(&self) -> usize {
        // SAFETY: a configuration that is read has a cycle, with a slot for each module.
        let cycle = NonNull::new(unsafe { (*self.as_ptr()).cycle });
        // SAFETY: as above.
        let core = cycle.and_then(|cycle| unsafe { core_of(cycle) });
        // SAFETY: a plain global that is set when NGINX starts.
        let processors = usize::try_from(unsafe { ngx_ncpu }).unwrap_or(1);
        core.and_then(workers_of).unwrap_or(processors)
    }
}

fn workers_of(core: &ngx_core_conf_t) -> Option<usize> {
    // NGX_CONF_UNSET is less than nothing.
    usize::try_from(core.worker_processes).ok().filter(|workers| *workers > 0)
}

/// The configuration of NGINX's core, as far as it is read.
///
/// # Safety
/// `cycle` is valid for `'c`, and has a slot for each module.
unsafe fn core_of<'c>(cycle: NonNull<ngx_cycle_t>) -> Option<&'c ngx_core_conf_t> {
    // SAFETY: a core module's index is set when NGINX starts, and never changed.
    let index = unsafe { (&raw const ngx_core_module.index).read() };
    // SAFETY: the caller's contract.
    let slots = NonNull::new(unsafe { cycle.as_ref().conf_ctx })?;
    // SAFETY: the caller's contract.
    let core = unsafe { *slots.as_ptr().add(index) }.cast::<ngx_core_conf_t>();
    // SAFETY: the type is the one that this module has there.
    unsafe { core.as_ref() }
}
