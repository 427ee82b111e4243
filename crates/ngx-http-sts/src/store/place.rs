//! Where a store is: at one address, wherever the Sentinels say that the master is, or on the nodes of a
//! Cluster.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use sts_core::endpoint::Endpoint;
use sts_store::language::{Greeting, Language};
use sts_store::sentinel;

use crate::nginx::log::{self, Level};
use crate::nginx::tls::TlsSettings;
use crate::origin::{Contact, Kin, Origin};
use crate::store::cluster::Cluster;
use crate::store::files::Files;
use crate::store::talk::converse;
use crate::store::{Store, said};

/// Bytes that a Sentinel may say at once.
const ANSWER: usize = 1024;

/// Masters of which the connections are remembered.
const MASTERS: usize = 8;

/// Where a store is.
pub(crate) enum Place {
    /// At this place.
    Fixed(Rc<Origin>),
    /// Where the master is.
    Watched(Box<Sentinels>),
    /// On several nodes.
    Spread(Box<Cluster>),
    /// In this directory, which is no server.
    Files(Files),
}

/// What servers have in common that are known at run time only.
pub(crate) struct Servers {
    pub(crate) kin: Kin,
    pub(crate) tls: Option<TlsSettings>,
    /// They are told a password.
    pub(crate) hear_password: bool,
}

/// The Sentinels of a master.
pub(crate) struct Sentinels {
    sentinels: Vec<Rc<Origin>>,
    master: String,
    servers: Servers,
    /// The number of the one that is asked next.
    next: Cell<usize>,
    /// The masters that were, with their connections.
    known: RefCell<Vec<(String, Rc<Origin>)>>,
    /// The one of now, as far as is known.
    current: RefCell<Option<Rc<Origin>>>,
    /// The last one.
    last: RefCell<Option<Rc<Origin>>>,
}

/// A place that is forgotten unless it proves to be good.
pub(super) struct Doubt<'a>(Option<&'a Sentinels>);

impl Doubt<'_> {
    /// It is.
    pub(super) fn dispel(mut self) {
        self.0 = None;
    }
}

impl Drop for Doubt<'_> {
    fn drop(&mut self) {
        if let Some(sentinels) = self.0 {
            sentinels.current.take();
        }
    }
}

impl Place {
    /// Where to ask now. Unless the doubt is dispelled, the Sentinels are asked again the next time.
    ///
    /// # Errors
    /// The Sentinels do not tell.
    pub(super) async fn origin(
        &self,
        pool: usize,
        timeout: u64,
    ) -> Result<(Rc<Origin>, Doubt<'_>), String> {
        match self {
            Self::Fixed(origin) => Ok((origin.clone(), Doubt(None))),
            Self::Files(_) => Err("it is no server".into()),
            Self::Watched(sentinels) => {
                let current = sentinels.current.borrow().clone();
                let origin = match current {
                    Some(origin) => origin,
                    None => Box::pin(sentinels.ask(pool, timeout)).await?,
                };
                Ok((origin, Doubt(Some(sentinels))))
            }
            Self::Spread(_) => Err("its nodes are asked, each for what it has".into()),
        }
    }

    /// Asks the Sentinels whether the master is another one now, or the nodes of a Cluster which of them has
    /// what. Returns whether one that was of no use is none of them any more.
    ///
    /// # Errors
    /// They do not tell.
    pub(super) async fn has_moved(&self, store: &Store) -> Result<bool, String> {
        let (pool, timeout) = (store.pool, store.timeout);
        let sentinels = match self {
            Self::Watched(sentinels) => sentinels,
            Self::Spread(cluster) => return cluster.has_moved(store).await,
            Self::Fixed(_) | Self::Files(_) => return Ok(false),
        };
        let before = sentinels.last.borrow().clone();
        let now = sentinels.ask(pool, timeout).await?;
        Ok(before.is_some_and(|before| !Rc::ptr_eq(&before, &now)))
    }
}

impl Sentinels {
    pub(crate) fn new(sentinels: Vec<Rc<Origin>>, master: String, servers: Servers) -> Self {
        Self {
            sentinels,
            master,
            servers,
            next: Cell::new(0),
            known: RefCell::default(),
            current: RefCell::default(),
            last: RefCell::default(),
        }
    }

    /// Asks one of them: the next one, where this one does not answer in time.
    async fn ask(&self, pool: usize, timeout: u64) -> Result<Rc<Origin>, String> {
        let number = self.next.get();
        self.next.set(number + 1);
        let count = self.sentinels.len().max(1);
        let sentinel = self.sentinels.get(number % count).ok_or("there is no Sentinel")?;
        let question = sentinel::ask(&self.master);
        let greeting = Greeting::default();
        let answer =
            converse(sentinel, Language::Redis, &greeting, question, ANSWER, pool, timeout).await;
        let of_sentinel = |why: String| format!("a Sentinel is of no use: {why}");
        let answer = answer.map_err(of_sentinel)?;
        let (host, port) = sentinel::master(answer).map_err(said).map_err(of_sentinel)?;
        self.next.set(number % count);
        let origin = self.origin(&host, port).map_err(of_sentinel)?;
        self.current.replace(Some(origin.clone()));
        self.last.replace(Some(origin.clone()));
        Ok(origin)
    }

    /// The origin of a master, the same each time, so that its connections are.
    fn origin(&self, host: &str, port: u16) -> Result<Rc<Origin>, String> {
        let name = format!("{host} {port}");
        let known =
            self.known.borrow().iter().find(|(known, _)| *known == name).map(|it| it.1.clone());
        if let Some(known) = known {
            return Ok(known);
        }
        let origin = self.servers.origin(host, port)?;
        let mut known = self.known.borrow_mut();
        if known.len() >= MASTERS {
            known.remove(0);
        }
        known.push((name, origin.clone()));
        drop(known);
        Ok(origin)
    }
}

impl Servers {
    /// The origin of a server that another one has told of.
    ///
    /// # Errors
    /// What it is called is no host.
    pub(super) fn origin(&self, host: &str, port: u16) -> Result<Rc<Origin>, String> {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let endpoint = Endpoint::parse(&format!("{scheme}://{host}:{port}/")).map_err(said)?;
        if self.hear_password && self.tls.is_none() && !endpoint.is_loopback() {
            log::cycle(
                Level::Warn,
                format_args!(
                    "sts: the password of a store goes to \"{}\" unencrypted, of which another server \
                     has told: use tls=true",
                    endpoint.host_and_port()
                ),
            );
        }
        let contact = Contact {
            host: endpoint.host(),
            peer: &endpoint,
            is_proxy: false,
            resolver: None,
            tls: self.tls.as_ref(),
            certificate: None,
            tunnel: None,
        };
        Ok(Rc::new(self.kin.origin(contact, None)))
    }
}
