//! The component that connects to Redis itself, for hosts that cannot be extended: the whole contract over
//! `wasi:sockets`, its leases, and its mistakes.

use std::collections::BTreeSet;
use std::fs;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use host_tests::bundles;
use host_tests::host::component_path;
use host_tests::redis::Redis;
use session_conformance::bindings::{Error, Session};
use session_conformance::check::{kind, refused};
use session_conformance::client::{Store, data, options};
use session_conformance::{BackEnd, Component, Harness};
use session_runtime::engines::redis::RedisBuilder;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use wit_component::{DecodedWasm, decode};

const ID: &str = "session-1";

fn component() -> &'static Component {
    static COMPONENT: OnceLock<Component> = OnceLock::new();
    COMPONENT.get_or_init(|| Component::new(&built("redis_store.wasm")).unwrap())
}

fn built(file: &str) -> Vec<u8> {
    fs::read(component_path().with_file_name(file)).unwrap()
}

fn on(environment: &[(&str, &str)]) -> BackEnd {
    BackEnd::on_network(component(), environment).with_leases()
}

fn on_redis(redis: &Redis) -> BackEnd {
    on(&[("SESSION3_STORE", &redis.url())])
}

#[test]
fn the_component_conforms() {
    let redis = Redis::new();
    let report = session_conformance::run(|| on_redis(&redis)).unwrap();
    println!("{report}");
}

/// So it runs on any host with sockets.
#[test]
fn the_ready_made_component_needs_nothing_but_wasi() {
    let DecodedWasm::Component(resolve, world) =
        decode(&fs::read(bundles::bundle("redis-store-standalone")).unwrap()).unwrap()
    else {
        panic!("not a component")
    };
    let imports: BTreeSet<_> = resolve.worlds[world].imports.keys().map(|key| resolve.name_world_key(key)).collect();
    let wasi = [
        "cli/environment",
        "clocks/monotonic-clock",
        "clocks/wall-clock",
        "io/error",
        "io/poll",
        "io/streams",
        "random/random",
        "sockets/instance-network",
        "sockets/ip-name-lookup",
        "sockets/network",
        "sockets/tcp",
        "sockets/tcp-create-socket",
    ];
    assert_eq!(imports, wasi.map(|interface| format!("wasi:{interface}@0.2.12")).into());
}

async fn opened(host: &BackEnd) -> Result<Store, Error> {
    Store::open(&host.instance().await, host.location(), options()).await
}

/// Each mistake has an error that says what to do, and no error contains the password.
#[tokio::test]
async fn mistakes_with_the_environment() {
    let redis = Redis::with_password("s3cret");
    let url = redis.url();
    let with = |user: &str| url.replacen("redis://", &format!("redis://{user}@"), 1);
    for (environment, expected, text) in [
        (&[][..], "access-denied", "no variable SESSION3_STORE"),
        (&[("SESSION3_STORE", "http://:s3cret@localhost")], "access-denied", "use redis://"),
        (&[("SESSION3_STORE", &url.replace("redis:", "rediss:"))], "access-denied", "TLS"),
        (&[("SESSION3_STORE", "redis-cluster://:s3cret@a,b")], "access-denied", "a cluster"),
        (&[("SESSION3_STORE", &url)], "access-denied", "NOAUTH"),
        (&[("SESSION3_STORE", &with(":s3cretive"))], "access-denied", "WRONGPASS"),
        (&[("SESSION3_STORE", &url), ("SESSION3_STORE_PASSWORD", "s3cretive")], "access-denied", "WRONGPASS"),
        (&[("SESSION3_STORE", &format!("{}/99", with(":s3cret")))], "io", "DB index"),
    ] {
        let error = opened(&on(environment)).await.map(drop).unwrap_err();
        let said = format!("{error:?}");
        assert_eq!(kind(&error), expected, "{said}");
        assert!(said.contains(text) && !said.contains("s3cret"), "{said}");
    }
    for environment in [
        &[("SESSION3_STORE", &with(":s3cret")[..])][..],
        &[("SESSION3_STORE", &with("default:s3cret"))],
        &[("SESSION3_STORE", &format!("{}/3?prefix=shop", with(":wrong"))), ("SESSION3_STORE_PASSWORD", "s3cret")],
        &[("SESSION3_STORE", &with(":s3cret").replace("127.0.0.1", "localhost"))],
    ] {
        opened(&on(environment)).await.unwrap();
    }
}

/// A request is sent again for five seconds.
#[tokio::test]
async fn a_server_that_cannot_be_reached() {
    let start = Instant::now();
    let error = opened(&on(&[("SESSION3_STORE", "redis://127.0.0.1:1")])).await.map(drop).unwrap_err();
    assert_eq!(kind(&error), "unavailable");
    assert!(start.elapsed() >= Duration::from_secs(5));
    assert!(format!("{error:?}").contains("connection-refused"), "{error:?}");
}

