//! A cluster: which server has which slots.
//!
//! The cluster client of the crate `redis` refreshes its map while all its callers wait, also for a server that hangs.
//! Here a server that fails holds up the sessions of its own slots only.

use super::node::{Lane, Node};
use futures_util::stream::FuturesUnordered;
use futures_util::{StreamExt, future};
use redis::{ConnectionAddr, ConnectionInfo};
use session_redis::keys::slot;
use session_redis::{Command, Failure, Reply};
use std::collections::HashMap;
use std::slice;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// How often the map is refreshed at most: while a replica takes over, each request asks for it.
const REFRESH: Duration = Duration::from_millis(50);

/// Commands to one server in one round trip.
const BATCH: usize = 64;

/// The servers of a cluster.
pub(super) struct Cluster {
    seeds: Vec<ConnectionInfo>,
    response_timeout: Duration,
    map: RwLock<Arc<Map>>,
    is_stale: AtomicBool,
    /// When the map was refreshed. Locked by who refreshes it.
    refreshed: Mutex<Option<Instant>>,
    turn: AtomicUsize,
}

/// A view of the cluster. Servers that stay keep their connections.
#[derive(Default)]
struct Map {
    nodes: HashMap<(String, u16), Arc<Node>>,
    /// The last slot of each range, in ascending order, and its master.
    masters: Vec<(u16, Arc<Node>)>,
}

/// A range of slots, as `CLUSTER SLOTS` lists it: first, last, and the address of the master.
type Range = (u16, u16, (String, u16));

impl Cluster {
    pub(super) fn new(seeds: Vec<ConnectionInfo>, response_timeout: Duration) -> Self {
        Self {
            seeds,
            response_timeout,
            map: RwLock::default(),
            is_stale: AtomicBool::new(true),
            refreshed: Mutex::default(),
            turn: AtomicUsize::new(0),
        }
    }

    /// Sends commands to the master of the first one's key, which is that of all, in one round trip.
    pub(super) async fn send(&self, lane: Lane, commands: &[Command]) -> Result<Vec<Result<Reply, Failure>>, Failure> {
        let key = commands.first().and_then(|command| command.key.as_deref());
        let map = self.map().await?;
        let node = match key {
            Some(key) => map.master(key)?,
            None => map.any(self.turn.fetch_add(1, Ordering::Relaxed))?,
        };
        let replies = self.watch(node.send(lane, commands).await)?;
        match replies.first().and_then(|reply| moving_to(reply.as_ref().err()?)) {
            Some(address) => self.ask(&map, address, lane, commands).await,
            None => Ok(replies),
        }
    }

    /// Sends commands to the server that a slot is just moving to. The key is there already.
    async fn ask(
        &self,
        map: &Map,
        address: (String, u16),
        lane: Lane,
        commands: &[Command],
    ) -> Result<Vec<Result<Reply, Failure>>, Failure> {
        let node = map.nodes.get(&address).cloned().unwrap_or_else(|| self.node(address));
        let mut asking = Vec::with_capacity(2 * commands.len());
        for command in commands {
            asking.extend([Command::new(["ASKING"]), command.clone()]);
        }
        let replies = self.watch(node.send(lane, &asking).await)?;
        Ok(replies.into_iter().skip(1).step_by(2).collect())
    }

    /// Sends commands with any keys: those for one server together, to all servers at once.
    pub(super) async fn send_all(&self, commands: Vec<Command>) -> Result<Vec<Reply>, Failure> {
        let map = self.map().await?;
        let mut of_nodes: HashMap<_, (&Arc<Node>, Vec<(usize, Command)>)> = HashMap::new();
        for (place, command) in commands.into_iter().enumerate() {
            let node = map.master(command.key.as_deref().unwrap_or_default())?;
            let address = address(node.server());
            of_nodes.entry(address).or_insert_with(|| (node, Vec::new())).1.push((place, command));
        }
        let batches = of_nodes.values().flat_map(|(node, all)| all.chunks(BATCH).map(|batch| self.batch(node, batch)));
        let mut replies: Vec<_> = future::try_join_all(batches).await?.into_iter().flatten().collect();
        replies.sort_by_key(|(place, _)| *place);
        Ok(replies.into_iter().map(|(_, reply)| reply).collect())
    }

