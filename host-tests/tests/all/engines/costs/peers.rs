//! One session store beside others, on one Redis, with one client that waits for each reply.

use host_tests::redis::Redis;
use redis::aio::MultiplexedConnection;
use redis::{Client, Cmd};
use session_conformance::Harness;
use session_conformance::client::{Store, contents};
use session_runtime::engines::redis::RedisBuilder;

use super::{each, processor_time};
use crate::engines::back_end;

/// The sessions of each store, and the requests of each kind.
const COUNT: usize = 5_000;

/// The data of a session in bytes.
const DATA: usize = 1_500;

/// Seconds until a session expires.
const IDLE: u64 = 1_800;

/// Ours, and the layouts of others, by their documentation or source.
enum Peer {
    Ours(Store),
    /// `GET` and `SET` of one value.
    Bare(MultiplexedConnection),
    /// connect-redis 9 under express-session 1.18 with its defaults: a request that changes nothing moves the expiry.
    ConnectRedis(MultiplexedConnection),
    /// Spring Session 3, `RedisIndexedSessionRepository`: a hash, a key that expires, sets by minute and by principal. Each
    /// request stores when the session was used.
    Spring(MultiplexedConnection),
}

impl Peer {
    fn name(&self) -> &'static str {
        match self {
            Self::Ours(_) => "session3",
            Self::Bare(_) => "bare GET and SET",
            Self::ConnectRedis(_) => "connect-redis",
            Self::Spring(_) => "Spring Session, indexed",
        }
    }

    async fn create(&self, id: &str) {
        match self {
            Self::Ours(store) => {
                let mut contents = contents(&owner(id), [b'x'; DATA]);
                contents.idle_timeout = Some(IDLE * 1000);
                store.create(Some(id), &contents).await.unwrap();
            }
            Self::Bare(redis) | Self::ConnectRedis(redis) => run(redis, &set(id)).await,
            Self::Spring(redis) => {
                let [hash, index] =
                    [format!("spring:session:sessions:{id}"), format!("spring:session:index:{}", owner(id))];
                let mut create = redis::cmd("HSET");
                create.arg(hash).arg("creationTime").arg(1_800_000_000_000_u64).arg("maxInactiveInterval").arg(IDLE);
                create
                    .arg("lastAccessedTime")
                    .arg(1_800_000_000_000_u64)
                    .arg("sessionAttr:data")
                    .arg(&[b'x'; DATA][..]);
                run(redis, &create).await;
                run(redis, redis::cmd("SADD").arg(index).arg(id)).await;
                spring_expiry(redis, id).await;
            }
        }
    }

    async fn read(&self, id: &str) {
        match self {
            Self::Ours(store) => drop(store.load(id).await.unwrap().expect("a session")),
            Self::Bare(redis) => get(redis, id).await,
            Self::ConnectRedis(redis) => {
                get(redis, id).await;
                run(redis, redis::cmd("EXPIRE").arg(id).arg(IDLE)).await;
            }
            Self::Spring(redis) => {
                let hash = format!("spring:session:sessions:{id}");
                run(redis, redis::cmd("HGETALL").arg(&hash)).await;
                run(redis, redis::cmd("HSET").arg(&hash).arg("lastAccessedTime").arg(1_800_000_000_001_u64)).await;
                spring_expiry(redis, id).await;
            }
        }
    }

    async fn change(&self, id: &str) {
        match self {
            Self::Ours(store) => {
                let found = store.load(id).await.unwrap().expect("a session");
                let mut contents = contents(&owner(id), found.data);
                contents.idle_timeout = Some(IDLE * 1000);
                store.save(id, &contents, Some(found.info.version)).await.unwrap();
            }
            Self::Bare(redis) | Self::ConnectRedis(redis) => {
                get(redis, id).await;
                run(redis, &set(id)).await;
            }
            Self::Spring(redis) => {
                let hash = format!("spring:session:sessions:{id}");
                run(redis, redis::cmd("HGETALL").arg(&hash)).await;
                let mut save = redis::cmd("HSET");
                save.arg(&hash).arg("lastAccessedTime").arg(1_800_000_000_001_u64);
                save.arg("sessionAttr:data").arg(&[b'x'; DATA][..]);
                run(redis, &save).await;
                spring_expiry(redis, id).await;
            }
        }
    }
}

