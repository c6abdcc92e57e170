//! A byte-level HTTP client, for misbehaviour that no ordinary client allows.

use std::future::pending;
use std::io;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::sleep;

use crate::server::Server;
use session_conformance::wait::{PAUSE, in_time};

/// A connection.
pub struct Client(TcpStream);

impl Client {
    /// Connects to a server.
    pub async fn connect(server: &Server) -> Self {
        Self(TcpStream::connect(server.address()).await.unwrap())
    }

    /// Connects with a small receive buffer.
    pub async fn with_small_window(server: &Server) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(2048).unwrap();
        Self(socket.connect(server.address().parse().unwrap()).await.unwrap())
    }

    /// Connects and sends the start of a request.
    pub async fn begin(server: &Server, bytes: &str) -> Self {
        let mut client = Self::connect(server).await;
        client.send(bytes).await;
        client
    }

    /// Sends bytes.
    pub async fn send(&mut self, bytes: &str) {
        self.0.write_all(bytes.as_bytes()).await.unwrap();
    }

    /// Shuts down the sending side; the receiving side stays open.
    pub async fn end(&mut self) {
        self.0.shutdown().await.unwrap();
    }

    /// Resets the connection: the server's next write fails.
    pub fn reset(self) {
        self.0.set_zero_linger().unwrap();
    }

    /// Waits until the server sends something, without reading it.
    pub async fn is_spoken_to(&self) {
        in_time("the server sends something", self.0.readable()).await.unwrap();
    }

    /// Reads the next bytes from the server.
    pub async fn hear(&mut self, expected: &str) {
        let mut said = vec![0; expected.len()];
        in_time("the server responds", self.0.read_exact(&mut said)).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&said), expected);
    }

    /// Reads everything until the server closes the connection.
    pub async fn rest(mut self) -> String {
        let mut said = Vec::new();
        // A reset counts as a close.
        let _ = in_time("the server closes the connection", self.0.read_to_end(&mut said)).await;
        String::from_utf8(said).unwrap()
    }

    /// Whether the connection is reset instead of closed.
    pub async fn breaks(mut self) -> bool {
        let mut said = Vec::new();
        self.0.read_to_end(&mut said).await.is_err()
    }

    /// Sends a byte now and then until the server closes the connection. Returns everything it sent.
    pub async fn drip(mut self) -> String {
        let (mut read, mut write) = self.0.split();
        let dripping = async {
            while write.write_all(b"x").await.is_ok() {
                sleep(PAUSE).await;
            }
            pending::<io::Result<usize>>().await
        };
        let mut said = Vec::new();
        let end = async {
            tokio::select! { end = read.read_to_end(&mut said) => end, end = dripping => end }
        };
        let _ = in_time("the server closes the connection", end).await;
        String::from_utf8(said).unwrap()
    }

    /// Reads a byte of the response now and then until the server closes the connection.
    pub async fn sip(mut self) {
        let end = async {
            while self.0.read_u8().await.is_ok() {
                sleep(PAUSE).await;
            }
        };
        in_time("the server closes the connection", end).await;
    }
}

/// Raises the limit on open files to the maximum: the usual limit is 1024.
pub fn raise_file_limit() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
}
