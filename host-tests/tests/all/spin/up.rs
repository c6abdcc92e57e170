//! `spin up`: mounts the files, and handles each request in a fresh instance.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use host_tests::visitor::Page;
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::{Method, Request};
use tempfile::TempDir;
use tokio::sync::oneshot;
use wasmtime::{Result, Store, bail, ensure};
use wasmtime_wasi::{FsPerms, WasiCtx};
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;

use super::guest::Guest;
use super::manifest::{Component, Mount};

/// Its options.
#[derive(Clone, Copy, Default)]
pub struct Flags {
    pub direct_mounts: bool,
    pub allow_transient_write: bool,
}

/// Those that sessions need.
pub const PERSISTENT: Flags = Flags { direct_mounts: true, allow_transient_write: true };

/// A running application.
pub struct Up {
    app: ProxyPre<Guest>,
    /// On the host and in the guest.
    mounts: Vec<(PathBuf, String)>,
    permissions: FsPerms,
    /// The copies of files that are not mounted directly. Removed when the application ends.
    _assets: TempDir,
}

impl Up {
    /// Runs a component of the manifest in this directory.
    pub fn new(app: &ProxyPre<Guest>, component: &Component, directory: &Path, flags: Flags) -> Result<Arc<Self>> {
        let assets = tempfile::tempdir()?;
        let mounts = if flags.direct_mounts {
            direct(component, directory)?
        } else {
            copied(component, directory, assets.path())?
        };
        let permissions = if flags.allow_transient_write { FsPerms::ReadWrite } else { FsPerms::ReadOnly };
        Ok(Arc::new(Self { app: app.clone(), mounts, permissions, _assets: assets }))
    }

    /// Follows a link, with this cookie. An instance that ends without a response is an error.
    pub async fn get(&self, path: &str, cookie: Option<&str>) -> Result<Page> {
        self.ask(Method::GET, path, cookie).await
    }

    /// Presses a button, with this cookie.
    pub async fn post(&self, path: &str, cookie: Option<&str>) -> Result<Page> {
        self.ask(Method::POST, path, cookie).await
    }

    async fn ask(&self, method: Method, path: &str, cookie: Option<&str>) -> Result<Page> {
        let mut request = Request::builder().method(method).uri(format!("http://localhost:3000{path}"));
        if let Some(cookie) = cookie {
            request = request.header("cookie", cookie);
        }
        let body = Empty::<Bytes>::new().map_err(|never| match never {}).boxed_unsync();
        self.answer(request.body(body)?).await
    }

    async fn answer(
        &self,
        request: Request<http_body_util::combinators::UnsyncBoxBody<Bytes, wasmtime_wasi_http::Error>>,
    ) -> Result<Page> {
        let mut store = Store::new(self.app.engine(), Guest::new(self.wasi()?));
        let instance = self.app.instantiate_async(&mut store).await?;
        let (sender, receiver) = oneshot::channel();
        let request = store.data_mut().http().new_incoming_request(Scheme::Http, request)?;
        let outparam = store.data_mut().http().new_response_outparam(sender)?;
        let guest = tokio::spawn(async move {
            instance.wasi_http_incoming_handler().call_handle(&mut store, request, outparam).await
        });
        let Ok(response) = receiver.await else {
            guest.await??;
            bail!("the component ended without an answer");
        };
        let (head, body) = response?.into_parts();
        let body = body.collect().await?.to_bytes();
        guest.await??;
        Ok(Page { status: head.status.as_u16(), headers: head.headers, text: String::from_utf8(body.into())? })
    }

    /// Spin keeps the default of `allow_blocking_current_thread`, so each file operation is on another thread.
    fn wasi(&self) -> Result<WasiCtx> {
        let mut wasi = WasiCtx::builder();
        for (host, guest) in &self.mounts {
            wasi.preopened_dir(host, guest, self.permissions)?;
        }
        Ok(wasi.build())
    }
}

/// Mounts each directory at its destination.
fn direct(component: &Component, directory: &Path) -> Result<Vec<(PathBuf, String)>> {
    ensure!(component.exclude_files.is_empty(), "`exclude_files` excludes direct mounts");
    let mounts = component.files.iter().map(|mount| {
        let (source, destination) = match mount {
            Mount::Pattern(pattern) => (pattern, pattern),
            Mount::Placement { source, destination } => (source, destination),
        };
        let path = directory.join(source);
        ensure!(path.is_dir(), "{source:?} is not a directory, and nothing else is mounted directly");
        Ok((path, destination.clone()))
    });
    mounts.collect()
}

/// Copies all files into one directory, and mounts that.
fn copied(component: &Component, directory: &Path, assets: &Path) -> Result<Vec<(PathBuf, String)>> {
    for mount in &component.files {
        let Mount::Placement { source, destination } = mount else { bail!("patterns are not known here") };
        copy(&directory.join(source), &assets.join(destination.trim_start_matches('/')))?;
    }
    Ok(if component.files.is_empty() { vec![] } else { vec![(assets.into(), "/".into())] })
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}
