//! What happens to NGINX, to the STS and to the store meanwhile.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::sleep;
use std::time::Duration;

use devsts::server::Server as Sts;
use e2e::nginx::Nginx;
use e2e::scene::Scene;
use e2e::stores::Server;

use crate::stores_soak::{Random, spoil};

/// What is disturbed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// The nodes as well.
    All,
    /// Only the STS and the store.
    Neighbours,
}

/// What has happened, and how often.
pub(super) struct Disturbances {
    store: Mutex<Option<Server>>,
    installed: PathBuf,
    port: u16,
    /// Twice how often workers were replaced or killed, and odd while that goes on: connections of clients
    /// may end then.
    breaks: AtomicU64,
    reloads: AtomicU64,
    kills: AtomicU64,
    upgrades: AtomicU64,
    purges: AtomicU64,
    of_the_store: AtomicU64,
    of_the_sts: AtomicU64,
}

impl Disturbances {
    pub(super) fn new(store: Server, installed: PathBuf) -> Self {
        let port = store.port();
        let none = AtomicU64::default;
        Self {
            store: Mutex::new(Some(store)),
            installed,
            port,
            breaks: none(),
            reloads: none(),
            kills: none(),
            upgrades: none(),
            purges: none(),
            of_the_store: none(),
            of_the_sts: none(),
        }
    }

    /// Odd while workers are replaced or killed, and greater than before when they were.
    pub(super) fn breaks(&self) -> u64 {
        self.breaks.load(Ordering::SeqCst)
    }

    /// Lets things happen until it is over.
    pub(super) fn go_on(
        &self,
        scene: &Scene,
        nodes: &[Nginx; 2],
        extent: Extent,
        seed: u64,
        over: &AtomicBool,
    ) {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        while !over.load(Ordering::Relaxed) {
            sleep(Duration::from_millis(20 + random.below(200)));
            let node = &nodes[usize::from(random.below(2) == 0)];
            let count = |counter: &AtomicU64| {
                counter.fetch_add(1, Ordering::Relaxed);
            };
            match random.below(16) {
                0..6 => {
                    spoil(&self.store, &self.installed, self.port, &mut random);
                    count(&self.of_the_store);
                }
                6 | 7 => {
                    Sts::close_idle(&scene.sts);
                    count(&self.of_the_sts);
                }
                8 | 9 => {
                    Sts::reset_idle(&scene.sts);
                    count(&self.of_the_sts);
                }
                10 | 11 => self.purge(node),
                kind if extent == Extent::All => {
                    self.replace(node, kind, &mut random);
                    // What is broken by this is noticed a moment later.
                    self.breaks.fetch_add(1, Ordering::SeqCst);
                }
                _ => {}
            }
        }
    }

    /// Once before, so that a client that loses its connection meanwhile sees that there was a cause.
    fn replace(&self, node: &Nginx, kind: u64, random: &mut Random) {
        self.breaks.fetch_add(1, Ordering::SeqCst);
        let counter = match kind {
            12 | 13 => {
                node.reload();
                &self.reloads
            }
            14 => {
                let workers = node.workers();
                let chosen = workers.get(random.below(workers.len().max(1) as u64) as usize);
                if let Some(worker) = chosen {
                    node.kill_worker(*worker);
                }
                &self.kills
            }
            _ => {
                let old = node.upgrade();
                node.wait_until_process_is_gone(old);
                &self.upgrades
            }
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn purge(&self, node: &Nginx) {
        // The worker that is asked may be killed by none: it is this thread that kills. The store may be away.
        let status = node.post("/purge", "").send().status;
        assert!(matches!(status, 200 | 503), "{status}");
        self.purges.fetch_add(1, Ordering::Relaxed);
    }

    /// The store is there again and does what it should.
    pub(super) fn calm(&self) {
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let settings = ["--maxmemory", "3mb", "--maxmemory-policy", "allkeys-lru"];
        store.get_or_insert_with(|| Server::redis_at(&self.installed, self.port, &settings)).thaw();
    }
}

impl fmt::Display for Disturbances {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        write!(
            text,
            "{} reloads, {} workers killed, {} upgrades, {} purges, {} faults of the store, {} of idle \
             connections to the STS",
            count(&self.reloads),
            count(&self.kills),
            count(&self.upgrades),
            count(&self.purges),
            count(&self.of_the_store),
            count(&self.of_the_sts),
        )
    }
}
