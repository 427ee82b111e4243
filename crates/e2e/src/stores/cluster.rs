//! A Redis Cluster of three masters.

use std::ops::RangeInclusive;
use std::path::Path;

use sts_store::cluster::SLOTS;
use sts_store::resp::Reply;

use crate::stores::Server;
use crate::wait::wait_for;

/// Three masters, and the replica of the first one where it has one.
pub struct Cluster {
    /// The masters, and then the replica.
    pub nodes: Vec<Server>,
}

/// The text of a reply.
///
/// # Panics
/// When it is none.
#[track_caller]
pub fn text(reply: Reply) -> String {
    let Reply::Bulk(Some(text)) = reply else { panic!("no text") };
    String::from_utf8_lossy(text.expose()).into_owned()
}

fn number(number: impl Into<usize>) -> Vec<u8> {
    number.into().to_string().into_bytes()
}

impl Cluster {
    /// Starts one, and waits until it is whole.
    ///
    /// # Panics
    /// When it does not start.
    #[track_caller]
    pub fn start(installed: &Path, has_replica: bool) -> Self {
        let count = 3 + usize::from(has_replica);
        let nodes: Vec<_> = (0..count).map(|_| Server::cluster_node(installed)).collect();
        for (index, node) in nodes.iter().enumerate() {
            if let Some(range) = Self::shares().get(index) {
                let [first, last] = [*range.start(), *range.end()].map(number);
                node.ask(&[b"CLUSTER", b"ADDSLOTSRANGE", &first, &last]);
                node.ask(&[b"CLUSTER", b"SET-CONFIG-EPOCH", &number(index + 1)]);
            }
        }
        for node in &nodes[1..] {
            let [port, bus] = [nodes[0].port(), nodes[0].bus().expect("a bus")].map(number);
            node.ask(&[b"CLUSTER", b"MEET", b"127.0.0.1", &port, &bus]);
        }
        let cluster = Self { nodes };
        for node in &cluster.nodes {
            wait_for("all nodes to know each other", || {
                let known = text(node.ask(&[b"CLUSTER", b"NODES"]));
                known.lines().count() == count && known.lines().all(|it| !it.contains("handshake"))
            });
        }
        if has_replica {
            let id = cluster.id(0);
            cluster.nodes[3].ask(&[b"CLUSTER", b"REPLICATE", id.as_bytes()]);
            wait_for("the replica to be up to date", || {
                text(cluster.nodes[3].ask(&[b"INFO", b"replication"]))
                    .contains("master_link_status:up")
            });
        }
        for node in &cluster.nodes {
            wait_for("the Cluster to be whole", || {
                text(node.ask(&[b"CLUSTER", b"INFO"])).contains("cluster_state:ok")
            });
        }
        cluster
    }

    /// The slots of each master.
    pub fn shares() -> [RangeInclusive<u16>; 3] {
        [0..=5_460, 5_461..=10_922, 10_923..=SLOTS - 1]
    }

    fn id(&self, index: usize) -> String {
        text(self.nodes[index].ask(&[b"CLUSTER", b"MYID"]))
    }

    /// Some nodes, as an option names them.
    ///
    /// # Panics
    /// When there is none of this number.
    pub fn written(&self, told: &[usize]) -> String {
        let told = told.iter().map(|index| format!("127.0.0.1:{}", self.nodes[*index].port()));
        told.collect::<Vec<_>>().join(",")
    }

    /// All values on all masters: the number of the node, name and value.
    ///
    /// # Panics
    /// When a node does not tell.
    pub fn values(&self) -> Vec<(usize, Vec<u8>, Vec<u8>)> {
        let of = |(index, node): (usize, &Server)| {
            let values = node.values().into_iter();
            values.map(|(name, value)| (index, name, value)).collect::<Vec<_>>()
        };
        self.nodes.iter().take(3).enumerate().flat_map(of).collect()
    }

    /// Gives one slot to another node: whole, or only begun.
    ///
    /// # Panics
    /// When a node does not do so.
    #[track_caller]
    pub fn move_slot(&self, slot: u16, from: usize, to: usize, is_whole: bool) {
        let slot = number(slot);
        let (source, target) = (self.id(from), self.id(to));
        self.nodes[to].ask(&[b"CLUSTER", b"SETSLOT", &slot, b"IMPORTING", source.as_bytes()]);
        self.nodes[from].ask(&[b"CLUSTER", b"SETSLOT", &slot, b"MIGRATING", target.as_bytes()]);
        let Reply::Array(Some(names)) =
            self.nodes[from].ask(&[b"CLUSTER", b"GETKEYSINSLOT", &slot, b"1000"])
        else {
            panic!("no names")
        };
        for name in names {
            let Reply::Bulk(Some(name)) = name else { panic!("no name") };
            let port = number(self.nodes[to].port());
            self.nodes[from].ask(&[b"MIGRATE", b"127.0.0.1", &port, name.expose(), b"0", b"5000"]);
        }
        if is_whole {
            for node in [to, from, 3 - from - to] {
                self.nodes[node].ask(&[b"CLUSTER", b"SETSLOT", &slot, b"NODE", target.as_bytes()]);
            }
        }
    }
}