    async fn batch(&self, node: &Arc<Node>, batch: &[(usize, Command)]) -> Result<Vec<(usize, Reply)>, Failure> {
        let commands: Vec<_> = batch.iter().map(|(_, command)| command.clone()).collect();
        let mut replies = Vec::with_capacity(batch.len());
        for ((place, command), reply) in batch.iter().zip(self.watch(node.send(Lane::Plain, &commands).await)?) {
            let reply = match reply {
                Err(failure) if moving_to(&failure).is_some() => {
                    let sent = self.send(Lane::Plain, slice::from_ref(command)).await?;
                    sent.into_iter().next().unwrap_or_else(|| Err(Failure::Lost("a reply is missing".into())))?
                }
                reply => reply?,
            };
            replies.push((*place, reply));
        }
        Ok(replies)
    }

    /// Notes that the map may be wrong.
    fn watch(
        &self,
        sent: Result<Vec<Result<Reply, Failure>>, Failure>,
    ) -> Result<Vec<Result<Reply, Failure>>, Failure> {
        let is_wrong = |failure: &Failure| match failure {
            Failure::Lost(_) | Failure::NotSent(_) => true,
            Failure::Forbidden(_) => false,
            Failure::Refused(code, _) => matches!(code.as_str(), "MOVED" | "READONLY" | "CLUSTERDOWN" | "MASTERDOWN"),
        };
        let is_stale = match &sent {
            Ok(replies) => replies.iter().any(|reply| reply.as_ref().is_err_and(is_wrong)),
            Err(failure) => is_wrong(failure),
        };
        if is_stale {
            self.is_stale.store(true, Ordering::SeqCst);
        }
        sent
    }

    /// The map, refreshed if it may be wrong. The old one if no server answers.
    async fn map(&self) -> Result<Arc<Map>, Failure> {
        if !self.is_stale.load(Ordering::SeqCst) {
            return Ok(self.current());
        }
        let mut refreshed = self.refreshed.lock().await;
        let is_recent = refreshed.is_some_and(|at| at.elapsed() < REFRESH);
        if is_recent || !self.is_stale.swap(false, Ordering::SeqCst) {
            return Ok(self.current());
        }
        let map = self.current();
        match self.ranges(&map).await {
            Ok(ranges) => {
                let map = Arc::new(self.arrange(&map, ranges));
                *self.map.write().unwrap_or_else(PoisonError::into_inner) = map.clone();
                *refreshed = Some(Instant::now());
                Ok(map)
            }
            Err(failure) => {
                self.is_stale.store(true, Ordering::SeqCst);
                if map.masters.is_empty() { Err(failure) } else { Ok(map) }
            }
        }
    }

