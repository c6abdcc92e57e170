//! The hosts that are compared, each with sessions of its own.

use std::env;
use std::path::Path;
use std::process::Command;

use host_tests::guest::pages;
use host_tests::server::{Server, private_directory};
use host_tests::stock::{self, Application};
use tempfile::TempDir;

use crate::figures::{Figures, Process};
use crate::load::{Cookies, Load};

/// A host that serves the pages.
pub struct Running {
    pub name: &'static str,
    server: Server,
    cookies: Cookies,
    _directory: TempDir,
}

impl Running {
    fn start(name: &'static str, serve: impl FnOnce(&Path) -> Server) -> Self {
        let directory = private_directory();
        let server = serve(directory.path());
        let cookies = Cookies::new(&server);
        Self { name, server, cookies, _directory: directory }
    }

    /// Puts load on a page.
    pub fn measure(&self, page: &str, load: &Load) -> Figures {
        let before = Process::of(self.server.pid());
        let answers = load.put_on(&self.server.url(page), &self.cookies);
        Process::of(self.server.pid()).since(&before, answers)
    }
}

/// Starts all of them. Without Wasmtime's command, the others only.
pub fn start() -> Vec<Running> {
    let native = |directory: &Path| {
        let mut command = Command::new(env::current_exe().unwrap());
        command.arg("native").arg(directory);
        Server::by(command, directory)
    };
    let mut hosts = vec![
        Running::start("native server", native),
        Running::start("session3 serve", |directory| Server::of_on_with(pages(), directory, [])),
        Running::start("session3 serve, reusing", |directory| {
            Server::of_on_with(pages(), directory, ["--reuse", &REUSE.to_string()])
        }),
    ];
    if stock::wasmtime().arg("--version").output().is_ok_and(|output| output.status.success()) {
        let application = Application::compose(pages());
        hosts.push(Running::start("wasmtime serve", |directory| application.serve(directory)));
        let reused = |directory: &Path| application.serve_reusing(directory, REUSE);
        hosts.push(Running::start("wasmtime serve, reusing", reused));
    } else {
        eprintln!("without Wasmtime's command: name it in WASMTIME");
    }
    hosts
}

/// How many requests an instance serves that is reused.
const REUSE: u32 = 128;
