//! The operations of the component.

use std::env;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use host_tests::host::Host;
use session_conformance::bindings::{Contents, Durability, Options};
use session_conformance::client::{Store, data, options};
use session_conformance::harness::Harness;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use crate::Operation;

/// The session that is loaded, saved and touched.
pub const ID: &str = "session-1";

/// A warm instance.
pub struct Component {
    runtime: Runtime,
    directory: TempDir,
    relaxed: Store,
    durable: Store,
    contents: Contents,
}

impl Component {
    pub fn new() -> Self {
        let directory = tempfile::tempdir_in(target()).unwrap();
        let host = Host::on(directory.path());
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let contents = Contents { idle_timeout: Some(1_800_000), ..data([b's'; 1024]) };
        let (relaxed, durable) = runtime.block_on(async {
            let instance = host.instance().await;
            let relaxed = Store::open(&instance, ".", options()).await.unwrap();
            let durability = Options { durability: Durability::Durable, ..options() };
            let durable = Store::open(&instance, ".", durability).await.unwrap();
            relaxed.create(Some(ID), &contents).await.unwrap();
            for _ in 0..3 {
                durable.save(ID, &contents, None).await.unwrap();
            }
            (relaxed, durable)
        });
        Self { runtime, directory, relaxed, durable, contents }
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Performs an operation once. Its setup is not timed.
    pub fn time(&mut self, operation: Operation) -> Duration {
        let Self { runtime, relaxed, durable, contents, .. } = self;
        runtime.block_on(async {
            let id = match operation {
                Operation::Delete => relaxed.create(None, contents).await.unwrap().id,
                _ => String::new(),
            };
            let start = Instant::now();
            match operation {
                Operation::Load => drop(relaxed.load(ID).await.unwrap().unwrap()),
                Operation::SaveRelaxed => drop(relaxed.save(ID, contents, None).await.unwrap()),
                Operation::SaveDurable => drop(durable.save(ID, contents, None).await.unwrap()),
                Operation::Touch => relaxed.touch(ID).await.unwrap(),
                Operation::Create => drop(relaxed.create(None, contents).await.unwrap()),
                Operation::Delete => assert!(relaxed.delete(&id).await.unwrap()),
            }
            start.elapsed()
        })
    }
}

/// The target directory, which is on a real disk; the temporary directory may not be.
fn target() -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    target.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"))
}