    fn current(&self) -> Arc<Map> {
        self.map.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks all known servers, and believes the first that answers.
    async fn ranges(&self, map: &Map) -> Result<Vec<Range>, Failure> {
        let mut nodes: Vec<_> = map.nodes.values().cloned().collect();
        let is_new = |seed: &&ConnectionInfo| address(seed).is_none_or(|address| !map.nodes.contains_key(&address));
        let seeds = self.seeds.iter().filter(is_new);
        nodes.extend(seeds.map(|seed| Arc::new(Node::new(seed.clone(), self.response_timeout))));
        let mut asked: FuturesUnordered<_> = nodes.iter().map(|node| ranges_of(node)).collect();
        let mut failure = Failure::NotSent("the cluster has no servers".into());
        while let Some(answer) = asked.next().await {
            match answer {
                Ok(ranges) => return Ok(ranges),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    fn arrange(&self, old: &Map, mut ranges: Vec<Range>) -> Map {
        let mut map = Map::default();
        ranges.sort();
        for (_, last, address) in ranges {
            let known = map.nodes.get(&address).or_else(|| old.nodes.get(&address)).cloned();
            let node = known.unwrap_or_else(|| self.node(address.clone()));
            map.nodes.insert(address, node.clone());
            map.masters.push((last, node));
        }
        map
    }

    /// A server of the cluster: as the first one of the URL, except for its address.
    fn node(&self, (host, port): (String, u16)) -> Arc<Node> {
        let seed = &self.seeds[0];
        let address = match seed.addr().clone() {
            ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
                ConnectionAddr::TcpTls { host, port, insecure, tls_params }
            }
            _ => ConnectionAddr::Tcp(host, port),
        };
        Arc::new(Node::new(seed.clone().set_addr(address), self.response_timeout))
    }
}

impl Map {
    fn master(&self, key: &str) -> Result<&Arc<Node>, Failure> {
        let slot = slot(key);
        let at = self.masters.partition_point(|(last, _)| *last < slot);
        let master = self.masters.get(at).map(|(_, node)| node);
        master.ok_or_else(|| Failure::NotSent("no server of the cluster has the slot".into()))
    }

    /// A master, a different one each turn, preferably one that works.
    fn any(&self, turn: usize) -> Result<&Arc<Node>, Failure> {
        let from_turn = || self.masters.iter().map(|(_, node)| node).cycle().skip(turn % self.masters.len().max(1));
        let mut nodes = from_turn().take(self.masters.len());
        let node = nodes.find(|node| !node.is_suspect()).or_else(|| from_turn().next());
        node.ok_or_else(|| Failure::NotSent("the cluster has no servers".into()))
    }
}

async fn ranges_of(node: &Arc<Node>) -> Result<Vec<Range>, Failure> {
    let command = Command::new(["CLUSTER", "SLOTS"]);
    let reply = node.send(Lane::Plain, &[command]).await?.pop();
    let reply = reply.unwrap_or_else(|| Err(Failure::Lost("a reply is missing".into())))?;
    let answering = address(node.server()).map(|(host, _)| host).unwrap_or_default();
    let ranges = reply.list().and_then(|ranges| ranges.into_iter().map(|range| parse(range, &answering)).collect());
    match ranges {
        Some(ranges) if !Vec::is_empty(&ranges) => Ok(ranges),
        _ => Err(Failure::NotSent("the server does not know the slots of its cluster".into())),
    }
}

/// First slot, last slot, the master (host, port, and more), the replicas. A master without a host is the server that
/// answers.
fn parse(range: Reply, answering: &str) -> Option<Range> {
    let mut items = range.list()?.into_iter();
    let mut number = || items.next()?.integer()?.try_into().ok();
    let (first, last) = (number()?, number()?);
    let mut master = items.next()?.list()?.into_iter();
    let host = master.next()?.bytes().map(String::from_utf8).transpose().ok()?;
    let port = master.next()?.integer()?.try_into().ok()?;
    let host = host.filter(|host| !matches!(host.as_str(), "" | "0.0.0.0" | "::"));
    Some((first, last, (host.unwrap_or_else(|| answering.into()), port)))
}

/// Where a slot is moving to, if the server says so: `ASK 1234 10.0.0.7:6379`.
fn moving_to(failure: &Failure) -> Option<(String, u16)> {
    let Failure::Refused(code, text) = failure else { return None };
    let (host, port) = text.split(' ').nth(2)?.rsplit_once(':')?;
    (code == "ASK").then_some((host.into(), port.parse().ok()?))
}

fn address(server: &ConnectionInfo) -> Option<(String, u16)> {
    match server.addr() {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => Some((host.clone(), *port)),
        _ => None,
    }
}
