//! The application of `spin-redis.toml`, whose sessions are on Redis.

use std::fs;
use std::sync::Arc;

use host_tests::redis::Redis;
use session_conformance::bindings::Error;
use session_conformance::check::kind;
use session_conformance::client::{Store, options};
use session_conformance::component::linker;
use session_conformance::{BackEnd, Component, Harness};
use tokio::task::JoinSet;
use wasmtime::{Engine, component};

use super::manifest::{Inherit, Manifest};
use super::redis::{Configuration, add_to_linker};
use super::up::{Flags, Up};
use super::{capabilities, composed, guest, load, manifest_path, rules};

const STORE: &str = "../../target/components/spin-redis-store-standalone-0.2.0.wasm";

/// The server of the manifest.
const SERVER: &str = "redis://127.0.0.1:6379";

/// The manifest, with another server.
fn manifest(server: &str) -> Manifest {
    let text = fs::read_to_string(manifest_path().with_file_name("spin-redis.toml")).unwrap();
    assert_eq!(text.matches(SERVER).count(), 2, "a default and an allowed host");
    rules::read(&text.replace(SERVER, server)).unwrap()
}

fn up(manifest: &Manifest) -> Arc<Up> {
    let component = &manifest.component["demo"];
    let inherit = Inherit::Some(vec!["allowed_outbound_hosts".into(), "variables".into()]);
    let configuration = Configuration::new(manifest, component, &inherit, &[]).unwrap();
    let app = guest::link_with(&composed(component).unwrap(), |linker| add_to_linker(linker, configuration)).unwrap();
    let nothing = tempfile::tempdir().unwrap();
    Up::new(&app, component, nothing.path(), Flags::default()).unwrap()
}

#[test]
fn the_dependency_inherits_exactly_what_it_asks_for() {
    let manifest = manifest(SERVER);
    let component = &manifest.component["demo"];
    let inherited: Vec<_> = component.dependencies.values().map(|it| it.inherit().unwrap()).collect();
    let mut asked = capabilities::of(&load(STORE).unwrap()).unwrap();
    asked.sort_unstable();
    assert_eq!(
        asked,
        [
            ("allowed_outbound_hosts", "fermyon:spin/redis@2.0.0".to_string()),
            ("variables", "fermyon:spin/variables@2.0.0".to_string())
        ]
    );
    assert_eq!(inherited, [&Inherit::Some(asked.into_iter().map(|(name, _)| name.into()).collect())]);
    assert!(component.files.is_empty());
}

/// Also for the next `spin up`, which has no file of the first.
#[tokio::test(flavor = "multi_thread")]
async fn sessions_persist() {
    const WORKERS: i64 = 4;
    const INCREMENTS: i64 = 50;
    let redis = Redis::new();
    let manifest = manifest(&redis.url());
    let first = up(&manifest);
    let page = first.post("/keep", None).await.unwrap();
    let fields = page.fields("set-cookie");
    let [field] = fields[..] else { panic!("no cookie: {page:#?}") };
    let cookie: String = field.split(';').next().unwrap().into();
    let mut workers = JoinSet::new();
    for _ in 0..WORKERS {
        let (up, cookie) = (first.clone(), cookie.clone());
        workers.spawn(async move {
            for _ in 0..INCREMENTS {
                let page = up.post("/increment", Some(&cookie)).await.unwrap();
                assert_eq!(page.status, 303, "{page:#?}");
            }
        });
    }
    while let Some(worker) = workers.join_next().await {
        worker.unwrap();
    }
    drop(first);
    let page = up(&manifest).get("/", Some(&cookie)).await.unwrap();
    assert_eq!(page.counter(), WORKERS * INCREMENTS);
}

/// The dependency alone, which inherits this.
fn dependency(variables: &[(&str, &str)], allowed_outbound_hosts: &[&str]) -> Component {
    let engine = Engine::default();
    let mut linker = linker(&engine).unwrap();
    let variables = variables.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let allowed_outbound_hosts = allowed_outbound_hosts.iter().map(ToString::to_string).collect();
    add_to_linker(&mut linker, Configuration { allowed_outbound_hosts, variables }).unwrap();
    let component = component::Component::new(&engine, load(STORE).unwrap()).unwrap();
    Component::linked(linker.instantiate_pre(&component).unwrap()).unwrap()
}

fn back_end(dependency: &Component) -> BackEnd {
    BackEnd::on_network(dependency, &[]).with_leases()
}

#[test]
fn the_dependency_conforms() {
    let redis = Redis::new();
    let url = redis.url();
    let dependency = dependency(&[("session3_store", &url)], &[&url]);
    let report = session_conformance::run(|| back_end(&dependency)).unwrap();
    println!("{report}");
}

async fn opened(host: &BackEnd) -> Result<Store, Error> {
    Store::open(&host.instance().await, host.location(), options()).await
}

/// Each mistake has an error that says what to do, and no error contains the password.
#[tokio::test]
async fn mistakes() {
    let redis = Redis::with_password("s3cret");
    let url = redis.url();
    let with = |user: &str| url.replacen("redis://", &format!("redis://{user}@"), 1);
    let nothing_there = "redis://127.0.0.1:1";
    for (variables, allowed, expected, text) in [
        (&[][..], &url[..], "access-denied", "no variable session3_store"),
        (&[("session3_store", "http://:s3cret@localhost")], &url, "access-denied", "use redis://"),
        (&[("session3_store", "redis-cluster://:s3cret@a,b")], &url, "access-denied", "a cluster"),
        (&[("session3_store", &with(":s3cret"))], "redis://127.0.0.2:6379", "access-denied", "allowed_outbound_hosts"),
        (&[("session3_store", &url)], &url, "access-denied", "NOAUTH"),
        (&[("session3_store", &with(":s3cretive"))], &url, "access-denied", "AuthenticationFailed"),
        (
            &[("session3_store", &url), ("session3_store_password", "s3cretive")],
            &url,
            "access-denied",
            "AuthenticationFailed",
        ),
        (&[("session3_store", nothing_there)], nothing_there, "unavailable", "refused"),
    ] {
        let error = opened(&back_end(&dependency(variables, &[allowed]))).await.map(drop).unwrap_err();
        let said = format!("{error:?}");
        assert_eq!(kind(&error), expected, "{said}");
        assert!(said.contains(text) && !said.contains("s3cret"), "{said}");
    }
    for variables in [
        &[("session3_store", &with(":s3cret")[..]), ("session3_store_password", "")][..],
        &[("session3_store", &with("default:s3cret"))],
        &[("session3_store", &format!("{url}/3?prefix=shop")), ("session3_store_password", "s3cret")],
    ] {
        opened(&back_end(&dependency(variables, &[&url]))).await.unwrap();
    }
}
