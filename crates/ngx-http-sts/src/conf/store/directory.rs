//! `STSCache file`: the directory.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use sts_core::options::Options;

use crate::conf::argument::{self, Problem};
use crate::conf::store::{option, text};
use crate::nginx::conf::Conf;
use crate::nginx::threads::Threads;
use crate::store::files::Files;

/// Milliseconds between two cleanings.
const INTERVAL: u64 = 60_000;
const LEAST_INTERVAL: u64 = 1_000;
const MOST_INTERVAL: u64 = 24 * 60 * 60 * 1_000;

/// Writing for the group or for all.
const OF_OTHERS: u32 = 0o022;

/// What is written of a directory.
#[derive(PartialEq, Eq)]
pub(super) struct Written {
    path: PathBuf,
    interval: u64,
}

impl Written {
    /// `dir` and `clean_interval`.
    pub(super) fn take(conf: &Conf<'_>, options: &mut Options) -> Result<Self, Problem> {
        let written = text(options, "dir")?.filter(|dir| !dir.is_empty()).ok_or(
            "option \"dir\" is missing: the directory that the files lie in, of which the workers have \
             one of their own",
        )?;
        let interval = option(options, "clean_interval", |text| {
            argument::time(text, LEAST_INTERVAL, MOST_INTERVAL)
        })?;
        let path = conf.of_prefix(&written);
        check(&path)?;
        Ok(Self { path, interval: interval.unwrap_or(INTERVAL) })
    }

    /// The directory as the workers use it; NGINX makes it.
    pub(super) fn make(&self, conf: &Conf<'_>) -> Result<Files, Problem> {
        let path = self.path.clone();
        let shown = path.display();
        let threads = Threads::of(conf).map_err(|_| "NGINX has no memory for its threads")?;
        if threads.is_none() {
            let is_memory = sts_files::is_memory(&path);
            let is_memory =
                is_memory.map_err(|error| format!("option \"dir\": {shown}: {error}"))?;
            if !is_memory {
                return Err(format!(
                    "option \"dir\": \"{shown}\" is on a disk, and this NGINX was built without \
                     --with-threads, so that its workers would wait for the disk: name a directory on \
                     a tmpfs (such as /dev/shm/sts), or use an NGINX with threads"
                ));
            }
        }
        let made = conf.make_directory(&path);
        made.map_err(|_| {
            format!("option \"dir\": \"{shown}\" cannot be used, for the reason above")
        })?;
        Ok(Files::new(path, threads, self.interval))
    }

    /// Where it is.
    pub(super) fn shown(&self) -> String {
        self.path.display().to_string()
    }
}

/// NGINX gives the directory to the user of its workers, and what lies in it is trusted as far as it opens.
fn check(path: &Path) -> Result<(), Problem> {
    let Ok(there) = fs::metadata(path) else { return Ok(()) };
    let shown = path.display();
    if !there.is_dir() {
        return Err(format!(
            "option \"dir\": \"{shown}\" is no directory: name one, or none that is there"
        ));
    }
    let mode = there.permissions().mode() & 0o7777;
    if mode & OF_OTHERS != 0 {
        return Err(format!(
            "option \"dir\": others may write into \"{shown}\" (mode {mode:04o}): name a directory of its \
             own, which NGINX makes, or take the right away (chmod go-w)"
        ));
    }
    Ok(())
}
