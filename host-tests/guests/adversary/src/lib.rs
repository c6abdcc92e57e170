//! A component that exhausts a resource, named by the path of the request.

#![cfg(target_family = "wasm")]

mod bindings;
mod greed;

use std::sync::atomic::{AtomicU32, Ordering};

use wasi::exports::http::incoming_handler::Guest;
use wasi::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};
use wasi::io::streams::OutputStream;

/// Requests for `/count` that this instance has served.
static COUNT: AtomicU32 = AtomicU32::new(0);

struct Adversary;

impl Guest for Adversary {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        match path.as_str() {
            "/fine" => answer(out, "fine"),
            "/count" => answer(out, &(COUNT.fetch_add(1, Ordering::Relaxed) + 1).to_string()),
            "/loop" => greed::spin(),
            "/recurse" => answer(out, &greed::recurse(u64::MAX).to_string()),
            "/allocate" => greed::allocate(),
            "/grow" => answer(out, &greed::grow().to_string()),
            "/wait" => greed::wait(),
            "/open-some" => answer(out, &greed::open_files(50).to_string()),
            "/open-all" => {
                greed::open_files(u32::MAX);
                greed::wait();
            }
            "/fields" => greed::make_fields(),
            "/pollables" => greed::make_pollables(),
            "/random" => answer(out, &greed::random().to_string()),
            "/locks" => answer(out, &greed::take_locks().to_string()),
            "/hold" => {
                greed::take_locks();
                greed::wait();
            }
            "/body" => begin(out, greed::write_for_ever),
            "/cut" => begin(out, |stream| {
                let _ = stream.blocking_write_and_flush(b"the beginning");
                greed::spin();
            }),
            // While it holds a lock, which excludes all others.
            "/locked-page" => begin(out, greed::write_locked),
            "/page" => begin(out, greed::write_page),
            "/upload" => answer(out, &greed::read_all(&request).to_string()),
            "/print" => {
                println!("printed \u{1b}[2J\u{202e}å");
                eprintln!("and\ttold");
                answer(out, "printed");
            }
            "/nothing" => {}
            _ => panic!("unknown path {path}"),
        }
    }
}

fn answer(out: ResponseOutparam, text: &str) {
    begin(out, |stream| {
        let _ = stream.blocking_write_and_flush(text.as_bytes());
    });
}

/// Sends the head of a response, then the output of `write`.
fn begin(out: ResponseOutparam, write: impl FnOnce(&OutputStream)) {
    let response = OutgoingResponse::new(Fields::new());
    let body = response.body().expect("the body is not taken");
    ResponseOutparam::set(out, Ok(response));
    write(&body.write().expect("the stream is not taken"));
    let _ = OutgoingBody::finish(body, None);
}

wasi::http::proxy::export!(Adversary);
