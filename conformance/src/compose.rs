//! Composes a store and the manager into one component.

use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions, NodeId};
use wasmtime::Result;

const STORE: &str = "session3:sessions/session-store@0.2.0";
const MANAGER: &str = "session3:sessions/session-manager@0.2.0";

/// Returns a component that exports this `session-store` and, on top of it, this `session-manager`, and that imports
/// what the two import otherwise. `wac plug` would not export the store, which the suite tests as well.
pub fn with_manager(store: &[u8], manager: &[u8]) -> Result<Vec<u8>> {
    let mut graph = CompositionGraph::new();
    let store = instantiate(&mut graph, "store", store)?;
    let manager = instantiate(&mut graph, "manager", manager)?;
    let sessions = graph.alias_instance_export(store, STORE)?;
    graph.set_instantiation_argument(manager, STORE, sessions)?;
    let requests = graph.alias_instance_export(manager, MANAGER)?;
    graph.export(sessions, STORE)?;
    graph.export(requests, MANAGER)?;
    Ok(graph.encode(EncodeOptions::default())?)
}

fn instantiate(graph: &mut CompositionGraph, name: &str, bytes: &[u8]) -> Result<NodeId> {
    let package = Package::from_bytes(name, None, bytes, graph.types_mut());
    let package = graph.register_package(package.map_err(|error| wasmtime::format_err!("{name}: {error:#}"))?)?;
    Ok(graph.instantiate(package))
}
