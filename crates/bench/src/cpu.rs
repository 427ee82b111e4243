//! What the system says of processes, and where they may run.

use std::fs;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

use crate::Result;

/// Nanoseconds that a process with one thread has run, to the scheduler's knowledge.
pub(crate) fn time(process: u32) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/schedstat"))?;
    let first = text.split_whitespace().next().unwrap_or_default();
    Ok(first.parse()?)
}

/// KiB of memory that are a process's own, without what it shares.
pub(crate) fn own_memory(process: u32) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let number = line.and_then(|line| line.split_whitespace().next()).unwrap_or_default();
    Ok(number.parse()?)
}

/// The children of a process with a command line that begins like this.
pub(crate) fn children(parent: u32, title: &str) -> Result<Vec<u32>> {
    let mut children = Vec::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(process) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // One that ends meanwhile is none of ours.
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let of = after_name.split_whitespace().nth(1).and_then(|parent| parent.parse().ok());
        let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if of == Some(parent) && command.starts_with(title.as_bytes()) {
            children.push(process);
        }
    }
    Ok(children)
}

pub(crate) fn count() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Keeps the calling thread off the first processors, which the workers have to themselves; with
/// none of its own it runs anywhere.
pub(crate) fn leave_to_workers(workers: usize) -> Result<()> {
    let all = count();
    let first = if workers < all { workers } else { 0 };
    let mut set = CpuSet::new();
    for number in first..all {
        set.set(number)?;
    }
    sched_setaffinity(Pid::from_raw(0), &set)?;
    Ok(())
}

/// What NGINX is told so that its workers have the first processors to themselves.
pub(crate) fn affinity_of_workers(workers: usize) -> String {
    let all = count();
    if workers >= all {
        return String::new();
    }
    let masks: Vec<_> = (0..workers)
        .map(|worker| (0..all).rev().map(|cpu| if cpu == worker { '1' } else { '0' }).collect())
        .collect::<Vec<String>>();
    format!("worker_cpu_affinity {};", masks.join(" "))
}
