//! Periodic garbage collection in the server, in a separate instance, never in a request.

use crate::admin::{Admin, Loader};
use crate::guest::Sandbox;
use crate::metrics::Metrics;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::{spawn_blocking, yield_now};
use tracing::{debug, info, warn};
use wasmtime::Result;

/// Files per step; between steps no lock is held, and requests run.
const STEP: u32 = 500;

pub struct Collector {
    pub sandbox: Sandbox,
    pub metrics: Arc<Metrics>,
    /// Compiled on first use.
    loader: Option<Arc<Loader>>,
}

impl Collector {
    pub fn new(sandbox: Sandbox, metrics: Arc<Metrics>) -> Self {
        Self { sandbox, metrics, loader: None }
    }

    /// Count the sessions once.
    pub async fn count(&mut self) {
        let counted = async {
            if let Some(mut admin) = self.open().await? {
                self.metrics.counted(&admin.usage().await?);
            }
            Ok::<_, wasmtime::Error>(())
        };
        if let Err(error) = counted.await {
            warn!("cannot count the sessions: {error:#}");
        }
    }

    /// Collect for ever, with a pause before each run. A failure is retried at the next run and logged once until a run
    /// succeeds: a file system that became read-only fails each.
    pub async fn run(&mut self, pause: Duration) {
        let mut failing = false;
        loop {
            tokio::time::sleep(pause).await;
            let start = Instant::now();
            match self.collect().await {
                Ok(()) => {
                    if failing {
                        info!("garbage collection works again");
                    }
                    failing = false;
                    debug!("garbage collected in {:?}", start.elapsed());
                }
                Err(error) if failing => debug!("garbage collection failed again: {error:#}"),
                Err(error) => {
                    failing = true;
                    warn!(
                        "garbage collection failed; retrying every {pause:?}, logged next when it succeeds: {error:#}"
                    );
                }
            }
        }
    }

    async fn collect(&mut self) -> Result<()> {
        // A store that does not exist yet has no garbage.
        if let Some(mut admin) = self.open().await? {
            let mut resume = None;
            loop {
                let report = admin.collect_garbage(STEP, resume.as_deref()).await?;
                self.metrics.deleted(&report);
                resume = report.resume;
                if resume.is_none() {
                    break;
                }
                yield_now().await;
            }
            self.metrics.counted(&admin.usage().await?);
        }
        self.metrics.collected();
        Ok(())
    }

    async fn open(&mut self) -> Result<Option<Admin>> {
        let loader = match &self.loader {
            Some(loader) => loader.clone(),
            None => {
                let sandbox = self.sandbox.clone();
                self.loader.insert(Arc::new(spawn_blocking(move || Loader::new(&sandbox)).await??)).clone()
            }
        };
        loader.open(&self.sandbox).await
    }
}
