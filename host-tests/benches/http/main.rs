//! What a request costs on different hosts, measured by wrk: `scripts/bench-http`.
//!
//! The hosts take turns with each page, so that noise on the machine affects all. `session3 serve` and `wasmtime serve`
//! run the same component; the native server has the same pages, and a file for each session.

mod figures;
mod hosts;
mod load;
mod native;

use std::env;
use std::time::Duration;

use figures::Figures;
use hosts::Running;
use load::Load;

/// The page without a session, with one that is read, and with one that is changed.
const PAGES: [&str; 3] = ["/plain", "/read", "/change"];

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match &arguments[..] {
        [command, directory] if command == "native" => native::serve(directory.as_ref()),
        _ => {
            // Cargo passes `--bench` in any case.
            let is_test = arguments.iter().any(|argument| argument == "--test");
            let (rounds, time) = if is_test { (1, 1) } else { (5, 4) };
            measure(rounds, Duration::from_secs(time));
        }
    }
}

fn measure(rounds: usize, time: Duration) {
    let hosts = hosts::start();
    let load = Load { connections: 4, time };
    println!(
        "medians of {rounds} rounds of {time:?} each, {} connections, {} sessions",
        load.connections,
        load::SESSIONS
    );
    println!("{}", Figures::HEADER);
    for page in PAGES {
        let mut all: Vec<Vec<Figures>> = hosts.iter().map(|_| Vec::new()).collect();
        for _ in 0..rounds {
            for (host, figures) in hosts.iter().zip(&mut all) {
                figures.push(host.measure(page, &load));
            }
        }
        println!();
        for (Running { name, .. }, figures) in hosts.iter().zip(all) {
            println!("{page:8} {name:28} {}", Figures::median(figures));
        }
    }
}
