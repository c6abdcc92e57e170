//! Links, directories and other entries in place of a session's file.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use host_tests::host::Host;
use host_tests::tree::{session_file, tree};
use session_conformance::check::{kind, refused_for};
use session_conformance::client::{Store, data, options};
use session_conformance::harness::Harness;
use tempfile::TempDir;

const ID: &str = "session-1";
const OTHER: &str = "session-2";

/// A store where a foreign entry can replace the session `ID`, and a directory outside with a valid session file for
/// it.
struct Scene {
    host: Host,
    store: Store,
    place: PathBuf,
    outside: TempDir,
}

impl Scene {
    async fn new() -> Self {
        let host = Host::new();
        let store = host.store().await;
        store.create(Some(ID), &data("inside")).await.unwrap();
        store.create(Some(OTHER), &data("other")).await.unwrap();
        let place = session_file(host.path(), ID);
        let outside = tempfile::tempdir().unwrap();
        fs::rename(&place, outside.path().join(ID)).unwrap();
        Self { host, store, place, outside }
    }

    fn target(&self) -> PathBuf {
        self.outside.path().join(ID)
    }
}

type Plant = fn(&Scene) -> PathBuf;

/// The entries planted, with their descriptions.
fn plants() -> [(&'static str, Plant); 7] {
    [
        ("link to a valid file outside", |scene| link(&scene.target(), &scene.place)),
        ("link to a file outside by ..", |scene| link(Path::new("../../../outside"), &scene.place)),
        ("link to another session", |scene| link(&session_file(scene.host.path(), OTHER), &scene.place)),
        ("relative link within the directory", |scene| link(Path::new("sibling"), &scene.place)),
        ("link to nothing", |scene| link(Path::new("nothing"), &scene.place)),
        ("link to a directory outside", |scene| link(scene.outside.path(), &scene.place)),
        ("directory", |scene| {
            fs::create_dir(&scene.place).unwrap();
            fs::write(scene.place.join("file"), "x").unwrap();
            scene.place.clone()
        }),
    ]
}

fn link(target: &Path, place: &Path) -> PathBuf {
    symlink(target, place).unwrap();
    place.to_owned()
}

async fn every_operation_refuses(store: &Store, what: &str) {
    let corrupt = "corrupt";
    refused_for(store.load(ID).await, corrupt, &what);
    refused_for(store.has(ID).await, corrupt, &what);
    refused_for(store.save(ID, &data("x"), None).await, corrupt, &what);
    refused_for(store.touch(ID).await, corrupt, &what);
    refused_for(store.delete(ID).await, corrupt, &what);
    refused_for(store.rename(ID, None).await, corrupt, &what);
    refused_for(store.rename(OTHER, Some(ID)).await, corrupt, &what);
    refused_for(store.create(Some(ID), &data("x")).await, corrupt, &what);
}

#[tokio::test]
async fn in_place_of_a_session() {
    for (what, plant) in plants() {
        let scene = Scene::new().await;
        plant(&scene);
        let (inside, outside) = (tree(scene.host.path()), tree(scene.outside.path()));
        every_operation_refuses(&scene.store, what).await;
        scene.store.delete_old(u32::MAX).await.unwrap();
        scene.store.collect(u32::MAX, None).await.unwrap();
        let page = scene.store.iter(None).await.unwrap().next_page(10).await.unwrap();
        assert_eq!(page.unreadable, [ID], "{what}");
        assert_eq!(page.sessions.len(), 1, "{what}");
        assert_eq!(scene.store.text(OTHER).await.as_deref(), Some("other"), "{what}");
        assert_eq!(tree(scene.host.path()), inside, "{what}: it is left in place");
        assert_eq!(tree(scene.outside.path()), outside, "{what}: nothing outside was touched");
    }
}

/// The session's directory is a link to one outside with a valid file of its name.
#[tokio::test]
async fn in_place_of_a_directory() {
    let scene = Scene::new().await;
    let shard = scene.place.parent().unwrap();
    let sibling = session_file(scene.host.path(), OTHER);
    assert_ne!(sibling.parent().unwrap(), shard, "the two ids are in two directories");
    fs::remove_dir(shard).unwrap();
    symlink(scene.outside.path(), shard).unwrap();
    let outside = tree(scene.outside.path());
    for answer in [
        scene.store.load(ID).await.map(|found| found.is_some()),
        scene.store.has(ID).await,
        scene.store.delete(ID).await,
        scene.store.touch(ID).await.map(|()| true),
        scene.store.save(ID, &data("x"), None).await.map(|_| true),
        scene.store.create(Some(ID), &data("x")).await.map(|_| true),
    ] {
        let error = answer.expect_err("nothing outside is read");
        assert!(["corrupt", "access-denied", "io"].contains(&kind(&error).as_str()), "{error:?}");
    }
    assert_eq!(tree(scene.outside.path()), outside);
    assert_eq!(scene.store.text(OTHER).await.as_deref(), Some("other"));
}

#[tokio::test]
async fn a_file_in_place_of_a_directory() {
    let scene = Scene::new().await;
    let shard = scene.place.parent().unwrap();
    fs::remove_dir(shard).unwrap();
    fs::write(shard, "not ours").unwrap();
    refused_for(scene.store.load(ID).await, "corrupt", &"load");
    refused_for(scene.store.create(Some(ID), &data("x")).await, "corrupt", &"create");
    refused_for(scene.store.delete(ID).await, "corrupt", &"delete");
    let below = format!("{}/below", shard.strip_prefix(scene.host.path()).unwrap().to_str().unwrap());
    refused_for(Store::open(scene.store.instance(), &below, options()).await.map(drop), "corrupt", &"open");
    assert_eq!(scene.store.text(OTHER).await.as_deref(), Some("other"));
    assert_eq!(fs::read(shard).unwrap(), b"not ours");
}

/// A copy in a directory other than the id's own is not a second session.
#[tokio::test]
async fn a_copy_elsewhere_is_no_session() {
    let scene = Scene::new().await;
    fs::copy(scene.target(), &scene.place).unwrap();
    let other = session_file(scene.host.path(), OTHER);
    fs::copy(&scene.place, other.with_file_name(ID)).unwrap();
    fs::copy(&scene.place, other.with_file_name("session-3")).unwrap();
    let before = tree(scene.host.path());
    let mut ids = scene.store.ids().await;
    ids.sort_unstable();
    assert_eq!(ids, [ID, OTHER], "each is listed once");
    assert_eq!(scene.store.text("session-3").await, None);
    scene.store.collect(u32::MAX, None).await.unwrap();
    assert_eq!(tree(scene.host.path()), before, "a foreign file is left in place");
}

/// A valid file of another session under a session's name: its checksums hold, but it is not this session.
#[tokio::test]
async fn another_sessions_file_under_this_name() {
    let scene = Scene::new().await;
    fs::copy(session_file(scene.host.path(), OTHER), &scene.place).unwrap();
    match scene.store.load(ID).await {
        Ok(None) => {}
        Ok(Some(session)) => panic!("another session's data: {session:?}"),
        Err(error) => assert_eq!(kind(&error), "corrupt", "{error:?}"),
    }
}
