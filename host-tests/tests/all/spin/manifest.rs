//! The form of Spin's manifest: its tables and fields. As `AppManifest` in Spin 4.0.2 (`crates/manifest`), from which
//! Spin generates its published JSON schema: what that schema allows is read, all else is an error. Triggers other than
//! `http`, inline components and profiles are not supported.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Table;

type Map<T> = BTreeMap<String, T>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "some fields are only parsed")]
pub struct Manifest {
    pub spin_manifest_version: u64,
    application: Application,
    #[serde(default)]
    pub variables: Map<Variable>,
    pub trigger: Triggers,
    #[serde(default)]
    pub component: Map<Component>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only parsed")]
struct Application {
    name: String,
    version: Option<String>,
    description: Option<String>,
    authors: Option<Vec<String>>,
    targets: Option<Vec<Target>>,
    trigger: Option<Map<Table>>,
    tool: Option<Map<Table>>,
}

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
#[expect(dead_code, reason = "only parsed")]
enum Target {
    Catalogue(String),
    Http { url: String },
    File { path: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "some fields are only parsed")]
pub struct Variable {
    description: Option<String>,
    required: Option<bool>,
    pub default: Option<String>,
    secret: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Triggers {
    pub http: Vec<HttpTrigger>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "some fields are only parsed")]
pub struct HttpTrigger {
    id: Option<String>,
    pub component: String,
    pub route: String,
    executor: Option<Table>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "some fields are only parsed")]
pub struct Component {
    pub source: Source,
    description: Option<String>,
    #[serde(default)]
    pub variables: Map<String>,
    environment: Option<Map<String>>,
    #[serde(default)]
    pub files: Vec<Mount>,
    #[serde(default)]
    pub exclude_files: Vec<String>,
    allowed_http_hosts: Option<Vec<String>>,
    #[serde(default)]
    pub allowed_outbound_hosts: Vec<String>,
    key_value_stores: Option<Vec<String>>,
    sqlite_databases: Option<Vec<String>>,
    ai_models: Option<Vec<String>>,
    targets: Option<Vec<Target>>,
    build: Option<Build>,
    tool: Option<Map<Table>>,
    pub dependencies_inherit_configuration: Option<bool>,
    #[serde(default)]
    pub dependencies: Map<Dependency>,
}

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
#[expect(dead_code, reason = "some fields are only parsed")]
pub enum Source {
    Local(String),
    Remote { url: String, digest: String },
    Registry { registry: Option<String>, package: String, version: String },
}

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Mount {
    Pattern(String),
    Placement { source: String, destination: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only parsed")]
struct Build {
    command: OneOrMany,
    workdir: Option<String>,
    watch: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
#[expect(dead_code, reason = "only parsed")]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// The source of a dependency. Common fields are repeated in each kind, because serde does not reject unknown fields of
/// flattened structs.
#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
#[expect(dead_code, reason = "some fields are only parsed")]
pub enum Dependency {
    Version(String),
    Package {
        version: String,
        registry: Option<String>,
        package: Option<String>,
        export: Option<String>,
        inherit_configuration: Option<Inherit>,
    },
    Local {
        path: String,
        export: Option<String>,
        inherit_configuration: Option<Inherit>,
    },
    Http {
        url: String,
        digest: String,
        export: Option<String>,
        inherit_configuration: Option<Inherit>,
    },
    Component {
        component: String,
        export: Option<String>,
        inherit_configuration: Option<Inherit>,
    },
}

/// What a dependency may use of its component's capabilities.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(untagged)]
pub enum Inherit {
    All(bool),
    Some(Vec<String>),
}

impl Dependency {
    pub fn inherit(&self) -> Option<&Inherit> {
        match self {
            Self::Version(_) => None,
            Self::Package { inherit_configuration, .. }
            | Self::Local { inherit_configuration, .. }
            | Self::Http { inherit_configuration, .. }
            | Self::Component { inherit_configuration, .. } => inherit_configuration.as_ref(),
        }
    }

    pub fn export(&self) -> Option<&str> {
        match self {
            Self::Version(_) => None,
            Self::Package { export, .. }
            | Self::Local { export, .. }
            | Self::Http { export, .. }
            | Self::Component { export, .. } => export.as_deref(),
        }
    }
}
