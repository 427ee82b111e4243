//! The connections that NGINX closes when it is short of them.

use std::cell::Cell;
use std::ptr;

use nginx_sys::{ngx_connection_t, ngx_cycle, ngx_cycle_t};

/// The place of a connection in NGINX's list of those that are closed when others need them.
///
/// `ngx_reusable_connection` would put it there, too, and count it as a client that waits: what is in
/// the list is "Waiting" in `stub_status`. Therefore it is put there as that function does, without
/// being counted. `ngx_connection_t::reusable` stays 0, so that NGINX does not take it out again.
pub(super) struct Reusable {
    /// The cycle that has the list; null when it is in none.
    cycle: Cell<*mut ngx_cycle_t>,
}

impl Default for Reusable {
    fn default() -> Self {
        Self { cycle: Cell::new(ptr::null_mut()) }
    }
}

impl Reusable {
    /// Puts the connection into the list, as the one that is closed last.
    ///
    /// # Safety
    /// `connection` is open, always the same one, and [`Self::leave`] is called before it is closed.
    pub(super) unsafe fn enter(&self, connection: *mut ngx_connection_t) {
        // SAFETY: `ngx_cycle` is a plain global that only the main thread changes.
        let cycle = unsafe { ngx_cycle };
        if cycle.is_null() || !self.cycle.get().is_null() {
            return;
        }
        // SAFETY: a worker's cycle is valid, and so is its list: NGINX has initialised it. The
        // caller vouches for the connection, which is in no list.
        unsafe {
            let (head, own) =
                (&raw mut (*cycle).reusable_connections_queue, &raw mut (*connection).queue);
            let first = (*head).next;
            (*own).next = first;
            (*own).prev = head;
            (*first).prev = own;
            (*head).next = own;
            (*cycle).reusable_connections_n += 1;
        }
        self.cycle.set(cycle);
    }

    /// Takes the connection out of the list, if it is in it.
    ///
    /// # Safety
    /// `connection` is open, and the one that has entered.
    pub(super) unsafe fn leave(&self, connection: *mut ngx_connection_t) {
        let cycle = self.cycle.replace(ptr::null_mut());
        if cycle.is_null() {
            return;
        }
        // SAFETY: the connection is in the list of this cycle, which lives as long as its
        // connections: only this takes it out.
        unsafe {
            let own = &raw mut (*connection).queue;
            (*(*own).next).prev = (*own).prev;
            (*(*own).prev).next = (*own).next;
            (*cycle).reusable_connections_n -= 1;
        }
    }
}
