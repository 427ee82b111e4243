//! A Redis Cluster: each name is asked for at the node that has it.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::mem;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use sts_store::cluster::{self, Errand, NODES, Parcel, Redirection, Share, Slots};
use sts_store::language::{Answer, Commands, Language, StoreError};

use crate::origin::Origin;
use crate::store::place::Servers;
use crate::store::talk::converse;
use crate::store::{Store, said};

/// Bytes of what a node says about all slots, at most.
const ALL_SLOTS: usize = 256 * 1024;

/// The nodes of a Cluster, and what this worker knows of them.
pub(crate) struct Cluster {
    /// Those that are configured, and behind them those that others have told of.
    nodes: RefCell<Vec<Rc<Node>>>,
    configured: usize,
    servers: Servers,
    slots: RefCell<Slots>,
    /// The number of the node that is asked for what is known of none.
    any: Cell<usize>,
    /// Nodes are to be asked which of them has what.
    is_doubtful: Cell<bool>,
    /// One that was of no use.
    lost: RefCell<Option<Rc<Node>>>,
}

/// A node of a Cluster.
pub(crate) struct Node {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) origin: Rc<Origin>,
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        (&self.host, self.port) == (&other.host, other.port)
    }
}

/// A node that is lost unless it proves to be good.
struct Doubt<'a> {
    cluster: &'a Cluster,
    node: Option<Rc<Node>>,
}

impl Drop for Doubt<'_> {
    fn drop(&mut self) {
        if let Some(node) = self.node.take() {
            self.cluster.lose(node);
        }
    }
}

impl Cluster {
    /// A Cluster with these nodes, which tell of the others.
    pub(crate) fn new(nodes: Vec<Node>, servers: Servers) -> Self {
        Self {
            configured: nodes.len(),
            nodes: RefCell::new(nodes.into_iter().map(Rc::new).collect()),
            servers,
            slots: RefCell::default(),
            any: Cell::new(0),
            is_doubtful: Cell::new(true),
            lost: RefCell::default(),
        }
    }

    /// Says something, each command to the node that has its name, and collects the answers.
    ///
    /// # Errors
    /// One of these nodes is of no use.
    pub(super) async fn talk(&self, store: &Store, commands: Commands) -> Result<Answer, String> {
        let any = self.any()?;
        let mut errand =
            Errand::new(commands, |slot| self.node_of(slot).unwrap_or_else(|| any.clone()));
        loop {
            let parcels = errand.parcels();
            if parcels.is_empty() {
                return errand.answer().map_err(said);
            }
            let asked = parcels.into_iter().map(|parcel| self.deliver(store, parcel));
            for delivered in all(asked).await {
                let (parcel, answer) = delivered?;
                let followed =
                    errand.take(parcel, answer, |node, elsewhere| self.follow(node, elsewhere));
                followed.map_err(said)?;
            }
        }
    }

    async fn deliver(
        &self,
        store: &Store,
        mut parcel: Parcel<Rc<Node>>,
    ) -> Result<(Parcel<Rc<Node>>, Answer), String> {
        let commands = mem::take(&mut parcel.commands);
        let node = parcel.node.clone();
        let answer = self.ask(store, node, commands, store.zone.capacity.value).await?;
        Ok((parcel, answer))
    }

    async fn ask(
        &self,
        store: &Store,
        node: Rc<Node>,
        commands: Commands,
        largest: usize,
    ) -> Result<Answer, String> {
        let mut doubt = Doubt { cluster: self, node: Some(node.clone()) };
        let (pool, timeout) = (store.pool, store.timeout);
        let (language, greeting) = (Language::Redis, &store.greeting);
        let answer =
            converse(&node.origin, language, greeting, commands, largest, pool, timeout).await;
        let answer = answer.map_err(|why| format!("{}:{}: {why}", node.host, node.port))?;
        if !answer.has_error() {
            doubt.node = None;
            self.lost.borrow_mut().take_if(|lost| **lost == *node);
        }
        Ok(answer)
    }

