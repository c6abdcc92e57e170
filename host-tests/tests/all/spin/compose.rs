//! Composes an application and its dependencies by the rules of Spin 4.0.2 (`crates/compose`).

use wac_graph::types::{Package, WorldId};
use wac_graph::{CompositionGraph, EncodeOptions, NodeId};
use wasmtime::error::Context;
use wasmtime::{Result, ensure, format_err};

use super::capabilities::deny;
use super::manifest::Inherit;
use super::name::Name;

/// A dependency of an application.
pub struct Dependency {
    pub name: Name,
    pub bytes: Vec<u8>,
    pub inherit: Inherit,
}

/// Satisfies the root's imports. The host must provide the imports of the dependencies.
pub fn compose(root: &[u8], dependencies: &[Dependency]) -> Result<Vec<u8>> {
    let mut graph = CompositionGraph::new();
    let (world, root) = instantiate(&mut graph, "root", root)?;
    let imports: Vec<String> = graph.types()[world].imports.keys().cloned().collect();
    let mut satisfied: Vec<(&str, &Name)> = Vec::new();
    for Dependency { name, bytes, inherit } in dependencies {
        let matches = |import: &&String| import.parse().is_ok_and(|import| name.is_for(&import));
        let matched: Vec<_> = imports.iter().filter(matches).collect();
        ensure!(!matched.is_empty(), "dependency '{name}' is for no import");
        // Under the package's name: a second dependency of the same package is refused.
        let (_, instance) = instantiate(&mut graph, &name.package, &deny(bytes, inherit)?)?;
        for import in matched {
            if let Some((_, other)) = satisfied.iter().find(|(it, _)| it == import) {
                return Err(format_err!("import '{import}' is satisfied by '{other}' and '{name}'"));
            }
            // Under exactly the import's name, and of a matching type.
            let export = graph
                .alias_instance_export(instance, import)
                .with_context(|| format!("dependency '{name}' does not export '{import}'"))?;
            graph.set_instantiation_argument(root, import, export)?;
            satisfied.push((import, name));
        }
    }
    for name in graph.types()[world].exports.keys().cloned().collect::<Vec<_>>() {
        let export = graph.alias_instance_export(root, &name)?;
        graph.export(export, &name)?;
    }
    Ok(graph.encode(EncodeOptions::default())?)
}

fn instantiate(graph: &mut CompositionGraph, name: &str, bytes: &[u8]) -> Result<(WorldId, NodeId)> {
    let package = Package::from_bytes(name, None, bytes, graph.types_mut());
    let package = package.map_err(|error| format_err!("{name}: {error:#}"))?;
    let world = package.ty();
    let package = graph.register_package(package)?;
    Ok((world, graph.instantiate(package)))
}
