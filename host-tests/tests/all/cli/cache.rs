//! Compiled components on disk.

use std::fs::{self, File, Metadata, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use host_tests::command::session3;
use host_tests::host::Host;
use host_tests::server::private_directory;
use session_conformance::client::data;
use session_conformance::harness::Harness;

use super::ended;

/// Lists a store with one session. Returns standard error.
#[track_caller]
fn listed(store: &Path, options: &[&str]) -> String {
    let (code, out, err) = ended(session3(["ls", "--dir"]).arg(store).args(options));
    assert_eq!((code, out.lines().count()), (0, 2), "a heading and a session: {out}{err}");
    err
}

async fn store() -> Host {
    let host = Host::new();
    host.store().await.create(Some("session-1"), &data("1")).await.unwrap();
    fs::set_permissions(host.path(), Permissions::from_mode(0o700)).unwrap();
    host
}

/// The only file.
#[track_caller]
fn only(cache: &Path) -> (PathBuf, Metadata) {
    let files: Vec<_> = fs::read_dir(cache).unwrap().map(|file| file.unwrap().path()).collect();
    let [file] = &files[..] else { panic!("not one file: {files:?}") };
    (file.clone(), fs::metadata(file).unwrap())
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn the_second_start_compiles_nothing() {
    let (host, cache) = (store().await, private_directory());
    let option = ["--cache", cache.path().to_str().unwrap()];
    assert_eq!(listed(host.path(), &option), "");
    let (file, first) = only(cache.path());
    assert_eq!(first.mode() & 0o777, 0o600);
    let long_ago = SystemTime::now() - Duration::from_secs(3600);
    File::options().write(true).open(&file).unwrap().set_modified(long_ago).unwrap();
    assert_eq!(listed(host.path(), &option), "");
    let (_, second) = only(cache.path());
    assert_eq!(second.ino(), first.ino(), "it is not written again");
    assert!(second.modified().unwrap() > long_ago + Duration::from_secs(60), "and has been used");
}

#[tokio::test]
async fn without_a_cache_nothing_is_written() {
    let (host, cache) = (store().await, private_directory());
    let (code, _, err) =
        ended(session3(["ls", "--no-cache", "--dir"]).arg(host.path()).env("XDG_CACHE_HOME", cache.path()));
    assert_eq!((code, &err[..]), (0, ""));
    assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 0);
}

/// Others could have left code there that would have all rights of this user.
#[tokio::test]
async fn a_directory_that_others_can_change_is_not_used() {
    let host = store().await;
    for (above, below, is_used) in [
        (0o700, 0o777, false),
        (0o700, 0o770, false),
        (0o777, 0o700, false),
        (0o1777, 0o700, true),
        (0o755, 0o755, true),
    ] {
        let directory = private_directory();
        let cache = directory.path().join("cache");
        fs::create_dir(&cache).unwrap();
        mode(&cache, below);
        mode(directory.path(), above);
        let link = directory.path().join("link");
        symlink(&cache, &link).unwrap();
        for cache in [&cache, &link] {
            let (code, _, err) = ended(session3(["ls", "--dir"]).arg(host.path()).arg("--cache").arg(cache));
            let expected = if is_used { (0, true) } else { (1, err.contains("other users can change")) };
            assert_eq!((code, true), expected, "{above:o}, {below:o}: {err}");
            // The directory of the user is only a convenience.
            let (code, _, err) = ended(session3(["ls", "--dir"]).arg(host.path()).env("XDG_CACHE_HOME", cache));
            assert_eq!((code, &err[..]), (0, ""));
        }
        let kept = fs::read_dir(&cache).unwrap().count();
        assert_eq!(kept, if is_used { 2 } else { 0 }, "{above:o}, {below:o}: a file, and the directory session3");
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_trusted_or_read_is_replaced() {
    let host = store().await;
    type Spoil = fn(&Path);
    let spoils: [(&str, Spoil); 4] = [
        ("others can write it", |file| mode(file, 0o666)),
        ("a link", |file| {
            let elsewhere = file.with_extension("elsewhere");
            fs::rename(file, &elsewhere).unwrap();
            symlink(elsewhere, file).unwrap();
        }),
        ("cut off", |file| File::options().write(true).open(file).unwrap().set_len(100).unwrap()),
        ("empty", |file| File::options().write(true).open(file).unwrap().set_len(0).unwrap()),
    ];
    for (what, spoil) in spoils {
        let cache = private_directory();
        let option = ["--cache", cache.path().to_str().unwrap()];
        listed(host.path(), &option);
        let (file, _) = only(cache.path());
        let spoilt = fs::metadata(&file).unwrap().ino();
        spoil(&file);
        let err = listed(host.path(), &option);
        assert!(err.contains("cannot be used, and is compiled again"), "{what}: {err}");
        let made = fs::symlink_metadata(&file).unwrap();
        assert!(made.is_file() && made.ino() != spoilt && made.mode() & 0o777 == 0o600, "{what}");
        assert_eq!(listed(host.path(), &option), "", "{what}");
    }
}

/// What other versions have left. Files of others stay.
#[tokio::test]
async fn what_is_not_used_for_a_month_is_deleted() {
    let (host, cache) = (store().await, private_directory());
    let month = Duration::from_secs(31 * 24 * 3600);
    for (name, age, _) in FILES {
        let file = File::create(cache.path().join(name)).unwrap();
        file.set_modified(SystemTime::now() - if age { month } else { Duration::ZERO }).unwrap();
    }
    listed(host.path(), &["--cache", cache.path().to_str().unwrap()]);
    for (name, _, stays) in FILES {
        assert_eq!(cache.path().join(name).exists(), stays, "{name}");
    }
}

/// Name, whether it is old, whether it stays.
const FILES: [(&str, bool, bool); 4] =
    [("old.cwasm", true, false), ("123.new", true, false), ("recent.cwasm", false, true), ("old.txt", true, true)];
