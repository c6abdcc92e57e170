//! nginx in front of several servers, for a test.

use std::fmt::Write as _;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use nix::unistd::geteuid;
use session_conformance::wait::wait_for;
use tempfile::TempDir;

use crate::server::Server;

/// nginx on a free port of loopback. Dropping it kills the process.
pub struct Nginx {
    process: Child,
    address: String,
    _directory: TempDir,
}

impl Nginx {
    /// Starts nginx with its defaults, in front of these servers.
    pub fn before(servers: &[Server]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let configuration = directory.path().join("nginx.conf");
        fs::write(&configuration, configure(&address, servers)).unwrap();
        let mut command = Command::new("/usr/sbin/nginx");
        command.arg("-p").arg(directory.path()).arg("-c").arg(&configuration).args(["-e", "error.log"]);
        let process = command.stdout(Stdio::null()).spawn().expect("nginx runs: install Debian's package nginx-light");
        let nginx = Self { process, address, _directory: directory };
        wait_for("nginx accepts connections", || TcpStream::connect(&nginx.address).ok());
        nginx
    }

    /// The URL of a page.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// A server that refuses a connection, as during its restart, is passed over for that request only.
fn configure(address: &str, servers: &[Server]) -> String {
    let mut upstream = String::new();
    for server in servers {
        writeln!(upstream, "server {} max_fails=0;", server.address()).expect("a String");
    }
    let user = if geteuid().is_root() { "user root;" } else { "" };
    format!(
        "{user}
        daemon off;
        master_process off;
        pid nginx.pid;
        events {{}}
        http {{
            access_log off;
            client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi;
            scgi_temp_path scgi;
            upstream servers {{ {upstream} }}
            server {{
                listen {address};
                location / {{
                    proxy_pass http://servers;
                    proxy_set_header X-Forwarded-For $remote_addr;
                    proxy_set_header X-Forwarded-Proto $scheme;
                    proxy_set_header X-Forwarded-Host $http_host;
                }}
            }}
        }}"
    )
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // It may have exited already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