/// A server that accepts connections and then says nothing, or nothing that makes sense: a length is checked before that
/// much is read, or memory reserved for it.
#[tokio::test]
async fn a_server_that_does_not_answer_as_redis_does() {
    for (answer, text) in [
        (&b""[..], "does not answer in time"),
        (b"HTTP/1.1 400 Bad Request\r\n", "none of Redis's"),
        (b"$4000000000\r\n", "none of Redis's"),
        (b"+OK\r\n+OK\r\n", "more than was asked for"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("redis://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let mut open = Vec::new();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                stream.write_all(answer).await.unwrap();
                open.push(stream);
            }
        });
        let error = opened(&on(&[("SESSION3_STORE", &url)])).await.map(drop).unwrap_err();
        server.abort();
        assert_eq!(kind(&error), "unavailable", "{error:?}");
        assert!(format!("{error:?}").contains(text), "{error:?}");
    }
}

fn key_of_the_session(redis: &Redis) -> String {
    redis.cli(&["keys", &format!("*s:{ID}")]).trim().to_owned()
}

/// Nothing renews a lease: the server drops the lock 30 seconds after it was taken.
#[tokio::test]
async fn the_lock_of_a_dead_instance_has_a_lease_of_30_seconds() {
    let redis = Redis::new();
    let host = on_redis(&redis);
    let (dead, alive) = (host.store().await, host.store().await);
    let guard = dead.lock_now(ID).await.unwrap();
    drop((guard, dead));
    refused(alive.lock_now(ID).await.map(drop), "busy");
    // The key has nothing but the lock, so it expires with the lease.
    let left: u64 = redis.cli(&["pttl", &key_of_the_session(&redis)]).trim().parse().unwrap();
    assert!((1..=30_000).contains(&left), "{left}");
    println!("{left} ms of the lease are left");
}

/// As after a lease that has ended: the server has forgotten the lock.
#[tokio::test]
async fn a_guard_whose_lease_has_ended_writes_nothing() {
    let redis = Redis::new();
    let host = on_redis(&redis);
    let (late, other) = (host.store().await, host.store().await);
    late.create(Some(ID), &data("1")).await.unwrap();
    let guard = late.lock_now(ID).await.unwrap();
    assert_eq!(redis.cli(&["hdel", &key_of_the_session(&redis), "l"]).trim(), "1");
    let successor = other.lock_now(ID).await.unwrap();
    refused(guard.save(&data("late"), None).await, "busy");
    refused(guard.delete().await, "busy");
    assert_eq!(successor.save(&data("2"), Some(1)).await.unwrap(), 2);
    guard.close().await;
    assert_eq!(successor.save(&data("3"), Some(2)).await.unwrap(), 3);
}

/// An instance that lives on gets a new connection. A save without an expected version is not lost in the old one, nor
/// its outcome unknown.
#[tokio::test]
async fn a_connection_that_the_server_has_closed_is_replaced() {
    let mut redis = Redis::new();
    let host = on_redis(&redis);
    let store = host.store().await;
    store.create(Some(ID), &data("1")).await.unwrap();
    redis.kill();
    redis.restart();
    assert_eq!(store.save(ID, &data("2"), None).await.unwrap(), 2);
    redis.cli(&["client", "kill", "type", "normal"]);
    assert_eq!(store.save(ID, &data("3"), None).await.unwrap(), 3);
    assert_eq!(store.text(ID).await.as_deref(), Some("3"));
}

/// The component and a host that implements the store share sessions.
#[tokio::test]
async fn the_component_and_the_host_share_a_store() {
    let redis = Redis::new();
    let host = on_redis(&redis);
    let guest = host.store().await;
    guest.create(Some(ID), &data("1")).await.unwrap();
    let engine = RedisBuilder::new(&redis.url()).unwrap().build();
    let other = BackEnd::on_engine(&Component::new(&built("host_store.wasm")).unwrap(), &engine);
    let instance = other.instance().await;
    let native = Store::open(&instance, host.location(), options()).await.unwrap();
    let Session { data: bytes, .. } = native.load(ID).await.unwrap().unwrap();
    assert_eq!(bytes, b"1");
    let guard = native.lock_now(ID).await.unwrap();
    refused(guest.lock_now(ID).await.map(drop), "busy");
    guard.close().await;
    assert_eq!(guest.save(ID, &data("2"), Some(1)).await.unwrap(), 2);
    assert_eq!(native.text(ID).await.as_deref(), Some("2"));
}

/// The round trips of an instance, counted by the server: what `docs/engines.md` says.
#[tokio::test]
async fn an_instance_opens_a_store_with_two_commands() {
    let redis = Redis::new();
    let host = on_redis(&redis);
    host.store().await.create(Some(ID), &data("1")).await.unwrap();
    redis.cli(&["config", "resetstat"]);
    let store = host.store().await;
    store.load(ID).await.unwrap();
    let counts = ["info", "get", "hmget", "evalsha", "auth", "select"].map(|command| redis.calls_of(command));
    // Ours; `redis-cli` asks for INFO too, which is counted when it has been answered.
    assert_eq!(counts, [1, 1, 1, 0, 0, 0]);
}
