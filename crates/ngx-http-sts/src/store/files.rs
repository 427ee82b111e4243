//! Files as a store: what is asked of a directory, and that it is cleaned.

use std::cell::Cell;
use std::path::PathBuf;
use std::rc::Rc;

use sts_files::clock::{Boot, Now};
use sts_files::{Directory, Problem};
use sts_net::calls::{CallLimits, Calls};
use sts_store::language::{Answer, Commands};
use sts_zone::zone::{Claim, Digest, Found, Tags, Value};

use crate::nginx::clock;
use crate::nginx::log::{self, Level};
use crate::nginx::process;
use crate::nginx::task;
use crate::nginx::threads::Threads;
use crate::nginx::timer::Timer;
use crate::store::epochs::released;
use crate::store::place::Place;
use crate::store::{Store, said};

/// Questions at once of one worker. Each has a thread, and a directory that hangs keeps it.
const AT_ONCE: usize = 8;

/// Questions that wait for that.
const QUEUE: usize = 1024;

/// Files that are looked at in one go: on a thread, and on the event loop.
const ON_THREAD: usize = 256;
const ON_LOOP: usize = 32;

/// Milliseconds between two looks whether it is time to clean.
const PERIOD: u64 = 1_000;

/// Where the zone keeps that files were cleaned.
const CLEANED: Digest = *b"nginx-sts: the files are cleaned";

/// A directory, as one worker uses it.
pub(crate) struct Files {
    path: PathBuf,
    /// `None`: the directory is memory, and what is done there is done on the event loop.
    threads: Option<Threads>,
    /// Milliseconds between two cleanings.
    interval: u64,
    boot: Boot,
    running: Calls,
    /// It was told that something cannot be removed.
    has_skipped: Cell<bool>,
}

impl Files {
    pub(crate) fn new(path: PathBuf, threads: Option<Threads>, interval: u64) -> Self {
        Self {
            path,
            threads,
            interval,
            boot: Boot::read(),
            running: Calls::default(),
            has_skipped: Cell::new(false),
        }
    }

    /// Does commands, and collects the replies. When this is dropped a thread goes on with it.
    pub(super) async fn ask(&self, commands: Commands, largest: usize) -> Result<Answer, String> {
        let (directory, commands) = (self.directory(largest), commands.into_secret());
        let boot = self.boot;
        let answer = self.run(move || directory.answer(&commands, &Now::read(boot))).await?;
        answer.map(Answer::Redis).map_err(said)
    }

    fn directory(&self, largest: usize) -> Directory {
        Directory::new(self.path.clone(), self.threads.is_some(), largest)
    }

    /// Does what may block.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, String> {
        let Some(threads) = self.threads else { return Ok(work()) };
        let limits = CallLimits { running: AT_ONCE, queued: QUEUE };
        let turn = self.running.turn(limits).await;
        let turn = turn.map_err(|_| format!("{AT_ONCE} threads wait for it"))?;
        // The turn ends with the work, whatever becomes of the question.
        threads.run(work, turn).await.map_err(said)
    }

    /// Removes the files that are over. `goes_on` is asked between two looks.
    /// Returns the first file that could not be removed, and why.
    async fn clean(&self, mut goes_on: impl FnMut()) -> Result<Option<String>, String> {
        let mut cleaner = self.directory(0).cleaner();
        let boot = self.boot;
        let files = if self.threads.is_some() { ON_THREAD } else { ON_LOOP };
        loop {
            let step = self.run(move || {
                let more = cleaner.step(files, &Now::read(boot));
                more.map(|more| (cleaner, more))
            });
            let (next, more) = step.await?.map_err(|problem: Problem| said(problem))?;
            if !more {
                return Ok(next.skipped().map(str::to_owned));
            }
            cleaner = next;
            goes_on();
            if self.threads.is_none() {
                Timer::new(0, released()).await;
            }
        }
    }
}

impl Store {
    /// Sees to it that a directory is cleaned: by this worker, or by another one of this NGINX.
    pub(super) fn keep_clean(self: &Rc<Self>) {
        if !matches!(self.place, Place::Files(_)) {
            return;
        }
        // The task ends with the configuration.
        let store = Rc::downgrade(self);
        task::spawn(async move {
            while let Some(store) = store.upgrade() {
                // What the zone holds before the first look would count as tokens that nothing is known of.
                if store.has_looked.get() {
                    // Boxed: most of the time it waits.
                    Box::pin(store.clean_when_due()).await;
                }
                drop(store);
                Timer::new(PERIOD, released()).await;
            }
        });
    }

    async fn clean_when_due(&self) {
        let Place::Files(files) = &self.place else { return };
        let claim = Claim { process: process::id(), awaits: None };
        let found = self.zone.with(|zone| zone.find(&CLEANED, claim, |_| true, process::is_alive));
        let Some(Found::Lead(call)) = found else { return };
        let cleaned = files
            .clean(|| {
                self.zone.with(|zone| zone.renew(&CLEANED, call));
            })
            .await;
        match cleaned {
            Ok(None) => {}
            Ok(Some(skipped)) => {
                if !files.has_skipped.replace(true) {
                    log::cycle(
                        Level::Warn,
                        format_args!(
                            "sts: what is over stays in the directory of a cache: {skipped}"
                        ),
                    );
                }
            }
            Err(why) => self.note(Err(Some(&why))),
        }
        let value = Value {
            tags: Tags::NO_TOKEN,
            note: 0,
            bytes: b"cleaned",
            sent: clock::milliseconds(),
            life: files.interval,
        };
        self.zone.with(|zone| zone.complete(&CLEANED, call, &value, self.zone.capacity));
    }
}
