//! Composition: the session store with its own imports satisfied, and an application with the store plugged in.

use super::embedded::{DROP_EVENTS, HOST_STORE, LOCK_FILES, REDIS_STORE, SESSION_STORE, SPIN_REDIS_STORE};
use std::borrow::Cow;
use wac_graph::types::{ItemKind, Package, Types};
use wac_graph::{CompositionGraph, EncodeOptions, PackageId, PlugError, plug};
use wasmtime::error::Context;
use wasmtime::{Result, bail, format_err};

const INTERFACES: [&str; 2] = ["session3:sessions/session-store", "session3:sessions/session-manager"];

/// The component that provides sessions: an embedded store, and what is plugged into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sessions {
    /// Nothing: the host provides files, locks and receives events.
    Bare,
    /// The component on the host's own store, instead of the file-backed one.
    OnHost,
    /// Lock files.
    WithLockFiles,
    /// All that plain WASI lacks: lock files, and a sink that drops events.
    Standalone,
    /// The component that connects to Redis, and a sink that drops events.
    OnRedis,
    /// The component that reaches Redis through Spin, and a sink that drops events.
    OnRedisThroughSpin,
}

impl Sessions {
    /// The component.
    pub fn component(self) -> Result<Cow<'static, [u8]>> {
        let (store, plugs): (_, &[_]) = match self {
            Self::Bare => return Ok(SESSION_STORE.into()),
            Self::OnHost => return Ok(HOST_STORE.into()),
            Self::WithLockFiles => (SESSION_STORE, &[("lock-files", LOCK_FILES)]),
            Self::Standalone => (SESSION_STORE, &[("lock-files", LOCK_FILES), ("drop-events", DROP_EVENTS)]),
            Self::OnRedis => (REDIS_STORE, &[("drop-events", DROP_EVENTS)]),
            Self::OnRedisThroughSpin => (SPIN_REDIS_STORE, &[("drop-events", DROP_EVENTS)]),
        };
        let mut graph = CompositionGraph::new();
        let store = register(&mut graph, "session-store", store)?;
        let plugs = plugs.iter().map(|(name, bytes)| register(&mut graph, name, bytes)).collect::<Result<_>>()?;
        plug(&mut graph, plugs, store)?;
        Ok(graph.encode(EncodeOptions::default())?.into())
    }
}

/// The application with its session imports satisfied, or `None` if it has none.
pub fn with_sessions(app: &[u8], sessions: Sessions) -> Result<Option<Vec<u8>>> {
    let mut graph = CompositionGraph::new();
    let socket = register(&mut graph, "app", app)?;
    let imports = graph.types()[graph[socket].ty()].imports.iter().map(|(name, kind)| (name.as_str(), *kind));
    let wanted = session_imports(graph.types(), imports);
    if wanted.is_empty() {
        return Ok(None);
    }
    let store = register(&mut graph, "session-store", &sessions.component()?)?;
    let of_the_host: Vec<String> = graph.types()[graph[store].ty()].imports.keys().cloned().collect();
    match plug(&mut graph, vec![store], socket) {
        Ok(()) | Err(PlugError::NoPlugHappened) => {}
        Err(PlugError::GraphError { source }) => bail!("the session store cannot be plugged in: {source:#}"),
    }
    // `plug` silently skips imports that do not match.
    let left = graph.imports().map(|(name, kind, _)| (name, kind));
    let left = left.filter(|(name, _)| !of_the_host.iter().any(|import| import == name));
    let missing = session_imports(graph.types(), left);
    if !missing.is_empty() {
        bail!(
            "it imports {}, which does not fit this session3 (version {}); build it with the same wit/ files",
            missing.join(" and "),
            env!("CARGO_PKG_VERSION")
        );
    }
    Ok(Some(graph.encode(EncodeOptions::default()).context("the session store cannot be plugged in")?))
}

fn register(graph: &mut CompositionGraph, name: &str, bytes: &[u8]) -> Result<PackageId> {
    let package = Package::from_bytes(name, None, bytes, graph.types_mut())
        .map_err(|error| format_err!("not a component that can be composed: {error:#}"))?;
    graph.register_package(package).context("cannot compose")
}

fn session_imports<'a>(types: &Types, imports: impl Iterator<Item = (&'a str, ItemKind)>) -> Vec<String> {
    imports
        .filter(|(name, _)| INTERFACES.contains(&name.split('@').next().unwrap_or_default()))
        .filter(|(_, kind)| has_functions(types, *kind))
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// An interface may be imported for a type alone, and then needs no provider.
fn has_functions(types: &Types, kind: ItemKind) -> bool {
    match kind {
        ItemKind::Instance(interface) => {
            types[interface].exports.values().any(|export| matches!(export, ItemKind::Func(_)))
        }
        _ => true,
    }
}
