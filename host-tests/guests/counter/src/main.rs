//! Counts in a session: `counter new` creates one and prints its cookie, `counter COOKIE TIMES` adds one that many times, each
//! in its own request, and prints the counter. On an error it prints the error and exits with 1.

#[cfg(target_family = "wasm")]
mod bindings;
#[cfg(target_family = "wasm")]
mod command;

#[cfg(target_family = "wasm")]
fn main() -> std::process::ExitCode {
    command::run()
}

#[cfg(not(target_family = "wasm"))]
fn main() {
    panic!("it is a component: build it with --target wasm32-wasip2");
}
