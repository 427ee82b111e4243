//! Memory that all workers share, under NGINX's own lock.

use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;

use nginx_sys::{
    NGX_OK, ngx_cycle, ngx_int_t, ngx_list_part_t, ngx_shared_memory_add, ngx_shm_zone_t,
    ngx_shmtx_lock, ngx_shmtx_unlock, ngx_slab_pool_t,
};

use crate::conf::Conf;
use crate::module::Module;
use crate::value::Reported;

/// A shared memory zone. It keeps its contents over a reload that does not change its size.
///
/// It belongs to the configuration, like everything that NGINX makes while it reads one.
#[derive(Clone, Copy)]
pub struct SharedMemory(NonNull<ngx_shm_zone_t>);

impl SharedMemory {
    /// Declares a zone of `size` bytes.
    pub fn declare<M: Module>(conf: &Conf<'_>, name: &str, size: usize) -> Result<Self, Reported> {
        let mut name = conf.string(name);
        let tag = std::ptr::from_ref(M::descriptor()).cast_mut().cast();
        // SAFETY: all arguments are valid while the configuration is read, and NGINX keeps the name,
        // which lives as long as the configuration.
        let zone = unsafe { ngx_shared_memory_add(conf.as_ptr(), &raw mut name, size, tag) };
        let mut zone = NonNull::new(zone).ok_or(Reported)?;
        // SAFETY: NGINX has just made it.
        unsafe { zone.as_mut() }.init = Some(init);
        Ok(Self(zone))
    }

    /// Runs `use_it` with the memory, while no other process has it. NGINX's master releases the lock
    /// of a worker that dies in it; what it was changing then may be half done.
    ///
    /// The caller must be quick: the others wait.
    pub fn with<R>(self, use_it: impl FnOnce(&[AtomicU64]) -> R) -> R {
        let pool = self.pool();
        let _lock = Lock::take(pool);
        // SAFETY: `pool` is that of a zone.
        use_it(unsafe { words_of(pool) })
    }

    /// Runs `use_it` with the memory, which other processes change meanwhile.
    pub fn without_lock<R>(self, use_it: impl FnOnce(&[AtomicU64]) -> R) -> R {
        // SAFETY: `pool` is that of a zone.
        use_it(unsafe { words_of(self.pool()) })
    }

    /// The memory that the zone of this name has in the configuration before, when a new one comes into
    /// force ([`Module::take_effect`]). Nothing when it is the same memory, which is kept.
    pub fn before(self, name: &str) -> Option<Self> {
        // SAFETY: a plain global that only the main thread changes; until the new configuration is in
        // force it is the one before, whose zones NGINX unmaps later (`ngx_init_cycle`).
        let cycle = unsafe { ngx_cycle.as_ref() }?;
        let mut part: *const ngx_list_part_t = &raw const cycle.shared_memory.part;
        // SAFETY: NGINX keeps the list well-formed.
        while let Some(one) = unsafe { part.as_ref() } {
            for number in 0..one.nelts {
                // SAFETY: NGINX fills the list with these.
                let zone = unsafe { one.elts.cast::<ngx_shm_zone_t>().add(number) };
                // SAFETY: as above.
                let shm = unsafe { &(*zone).shm };
                if shm.name.as_bytes() == name.as_bytes() {
                    let other = NonNull::new(zone).map(Self)?;
                    let is_mapped = !shm.addr.is_null() && other.pool() != self.pool();
                    return is_mapped.then_some(other);
                }
            }
            part = one.next;
        }
        None
    }

    fn pool(self) -> *mut ngx_slab_pool_t {
        // SAFETY: the zone was declared, and so NGINX has mapped it before the first request.
        unsafe { (*self.0.as_ptr()).shm.addr.cast::<ngx_slab_pool_t>() }
    }
}

/// The words of a zone.
///
/// # Safety
/// `pool` is that of a zone which stays mapped for `'a`.
unsafe fn words_of<'a>(pool: *mut ngx_slab_pool_t) -> &'a [AtomicU64] {
    // SAFETY: NGINX's allocator manages whole pages from `start` to `end`; as nothing is ever
    // allocated from it, they are all ours, aligned to pages.
    let (start, end) = unsafe { ((*pool).start, (*pool).end) };
    let words = (end.addr() - start.addr()) / size_of::<u64>();
    // SAFETY: as above. Other processes may write to it at any time, which atomic words allow.
    unsafe { std::slice::from_raw_parts(start.cast::<AtomicU64>(), words) }
}

/// Holds the lock of a zone, also while a panic unwinds.
struct Lock(*mut ngx_slab_pool_t);

impl Lock {
    fn take(pool: *mut ngx_slab_pool_t) -> Self {
        // SAFETY: NGINX has initialised the lock of each zone.
        unsafe { ngx_shmtx_lock(&raw mut (*pool).mutex) };
        Self(pool)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // SAFETY: `take` has locked it.
        unsafe { ngx_shmtx_unlock(&raw mut (*self.0).mutex) };
    }
}

/// The memory is used as it is: zeroes when it is new, what it was over a reload.
extern "C" fn init(_zone: *mut ngx_shm_zone_t, _old: *mut std::ffi::c_void) -> ngx_int_t {
    NGX_OK as ngx_int_t
}
