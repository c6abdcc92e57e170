//! Stock Wasmtime: `wasmtime serve` of a component that imports only WASI.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::bundles;
use crate::server::Server;

/// The command that `scripts/test --hosts` installs, or the one in the environment variable `WASMTIME`.
pub fn wasmtime() -> Command {
    let installed = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/tools/bin/wasmtime");
    Command::new(std::env::var_os("WASMTIME").unwrap_or_else(|| installed.into()))
}

/// A self-contained application, compiled for Wasmtime.
pub struct Application {
    compiled: PathBuf,
    _files: TempDir,
}

impl Application {
    /// Composes an application as a user does, with `session3 compose`.
    pub fn compose(app: &Path) -> Self {
        let files = tempfile::tempdir().unwrap();
        let composed = files.path().join("composed.wasm");
        bundles::compose(app, &composed);
        Self::of(&composed)
    }

    /// Composes an application that keeps its sessions on Redis.
    pub fn compose_on_redis(app: &Path) -> Self {
        let files = tempfile::tempdir().unwrap();
        let composed = files.path().join("composed.wasm");
        bundles::compose_on_redis(app, &composed);
        Self::of(&composed)
    }

    /// Takes a self-contained component. It is compiled once, not at every start.
    pub fn of(composed: &Path) -> Self {
        let files = tempfile::tempdir().unwrap();
        let compiled = files.path().join("compiled.cwasm");
        let mut compile = wasmtime();
        compile.arg("compile").arg("--output").arg(&compiled).arg(composed);
        let status = compile.status().unwrap_or_else(|error| panic!("{compile:?}: {error}"));
        assert!(status.success(), "{compile:?}: {status}");
        Self { compiled, _files: files }
    }

    /// Serves the application on a free port, with the sessions in this directory.
    pub fn serve(&self, directory: &Path) -> Server {
        self.serve_reusing(directory, 1)
    }

    /// Like `serve`, with instances that serve so many requests, one after the other.
    pub fn serve_reusing(&self, directory: &Path, requests: u32) -> Server {
        let mut command = wasmtime();
        command.args(["serve", "-Scli", "--allow-precompiled", "--addr", "127.0.0.1:0"]);
        command.arg("--max-instance-reuse-count").arg(requests.to_string());
        command.arg("--dir").arg(format!("{}::/", directory.display())).arg(&self.compiled);
        Server::start(command, directory, serving)
    }

    /// Serves an application that keeps its sessions on Redis on a free port.
    pub fn serve_on_redis(&self, url: &str) -> Server {
        let mut command = wasmtime();
        command.args(["serve", "-Scli", "-Sinherit-network", "--allow-precompiled", "--addr", "127.0.0.1:0"]);
        command.arg("--env").arg(format!("SESSION3_STORE={url}")).arg(&self.compiled);
        Server::start(command, Path::new(""), serving)
    }
}

/// The address that `wasmtime serve` logs.
fn serving(_out: &str, log: &str) -> Option<String> {
    let address = log.split_once("Serving HTTP on http://")?.1.split_once("/\n")?.0;
    Some(address.into())
}
