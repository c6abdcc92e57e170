//! Wasmtime as it comes, eight processes at once on one directory.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use host_tests::bundles;
use host_tests::guest;
use host_tests::server::{Server, private_directory};
use host_tests::stock::{Application, wasmtime};
use host_tests::visitor::{Page, Visitor, request};
use reqwest::Method;
use tempfile::TempDir;
use tokio::task::JoinSet;

const PROCESSES: usize = 8;
const EACH: usize = 100;

#[tokio::test]
#[ignore = "needs wasmtime: scripts/test --hosts"]
async fn eight_servers_of_the_demo_lose_no_increment() {
    let directory = private_directory();
    let demo = Application::of(&bundles::web_demo_standalone());
    let servers: Arc<Vec<Server>> = Arc::new((0..PROCESSES).map(|_| demo.serve(directory.path())).collect());
    let visitor = Visitor::with_session(&servers[0]).await;
    let cookie = visitor.cookie(&servers[0]);
    let mut clients = JoinSet::new();
    for number in 0..PROCESSES {
        let (servers, cookie) = (servers.clone(), cookie.clone());
        clients.spawn(async move { increment(&servers[number], &cookie).await });
    }
    clients.join_all().await;
    for server in servers.iter() {
        let page = Page::of(request(server, Method::GET, "/").header("cookie", &cookie)).await;
        assert_eq!(page.counter(), 800);
    }
}

/// Those who are turned away, since the session was busy for too long, come again.
async fn increment(server: &Server, cookie: &str) {
    let mut done = 0;
    while done < EACH {
        let page = Page::of(request(server, Method::GET, "/increment").header("cookie", cookie)).await;
        match page.status {
            303 => done += 1,
            503 => assert!(!page.fields("retry-after").is_empty()),
            status => panic!("{status}: {page:#?}"),
        }
    }
}

#[test]
#[ignore = "needs wasmtime: scripts/test --hosts"]
fn eight_commands_lose_no_increment() {
    let directory = private_directory();
    let counter = Counter::compose();
    let cookie = counter.ended(directory.path(), &["new"]);
    let commands: Vec<_> =
        (0..PROCESSES).map(|_| counter.start(directory.path(), &[&cookie, &EACH.to_string()])).collect();
    for command in commands {
        let count: usize = printed(command).parse().unwrap();
        assert!((EACH..=800).contains(&count), "{count}");
    }
    assert_eq!(counter.ended(directory.path(), &[&cookie, "1"]), "801");
}

/// `wasmtime run` of the command in `guests/counter`.
struct Counter {
    component: PathBuf,
    _files: TempDir,
}

impl Counter {
    fn compose() -> Self {
        let files = tempfile::tempdir().unwrap();
        let component = files.path().join("counter.wasm");
        bundles::compose(guest::counter(), &component);
        Self { component, _files: files }
    }

    fn start(&self, directory: &Path, arguments: &[&str]) -> Child {
        let mut command = wasmtime();
        command.args(["run", "--dir"]).arg(format!("{}::/", directory.display())).arg(&self.component).args(arguments);
        spawn(&mut command)
    }

    fn ended(&self, directory: &Path, arguments: &[&str]) -> String {
        printed(self.start(directory, arguments))
    }
}

fn spawn(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// What it says, when it ends well.
fn printed(command: Child) -> String {
    let output = command.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