fn owner(id: &str) -> String {
    format!("user-{id}")
}

fn set(id: &str) -> Cmd {
    redis::cmd("SET").arg(id).arg(&[b'x'; DATA][..]).arg("EX").arg(IDLE).to_owned()
}

async fn get(redis: &MultiplexedConnection, id: &str) {
    run(redis, redis::cmd("GET").arg(id)).await;
}

/// The commands of `RedisSessionExpirationPolicy`, each in a round trip.
async fn spring_expiry(redis: &MultiplexedConnection, id: &str) {
    let [by_minute, expires] = ["expirations:1800000060000".into(), format!("sessions:expires:{id}")]
        .map(|key: String| format!("spring:session:{key}"));
    run(redis, redis::cmd("SADD").arg(&by_minute).arg(format!("expires:{id}"))).await;
    run(redis, redis::cmd("EXPIRE").arg(&by_minute).arg(IDLE + 300)).await;
    run(redis, redis::cmd("APPEND").arg(&expires).arg("")).await;
    run(redis, redis::cmd("EXPIRE").arg(&expires).arg(IDLE)).await;
    run(redis, redis::cmd("EXPIRE").arg(format!("spring:session:sessions:{id}")).arg(IDLE + 300)).await;
}

async fn run(redis: &MultiplexedConnection, command: &Cmd) {
    let _: redis::Value = command.query_async(&mut redis.clone()).await.unwrap();
}

/// Round trips and microseconds of the server, for one request.
async fn measured(server: &Redis, request: impl AsyncFn(usize)) -> (f64, f64) {
    let (reads, time) = (server.info("total_reads_processed"), processor_time(server.pid()));
    for number in 0..COUNT {
        request(number).await;
    }
    let time = processor_time(server.pid()) - time;
    let reads = server.info("total_reads_processed") - reads;
    (reads as f64 / COUNT as f64, each(time, COUNT))
}

#[tokio::test]
#[ignore = "prints figures: scripts/bench-engines"]
async fn beside_peers() {
    let server = Redis::relaxed();
    let engine = RedisBuilder::new(&server.url()).unwrap().build();
    let host = back_end(&engine);
    let client = Client::open(server.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let ours = Peer::Ours(host.store().await);
    let peers = [Peer::Bare(client.clone()), Peer::ConnectRedis(client.clone()), Peer::Spring(client), ours];
    println!("\n| | bytes of a session | create | a request that reads | that changes |");
    println!("|---|---:|---:|---:|---:|");
    for (place, peer) in peers.iter().enumerate() {
        // Two of them have plain ids as keys.
        let ids: Vec<_> = (0..COUNT).map(|number| format!("session-{place}-{number:06}")).collect();
        let memory = server.info("used_memory");
        let create = measured(&server, async |number| peer.create(&ids[number]).await).await;
        let bytes = server.info("used_memory").saturating_sub(memory) / COUNT as u64;
        let read = measured(&server, async |number| peer.read(&ids[number]).await).await;
        let change = measured(&server, async |number| peer.change(&ids[number]).await).await;
        let shown = |(trips, time): (f64, f64)| format!("{trips:.1} trips, {time:.0} us");
        println!("| {} | {bytes} | {} | {} | {} |", peer.name(), shown(create), shown(read), shown(change));
        if matches!(peer, Peer::Ours(_)) {
            let trips = [create, read, change].map(|(trips, _)| trips.round());
            assert_eq!(trips, [1.0, 1.0, 2.0]);
        }
    }
}
