//! Buffers of responses that instances have written and clients have not read.
//!
//! An instance does not wait for its client: it ends once it has written an ordinary response, and its locks are free.
//! The buffers are bounded, per response and in all. Beyond that, instances wait.

use super::response::{Answer, Body};
use http_body_util::BodyExt;
use hyper::Response;
use hyper::body::{Bytes, Frame};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use wasmtime_wasi_http::Error;
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

/// Bytes per response.
const EACH: u32 = 1 << 20;
/// Bytes of all responses.
const ALL: usize = 64 << 20;
/// The overhead charged per piece, so that many short ones are not free.
const PIECE_BYTES: u32 = 160;

/// The buffers of a server.
pub struct ResponseBuffers {
    room: Arc<Semaphore>,
}

type Piece = Result<Frame<Bytes>, Error>;

impl ResponseBuffers {
    pub fn new() -> Self {
        Self { room: Arc::new(Semaphore::new(ALL)) }
    }

    /// For the response of one instance.
    pub fn relay(&self) -> Relay {
        let room = Room { own: Arc::new(Semaphore::new(EACH as usize)), all: self.room.clone() };
        Relay { room, moved: AtomicUsize::new(0), is_failure: AtomicBool::new(false) }
    }
}

/// Takes the response of an instance, as fast as it comes, and buffers it for its connection.
pub struct Relay {
    room: Room,
    moved: AtomicUsize,
    is_failure: AtomicBool,
}

impl Relay {
    /// How many pieces of the response have been taken.
    pub fn moved(&self) -> usize {
        self.moved.load(Ordering::Relaxed)
    }

    /// The instance failed, so that the client must not take the body for complete; Wasmtime's own would end normally.
    /// Must be called before the instance is dropped.
    pub fn fail(&self) {
        self.is_failure.store(true, Ordering::Relaxed);
    }

    /// Runs until the response ends, or its connection does.
    pub async fn run(
        &self,
        instance: oneshot::Receiver<Answer<HyperOutgoingBody>>,
        connection: oneshot::Sender<Answer<Body>>,
    ) {
        let Ok(answer) = instance.await else { return };
        self.count();
        let (head, body) = match answer {
            Ok(response) => response.into_parts(),
            Err(code) => return drop(connection.send(Err(code))),
        };
        let (sender, pieces) = unbounded_channel();
        let response = Response::from_parts(head, Buffered { pieces }.boxed_unsync());
        if connection.send(Ok(response)).is_ok() {
            self.fill(body, sender).await;
        }
    }

    async fn fill(&self, mut body: HyperOutgoingBody, sender: UnboundedSender<(Piece, Option<Place>)>) {
        loop {
            let next = async {
                let piece = body.frame().await?;
                let length = piece.as_ref().ok().and_then(Frame::data_ref).map_or(0, Bytes::len);
                Some((piece, Some(self.room.place(length).await)))
            };
            let piece = tokio::select! {
                biased;
                piece = next => piece,
                () = sender.closed() => return,
            };
            match piece {
                // The next iteration notices a dropped receiver.
                Some(piece) => drop(sender.send(piece)),
                None => break,
            }
            self.count();
        }
        if self.is_failure.load(Ordering::Relaxed) {
            drop(sender.send((Err(Error::HttpResponseIncomplete), None)));
        }
    }

    fn count(&self) {
        self.moved.fetch_add(1, Ordering::Relaxed);
    }
}

/// The room for the pieces of one response.
struct Room {
    own: Arc<Semaphore>,
    all: Arc<Semaphore>,
}

/// Room reserved until it is dropped.
struct Place {
    _own: OwnedSemaphorePermit,
    _all: Option<OwnedSemaphorePermit>,
}

impl Room {
    /// Wait for room. Other responses never block this one entirely: a single piece is always admitted when no other
    /// piece of the same response is buffered.
    async fn place(&self, length: usize) -> Place {
        let length = u32::try_from(length).unwrap_or(EACH).saturating_add(PIECE_BYTES).min(EACH);
        let own = acquire(&self.own, length).await;
        let all = self.all.clone().try_acquire_many_owned(length).ok();
        if all.is_none() {
            drop(acquire(&self.own, EACH - length).await);
        }
        Place { _own: own, _all: all }
    }
}

async fn acquire(room: &Arc<Semaphore>, length: u32) -> OwnedSemaphorePermit {
    room.clone().acquire_many_owned(length).await.expect("it is never closed")
}

