//! Load by wrk (https://github.com/wg/wrk).

use std::fs;
use std::process::Command;
use std::time::Duration;

use host_tests::server::Server;
use tempfile::NamedTempFile;

/// Sessions of each host. Requests take turns with them, so that no two change the same at once.
pub const SESSIONS: usize = 1000;

/// A wrk script that sends one cookie of these with each request.
pub struct Cookies(NamedTempFile);

impl Cookies {
    /// Starts the sessions.
    pub fn new(server: &Server) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let cookies = runtime.block_on(async {
            let client = reqwest::Client::new();
            let mut cookies = Vec::new();
            for _ in 0..SESSIONS {
                let response = client.get(server.url("/new")).send().await.unwrap().error_for_status().unwrap();
                let cookie = response.headers()["set-cookie"].to_str().unwrap();
                cookies.push(format!("'{}'", cookie.split(';').next().unwrap()));
            }
            cookies.join(",")
        });
        let script = NamedTempFile::new().unwrap();
        let lua = format!(
            "local cookies = {{{cookies}}}\n\
             local last = 0\n\
             request = function()\n\
               last = last % {SESSIONS} + 1\n\
               return wrk.format(nil, nil, {{cookie = cookies[last]}})\n\
             end\n"
        );
        fs::write(script.path(), lua).unwrap();
        Self(script)
    }
}

/// How much load.
pub struct Load {
    pub connections: u32,
    pub time: Duration,
}

/// What was answered.
pub struct Answers {
    pub requests: f64,
    pub per_second: f64,
    /// Milliseconds.
    pub p50: f64,
    pub p99: f64,
}

impl Load {
    pub fn put_on(&self, url: &str, cookies: &Cookies) -> Answers {
        let mut wrk = Command::new("wrk");
        wrk.args(["--threads", "1", "--latency", "--connections"]).arg(self.connections.to_string());
        wrk.arg("--duration").arg(format!("{}s", self.time.as_secs())).arg("--script").arg(cookies.0.path()).arg(url);
        let output = wrk.output().unwrap_or_else(|error| panic!("wrk, Debian's package of that name: {error}"));
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && !text.contains("Non-2xx"), "{wrk:?}: {}: {text}", output.status);
        let word_after = |start: &str| {
            let rest = text.split_once(start).unwrap_or_else(|| panic!("no {start:?}: {text}")).1;
            rest.split_whitespace().next().unwrap().to_owned()
        };
        let requests = text.lines().find_map(|line| line.trim().split_once(" requests in ")).expect(&text).0;
        Answers {
            requests: requests.parse().unwrap(),
            per_second: word_after("Requests/sec:").parse().unwrap(),
            p50: milliseconds(&word_after(" 50%")),
            p99: milliseconds(&word_after(" 99%")),
        }
    }
}

/// Of a time as wrk writes it.
fn milliseconds(text: &str) -> f64 {
    let (number, unit) = text.split_at(text.find(|c: char| c.is_alphabetic()).expect(text));
    let factor = match unit {
        "us" => 1e-3,
        "ms" => 1.0,
        "s" => 1e3,
        _ => panic!("the unit of {text}"),
    };
    number.parse::<f64>().unwrap() * factor
}