    /// Asks which node has what, where that is in doubt. Returns whether what a lost node had is now
    /// another one's.
    ///
    /// # Errors
    /// The node that is asked does not tell.
    pub(super) async fn has_moved(&self, store: &Store) -> Result<bool, String> {
        if !self.is_doubtful.get() {
            return Ok(false);
        }
        let node = self.any()?;
        let lost = self.lost.borrow().clone();
        let answer = self.ask(store, node.clone(), cluster::ask(), ALL_SLOTS).await?;
        match cluster::shares(answer) {
            Ok(shares) => {
                let nodes: Result<Vec<_>, _> =
                    shares.iter().map(|share| self.learn(&node, share)).collect();
                let nodes = nodes?;
                let has_moved = lost.is_some_and(|lost| nodes.iter().all(|node| **node != *lost));
                if has_moved {
                    self.lost.take();
                }
                self.is_doubtful.set(self.lost.borrow().is_some());
                Ok(has_moved)
            }
            // It may not: what nodes say of single names has to do.
            Err(StoreError::Refused(_)) => {
                self.is_doubtful.set(false);
                Ok(false)
            }
            Err(error) => Err(said(error)),
        }
    }

    fn learn(&self, teller: &Node, share: &Share) -> Result<Rc<Node>, String> {
        let host = share.host.as_deref().unwrap_or(&teller.host);
        let (number, node) = self.node(host, share.port)?;
        self.slots.borrow_mut().set(share.first..=share.last, number);
        Ok(node)
    }

    /// The node that has what another one was asked for.
    fn follow(&self, teller: &Rc<Node>, elsewhere: Redirection) -> Result<Rc<Node>, Unfollowed> {
        let Redirection { asks, slot, host, port } = elsewhere;
        let (number, node) =
            self.node(host.as_deref().unwrap_or(&teller.host), port).map_err(Unfollowed)?;
        if !asks {
            self.slots.borrow_mut().set([slot], number);
            self.is_doubtful.set(true);
        }
        Ok(node)
    }

    /// The node that has a slot, as far as is known.
    fn node_of(&self, slot: u16) -> Option<Rc<Node>> {
        let number = self.slots.borrow().node(slot)?;
        self.nodes.borrow().get(number).cloned()
    }

    /// The node that is asked where nothing is known.
    fn any(&self) -> Result<Rc<Node>, String> {
        let nodes = self.nodes.borrow();
        let number = self.any.get() % nodes.len().max(1);
        nodes.get(number).cloned().ok_or_else(|| "there is no node".to_owned())
    }

    /// The node at a place, and its number.
    fn node(&self, host: &str, port: u16) -> Result<(usize, Rc<Node>), String> {
        let mut nodes = self.nodes.borrow_mut();
        let is_it = |node: &Rc<Node>| node.host == host && node.port == port;
        if let Some(number) = nodes.iter().position(is_it)
            && let Some(node) = nodes.get(number)
        {
            return Ok((number, node.clone()));
        }
        if nodes.len() >= NODES {
            // Of so many most are gone.
            nodes.truncate(self.configured);
            self.slots.take();
        }
        let origin = self.servers.origin(host, port)?;
        let node = Rc::new(Node { host: host.to_owned(), port, origin });
        nodes.push(node.clone());
        Ok((nodes.len() - 1, node))
    }

    /// A node is of no use: the others are asked which of them has what it had.
    fn lose(&self, node: Rc<Node>) {
        let number = self.nodes.borrow().iter().position(|known| *known == node);
        if let Some(number) = number {
            self.slots.borrow_mut().forget(number);
        }
        if self.any().is_ok_and(|any| any == node) {
            self.any.set(self.any.get().wrapping_add(1));
        }
        self.is_doubtful.set(true);
        self.lost.replace(Some(node));
    }
}

/// Why a command does not go where a node sends it.
struct Unfollowed(String);

impl From<StoreError> for Unfollowed {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

impl std::fmt::Display for Unfollowed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What becomes of all of them, at once.
async fn all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    poll_fn(|context| {
        for (future, output) in &mut running {
            if output.is_none()
                && let Poll::Ready(ready) = Pin::as_mut(future).poll(context)
            {
                *output = Some(ready);
            }
        }
        let is_over = running.iter().all(|(_, output)| output.is_some());
        if is_over { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    running.into_iter().filter_map(|(_, output)| output).collect()
}