struct Buffered {
    pieces: UnboundedReceiver<(Piece, Option<Place>)>,
}

impl hyper::body::Body for Buffered {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Piece>> {
        Poll::Ready(ready!(self.pieces.poll_recv(cx)).map(|(piece, _)| piece))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::sync::mpsc::{Receiver, Sender, channel};
    use tokio::time::timeout;

    const KIB: usize = 1 << 10;

    struct Written(Receiver<Bytes>);

    impl hyper::body::Body for Written {
        type Data = Bytes;
        type Error = Error;

        fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Piece>> {
            Poll::Ready(ready!(self.0.poll_recv(cx)).map(|bytes| Ok(Frame::data(bytes))))
        }
    }

    /// The instance's end of a response, and its buffered body.
    async fn response(buffers: &ResponseBuffers) -> (Sender<Bytes>, Body) {
        let (instance, _, body) = response_and_relay(buffers).await;
        (instance, body)
    }

    async fn response_and_relay(buffers: &ResponseBuffers) -> (Sender<Bytes>, Arc<Relay>, Body) {
        let (instance, written) = channel(1);
        let (respond, responded) = oneshot::channel();
        let (connection, answered) = oneshot::channel();
        respond.send(Ok(Response::new(Written(written).boxed_unsync()))).unwrap();
        let relay = Arc::new(buffers.relay());
        let running = relay.clone();
        tokio::spawn(async move { running.run(responded, connection).await });
        (instance, relay, answered.await.unwrap().unwrap().into_body())
    }

    /// How many KiB an instance writes before it must wait for its client: time stands still then.
    async fn written(instance: &Sender<Bytes>) -> usize {
        let mut written = 0;
        while timeout(Duration::from_secs(1), instance.send(Bytes::from(vec![0; KIB]))).await.is_ok() {
            written += 1;
        }
        written
    }

    #[tokio::test(start_paused = true)]
    async fn an_instance_writes_ahead_of_its_client() {
        let buffers = ResponseBuffers::new();
        let (instance, mut body) = response(&buffers).await;
        let ahead = written(&instance).await;
        assert!((600..=1024).contains(&ahead), "{ahead} KiB of 1 MiB, less what pieces take");
        for _ in 0..100 {
            assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap().len(), KIB);
        }
        assert_eq!(written(&instance).await, 100, "reading makes room");
        drop(instance);
        let mut left = 0;
        while let Some(piece) = body.frame().await {
            left += piece.unwrap().into_data().unwrap().len();
        }
        assert_eq!(left, ahead * KIB, "nothing is lost");
        assert_eq!(buffers.room.available_permits(), ALL);
    }

    /// Clients that read nothing fill all the room. An instance whose client reads still makes progress.
    #[tokio::test(start_paused = true)]
    async fn all_buffers_together_are_bounded() {
        let buffers = ResponseBuffers::new();
        let mut unread = Vec::new();
        let mut total = 0;
        for _ in 0..ALL / EACH as usize + 10 {
            let (instance, body) = response(&buffers).await;
            total += written(&instance).await;
            unread.push((instance, body));
        }
        assert!(total * KIB <= ALL, "{total} KiB");
        let (instance, mut body) = response(&buffers).await;
        let taken = tokio::spawn(async move {
            let mut taken = 0;
            while let Some(piece) = body.frame().await {
                taken += piece.unwrap().into_data().unwrap().len();
            }
            taken
        });
        for _ in 0..2000 {
            instance.send(Bytes::from(vec![0; KIB])).await.unwrap();
        }
        drop(instance);
        assert_eq!(taken.await.unwrap(), 2000 * KIB);
        drop(unread);
        while buffers.room.available_permits() < ALL {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_instance_learns_that_its_client_is_gone() {
        let buffers = ResponseBuffers::new();
        let (instance, body) = response(&buffers).await;
        written(&instance).await;
        drop(body);
        timeout(Duration::from_secs(1), instance.closed()).await.expect("it learns at once");
    }

    #[tokio::test]
    async fn a_failed_instance_truncates_its_body() {
        for fails in [false, true] {
            let (instance, relay, body) = response_and_relay(&ResponseBuffers::new()).await;
            instance.send(Bytes::from("the beginning")).await.unwrap();
            if fails {
                relay.fail();
            }
            drop(instance);
            assert_eq!(body.collect().await.is_err(), fails);
        }
    }
}
