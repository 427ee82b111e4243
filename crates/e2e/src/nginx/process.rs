//! The processes of one NGINX: its master, its workers, and a second master during an upgrade.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{LazyLock, Mutex, Once, mpsc};
use std::{fs, io};

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::wait::{wait_for, wait_for_some};

/// A process group with a leader that the test started.
pub(crate) struct Group {
    leader: Pid,
    /// The master that gets the signals: another one after an upgrade.
    master: AtomicI32,
    /// How the processes ended that the test process was the parent of.
    ends: Mutex<Vec<WaitStatus>>,
}

/// Puts the process into a process group of its own, so that all of it can be found and ended.
pub(crate) fn in_own_group(command: &mut Command) {
    command.process_group(0);
}

type Order = (Command, mpsc::Sender<io::Result<u32>>);

/// The parent-death signal is sent when the *thread* that started a process ends, so one thread that
/// stays starts them all.
static SPAWNER: LazyLock<Mutex<mpsc::Sender<Order>>> = LazyLock::new(|| {
    let (orders, received) = mpsc::channel::<Order>();
    let work = move || {
        for (mut command, answer) in received {
            // The test that ordered may be gone.
            let _ = answer.send(command.spawn().map(|child| child.id()));
        }
    };
    std::thread::Builder::new().name("spawner".into()).spawn(work).expect("a thread can start");
    Mutex::new(orders)
});

impl Group {
    /// Starts the leader, which has to be in a group of its own.
    ///
    /// It is told to stop when the test process dies, however that dies.
    pub(crate) fn spawn(command: Command) -> Self {
        Self::led_by(spawn(command).as_raw())
    }

    /// Starts a process that goes into the background and writes its pid there.
    ///
    /// It goes on when the test process is killed.
    #[track_caller]
    pub(super) fn spawn_daemon(command: Command, pid_file: &Path) -> Self {
        let starter = Self::spawn(command);
        wait_for("NGINX to go into the background", || starter.is_empty());
        if !matches!(starter.ends()[..], [WaitStatus::Exited(_, 0)]) {
            return starter;
        }
        // The daemon writes it after its starter has gone.
        Self::led_by(wait_for_some("the pid of the daemon", || {
            fs::read_to_string(pid_file).ok()?.trim().parse().ok()
        }))
    }

    fn led_by(leader: i32) -> Self {
        Self {
            leader: Pid::from_raw(leader),
            master: AtomicI32::new(leader),
            ends: Mutex::default(),
        }
    }

    pub(super) fn master(&self) -> i32 {
        self.master.load(Ordering::Relaxed)
    }

    pub(super) fn set_master(&self, pid: i32) {
        self.master.store(pid, Ordering::Relaxed);
    }

    pub(crate) fn master_has_exited(&self) -> bool {
        self.reap();
        !is_running(self.master())
    }

    pub(super) fn signal_master(&self, signal: Signal) {
        let master = self.master();
        kill(Pid::from_raw(master), signal)
            .unwrap_or_else(|error| panic!("cannot send {signal} to the master {master}: {error}"));
    }

    /// Sends a signal to the process that the test started.
    pub(crate) fn signal_leader(&self, signal: Signal) {
        kill(self.leader, signal).expect("it runs");
    }

    /// Sends a signal to all processes of the group.
    pub(crate) fn signal_all(&self, signal: Signal) {
        killpg(self.leader, signal).expect("a process of the group runs");
    }

    pub(crate) fn kill_all(&self) {
        // There may be none left.
        let _ = killpg(self.leader, Signal::SIGKILL);
    }

    /// Whether no process of the group is left, not even a zombie.
    pub(crate) fn is_empty(&self) -> bool {
        self.reap();
        killpg(self.leader, None) == Err(Errno::ESRCH)
    }

    /// Takes note of the children of the test process that ended.
    fn reap(&self) {
        let mut ends = self.ends.lock().expect("nothing panics in here");
        let group = Pid::from_raw(-self.leader.as_raw());
        loop {
            match waitpid(group, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::StillAlive) | Err(_) => return,
                Ok(end) => ends.push(end),
            }
        }
    }

    /// How a process ended, if it did and its parent was the test process.
    pub(super) fn ends(&self) -> Vec<WaitStatus> {
        self.reap();
        self.ends.lock().expect("nothing panics in here").clone()
    }
}

/// The pid of the process; [`Group::reap`] waits for it.
fn spawn(mut command: Command) -> Pid {
    adopt_orphans();
    // SAFETY: prctl(2) is async-signal-safe, and nothing else is done between fork and exec.
    unsafe {
        command.pre_exec(|| Ok(prctl::set_pdeathsig(Signal::SIGTERM)?));
    }
    let (answer, answered) = mpsc::channel();
    let orders = SPAWNER.lock().expect("nothing panics while sending");
    orders.send((command, answer)).expect("the spawner runs for ever");
    drop(orders);
    let pid = answered.recv().expect("the spawner answers").expect("the program can be run");
    Pid::from_raw(i32::try_from(pid).expect("a pid is an int"))
}

/// Makes this process the parent of what a master leaves behind, so that it can be waited for.
fn adopt_orphans() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        prctl::set_child_subreaper(true).expect("any process may adopt its own orphans");
    });
}

/// The children of this process.
pub(super) fn children_of(parent: i32) -> Vec<i32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| stat(*pid).is_some_and(|stat| stat.parent == parent)).collect()
}

/// Whether the process exists and has not ended.
pub fn is_running(pid: i32) -> bool {
    stat(pid).is_some_and(|stat| !matches!(stat.state, 'Z' | 'X'))
}

/// Whether the process waits for something.
pub fn is_asleep(pid: i32) -> bool {
    stat(pid).is_some_and(|stat| stat.state == 'S')
}

/// What the process calls itself; NGINX says there what a process is for.
pub(super) fn title(pid: i32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ").trim_end().to_owned()
}

/// How many file descriptors the process has open.
pub fn open_files(pid: i32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

/// How many KiB of memory the process has for itself: shared zones and files are not counted.
///
/// # Panics
/// When there is no such process.
pub fn anonymous_memory(pid: i32) -> usize {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB")).and_then(|n| n.parse().ok());
    number.expect("the kernel tells it in kB")
}

struct Stat {
    state: char,
    parent: i32,
}

fn stat(pid: i32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is a name in parentheses that may hold anything.
    let (_, rest) = text.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    Some(Stat { state, parent })
}
