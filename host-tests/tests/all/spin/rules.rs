//! Spin's checks of a manifest beyond its form at load time: `crates/manifest` and `crates/loader` of Spin 4.0.2. Two
//! things that it accepts are refused here, because they can only be mistakes: an unknown capability, which it ignores,
//! and a trigger of a missing component, which it detects later.

use wasmtime::error::Context;
use wasmtime::{Result, ensure, format_err};

use super::capabilities;
use super::manifest::{Component, Inherit, Manifest, Mount};
use super::name::{Name, is_kebab};

/// Reads a manifest.
pub fn read(text: &str) -> Result<Manifest> {
    let manifest: Manifest = toml::from_str(text).map_err(|error| format_err!("{error}"))?;
    ensure!(manifest.spin_manifest_version == 2, "version {}", manifest.spin_manifest_version);
    for (id, component) in &manifest.component {
        ensure!(is_kebab(id), "{id:?} is not kebab-case");
        check(component).with_context(|| format!("component {id:?}"))?;
    }
    for trigger in &manifest.trigger.http {
        ensure!(trigger.route.starts_with('/'), "the route {:?} does not start with `/`", trigger.route);
        ensure!(manifest.component.contains_key(&trigger.component), "there is no component {:?}", trigger.component);
    }
    Ok(manifest)
}

fn check(component: &Component) -> Result<()> {
    let mut names: Vec<Name> = Vec::new();
    for (key, dependency) in &component.dependencies {
        let name: Name = key.parse()?;
        ensure!(
            name.interface.is_some() || dependency.export().is_none(),
            "an export cannot be what a whole package is taken from: {name}"
        );
        if let Some(other) = names.iter().find(|other| !name.is_disjoint(other)) {
            return Err(format_err!("{name} conflicts with {other}"));
        }
        if let Some(Inherit::Some(capabilities)) = dependency.inherit() {
            let unknown = capabilities.iter().find(|it| !capabilities::is_known(it));
            ensure!(unknown.is_none(), "there is no capability {unknown:?}");
        }
        names.push(name);
    }
    ensure!(
        component.dependencies_inherit_configuration.is_none()
            || component.dependencies.values().all(|it| it.inherit().is_none()),
        "`dependencies_inherit_configuration` and `inherit_configuration` exclude each other"
    );
    for mount in &component.files {
        if let Mount::Placement { destination, .. } = mount {
            ensure!(destination.starts_with('/'), "the destination {destination:?} is not absolute");
        }
    }
    Ok(())
}

/// What a dependency inherits, all options considered.
pub fn inherited(component: &Component, dependency: Option<&Inherit>) -> Inherit {
    let all = component.dependencies_inherit_configuration == Some(true);
    dependency.cloned().unwrap_or(Inherit::All(all))
}
