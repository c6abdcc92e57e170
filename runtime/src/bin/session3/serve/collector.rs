//! Garbage collection in the server: now and then, in an instance of its own, never in a request.

use crate::admin::{Admin, Loader};
use crate::guest::Sandbox;
use crate::metrics::Metrics;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::{spawn_blocking, yield_now};
use tracing::{debug, info, warn};
use wasmtime::Result;

/// Files for one step; between steps nothing is locked, and requests have their turn.
const STEP: u32 = 500;

pub struct Collector {
    pub sandbox: Sandbox,
    pub metrics: Arc<Metrics>,
    /// Compiled when it is first needed.
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
            warn!("the sessions could not be counted: {error:#}");
        }
    }

    /// Collect for ever, with such a pause before each time. What fails is tried again the next time, and is told once
    /// until it works again: a file system that became read-only fails it each time.
    pub async fn run(&mut self, pause: Duration) {
        let mut failing = false;
        loop {
            tokio::time::sleep(pause).await;
            let start = Instant::now();
            match self.collect().await {
                Ok(()) => {
                    if failing {
                        info!("garbage is collected again");
                    }
                    failing = false;
                    debug!("garbage collected in {:?}", start.elapsed());
                }
                Err(error) if failing => debug!("garbage could not be collected: {error:#}"),
                Err(error) => {
                    failing = true;
                    warn!(
                        "garbage cannot be collected; tried again every {pause:?}, told when it works again: {error:#}"
                    );
                }
            }
        }
    }

    async fn collect(&mut self) -> Result<()> {
        // A store that nobody has set up yet has no garbage.
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
                let sessions = self.sandbox.sessions;
                self.loader.insert(Arc::new(spawn_blocking(move || Loader::new(sessions)).await??)).clone()
            }
        };
        loader.open(&self.sandbox).await
    }
}
