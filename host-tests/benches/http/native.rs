//! A native server with the same pages: hyper, and one file for each session, without any of the guarantees.

use std::convert::Infallible;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{COOKIE, SET_COOKIE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// Bytes of the page and of a session.
const SIZE: usize = 1024;

/// Serves until it is killed.
pub fn serve(directory: &Path) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let directory: &'static Path = Box::leak(directory.into());
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("listening on http://{}/", listener.local_addr().unwrap());
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            tokio::spawn(async move {
                let service = service_fn(async |request| Ok::<_, Infallible>(respond(directory, &request).unwrap()));
                // A client may just have ended.
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
}

fn respond(directory: &Path, request: &Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let session = || {
        let cookie = request.headers()[COOKIE].to_str().unwrap();
        directory.join(cookie.strip_prefix("session=").unwrap())
    };
    let mut response = Response::builder();
    let mut bytes = [0; SIZE];
    match request.uri().path() {
        "/plain" => {}
        "/read" => File::open(session())?.read_exact_at(&mut bytes, 0)?,
        "/change" => {
            let file = OpenOptions::new().read(true).write(true).open(session())?;
            file.read_exact_at(&mut bytes, 0)?;
            bytes[0] = bytes[0].wrapping_add(1);
            file.write_all_at(&bytes, 0)?;
        }
        _ => {
            let id = NEXT.fetch_add(1, Ordering::Relaxed).to_string();
            fs::write(directory.join(&id), bytes)?;
            response = response.header(SET_COOKIE, format!("session={id}"));
        }
    }
    Ok(response.body(Full::from(format!("{:SIZE$}", bytes[0]))).expect("a valid response"))
}
