//! Headless Chromium, driven by chromedriver.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::ops::Deref;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::thread;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use reqwest::Client;
use tempfile::TempDir;
use thirtyfour::common::config::WebDriverConfig;
use thirtyfour::{ChromiumLikeCapabilities, DesiredCapabilities, WebDriver};

use session_conformance::wait::{PATIENCE, wait_for};

/// Options that restrict it to the site under test, and make it fast.
const ARGUMENTS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
];

/// A browser with an empty profile. Dropping it ends all of its processes.
pub struct Chromium {
    driver: Option<WebDriver>,
    process: Driver,
}

impl Chromium {
    /// Starts chromedriver and, through it, Chromium.
    pub async fn start() -> Self {
        let process = Driver::start();
        let mut capabilities = DesiredCapabilities::chrome();
        for argument in ARGUMENTS {
            capabilities.add_arg(argument).unwrap();
        }
        let profile = process.files.path().join("profile");
        capabilities.add_arg(&format!("--user-data-dir={}", profile.display())).unwrap();
        let client = Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        let config = WebDriverConfig::default();
        let started = WebDriver::new_with_config_and_client(process.url(), capabilities, config, client).await;
        let driver = started.unwrap_or_else(|error| {
            panic!(
                "Chromium does not start (Debian's packages: chromium chromium-driver): {error:#}\n{}",
                process.log()
            )
        });
        Self { driver: Some(driver), process }
    }
}

impl Deref for Chromium {
    type Target = WebDriver;

    fn deref(&self) -> &WebDriver {
        self.driver.as_ref().expect("present until drop")
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // Dropping the driver would wait for a response. Dropping the process group ends everything.
        if let Some(driver) = self.driver.take() {
            let _ = driver.leak();
        }
        if thread::panicking() {
            eprintln!("chromedriver at {} said:\n{}", self.process.url(), self.process.log());
        }
    }
}

/// The process group of chromedriver and Chromium.
struct Driver {
    process: Child,
    port: u16,
    files: TempDir,
}

impl Driver {
    fn start() -> Self {
        let files = tempfile::tempdir().unwrap();
        let log = File::create(files.path().join("log")).unwrap();
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").process_group(0);
        command.stdin(Stdio::null()).stderr(log.try_clone().unwrap()).stdout(log);
        // Chromium leaves files in the temporary directory.
        command.env("TMPDIR", files.path());
        let process = command.spawn().unwrap_or_else(|error| match error.kind() {
            ErrorKind::NotFound => panic!("the browser tests need Debian's packages chromium and chromium-driver"),
            _ => panic!("chromedriver does not start: {error}"),
        });
        let mut driver = Self { process, port: 0, files };
        driver.port = wait_for("chromedriver listens", || {
            let log = driver.log();
            let (_, port) = log.split_once("was started successfully on port ")?;
            port.split_once('.')?.0.parse().ok()
        });
        driver
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.files.path().join("log")).unwrap()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // They may have exited already.
        let _ = killpg(Pid::from_raw(self.process.id().try_into().unwrap()), Signal::SIGKILL);
        let _ = self.process.wait();
    }
}
