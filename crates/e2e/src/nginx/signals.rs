//! What an operator does to a running NGINX.

use std::fs;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::nginx::{Builder, Nginx, process};
use crate::wait::{wait_for, wait_for_some};

impl Nginx {
    /// Reloads the configuration and waits until the next generation of workers has taken over; those
    /// of the last one may still be at work.
    ///
    /// # Panics
    /// When it does not come.
    #[track_caller]
    pub fn reload(&self) {
        let old = self.workers();
        self.group.signal_master(Signal::SIGHUP);
        wait_for("the next generation of workers", || {
            let new = self.workers();
            new.len() == old.len() && !new.iter().any(|pid| old.contains(pid))
        });
    }

    /// Reloads with another configuration, which finds the same ports under the same placeholders.
    ///
    /// # Panics
    /// When the next generation does not come.
    #[track_caller]
    pub fn reload_with(&self, builder: &Builder) {
        self.write(builder);
        self.reload();
    }

    /// Tells NGINX to reload with a configuration that it refuses with this in its log.
    ///
    /// # Panics
    /// When it does not refuse it.
    #[track_caller]
    pub fn reload_refused(&self, builder: &Builder, why: &str) {
        self.write(builder);
        self.allow_in_log(why);
        self.group.signal_master(Signal::SIGHUP);
        self.wait_for_log(why);
    }

    fn write(&self, builder: &Builder) {
        let mut ports = self.ports.clone();
        let configuration = builder.configuration();
        let text = configuration.render(self.prefix(), &mut ports, crate::ports::free_port);
        fs::write(self.prefix().join("nginx.conf"), text).expect("the prefix is ours");
    }

    /// Asks NGINX to quit when it has finished what it is at.
    ///
    /// # Panics
    /// When there is no NGINX.
    pub fn quit(&self) {
        self.group.signal_master(Signal::SIGQUIT);
    }

    /// Tells NGINX to stop at once.
    ///
    /// # Panics
    /// When there is no NGINX.
    pub fn terminate(&self) {
        self.group.signal_master(Signal::SIGTERM);
    }

    /// Waits until no process of this NGINX is left.
    ///
    /// # Panics
    /// When one is.
    #[track_caller]
    pub fn wait_until_gone(&self) {
        wait_for("NGINX to be gone", || self.group.is_empty());
    }

    /// Kills a worker as the kernel does when memory is short, and waits for the next one. What the
    /// master logs about it is expected.
    ///
    /// # Panics
    /// When there is no such worker, or no new one.
    #[track_caller]
    pub fn kill_worker(&self, pid: i32) {
        let before = self.workers();
        assert!(before.contains(&pid), "{pid} is no worker");
        self.allow_in_log(&format!("worker process {pid} exited on signal 9"));
        self.kill_by(pid, Signal::SIGKILL as i32);
        wait_for("a new worker", || {
            let now = self.workers();
            now.len() == before.len() && !now.contains(&pid)
        });
    }

    /// Sends a signal to a worker, which is no expected thing: the test fails in the end.
    ///
    /// # Panics
    /// When there is no such process or signal.
    pub fn kill_by(&self, pid: i32, signal: i32) {
        let signal = Signal::try_from(signal).expect("a signal of this number");
        kill(Pid::from_raw(pid), signal).expect("a process of ours can be killed");
    }

    /// Replaces the binary: a new master with new workers takes over, and the old one quits, which
    /// [`Nginx::wait_until_process_is_gone`] waits for with the returned pid of the old master.
    ///
    /// # Panics
    /// When the new master does not come.
    #[track_caller]
    pub fn upgrade(&self) -> i32 {
        let old = self.group.master();
        let workers = self.workers().len();
        self.group.signal_master(Signal::SIGUSR2);
        let new = wait_for_some("the pid of the new master", || {
            let text = fs::read_to_string(self.prefix().join("nginx.pid")).ok()?;
            text.trim().parse().ok().filter(|pid| *pid != old)
        });
        self.group.set_master(new);
        wait_for("the workers of the new master", || self.workers().len() == workers);
        kill(Pid::from_raw(old), Signal::SIGQUIT).expect("the old master runs");
        old
    }

    /// Waits until a process has ended: an old master, a worker of an old generation.
    ///
    /// # Panics
    /// When it has not.
    #[track_caller]
    pub fn wait_until_process_is_gone(&self, pid: i32) {
        wait_for("a process to be gone", || {
            // Asked first, because it takes note of those that have ended.
            self.group.ends();
            !process::is_running(pid)
        });
    }
}
