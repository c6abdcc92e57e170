//! Answers on their way: what instances have written and clients have not taken.
//!
//! An instance does not wait for its client: with the end of an ordinary answer it ends, and its locks are free. What is
//! kept until the client takes it is bounded, for each answer and for all of them. Beyond that, instances wait.

use super::response::{Body, Outcome};
use http_body_util::BodyExt;
use hyper::body::{Bytes, Frame};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime_wasi_http::Error;
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

/// Bytes of one answer.
const EACH: u32 = 1 << 20;
/// Bytes of all.
const ALL: usize = 64 << 20;
/// What a piece takes besides its bytes, so that many short ones are not free.
const PIECE_BYTES: u32 = 256;

/// Those of a server.
pub struct Answers {
    room: Arc<Semaphore>,
}

type Piece = Result<Frame<Bytes>, Error>;

impl Answers {
    pub fn new() -> Self {
        Self { room: Arc::new(Semaphore::new(ALL)) }
    }

    /// The body that an instance writes, taken from it as fast as it comes. When the instance dies over it, the client
    /// must not take what it got for the whole: Wasmtime's body would end as if it were complete.
    pub fn take(&self, body: HyperOutgoingBody, outcome: Outcome) -> Body {
        let (sender, pieces) = unbounded_channel();
        let room = Room { own: Arc::new(Semaphore::new(EACH as usize)), all: self.room.clone() };
        tokio::spawn(take(body, outcome, room, sender));
        Untaken { pieces }.boxed_unsync()
    }
}

/// Until the client hangs up, or has waited too long.
async fn take(
    mut body: HyperOutgoingBody,
    outcome: Outcome,
    room: Room,
    sender: UnboundedSender<(Piece, Option<Place>)>,
) {
    loop {
        let next = async {
            let piece = body.frame().await?;
            let length = piece.as_ref().ok().and_then(Frame::data_ref).map_or(0, Bytes::len);
            Some((piece, Some(room.place(length).await)))
        };
        let piece = tokio::select! {
            piece = next => piece,
            () = sender.closed() => return,
        };
        match piece {
            // Whether it is still wanted, the next turn tells.
            Some(piece) => drop(sender.send(piece)),
            None => break,
        }
    }
    if outcome.is_failure() {
        drop(sender.send((Err(Error::HttpResponseIncomplete), None)));
    }
}

/// Where the pieces of one answer are.
struct Room {
    own: Arc<Semaphore>,
    all: Arc<Semaphore>,
}

/// Until it is dropped.
struct Place {
    _own: OwnedSemaphorePermit,
    _all: Option<OwnedSemaphorePermit>,
}

impl Room {
    /// Wait for a place. Answers to others delay this one no more than its own client does: one piece, when there is no
    /// other, has a place always.
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
    room.clone().acquire_many_owned(length).await.expect("nobody closes it")
}

struct Untaken {
    pieces: UnboundedReceiver<(Piece, Option<Place>)>,
}

impl hyper::body::Body for Untaken {
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

    /// An answer, and where its instance writes.
    fn answer(answers: &Answers) -> (Sender<Bytes>, Body) {
        let (instance, written) = channel(1);
        (instance, answers.take(Written(written).boxed_unsync(), Outcome::default()))
    }

    /// How many KiB an instance writes before it has to wait for its client: time stands still then.
    async fn written(instance: &Sender<Bytes>) -> usize {
        let mut written = 0;
        while timeout(Duration::from_secs(1), instance.send(Bytes::from(vec![0; KIB]))).await.is_ok() {
            written += 1;
        }
        written
    }

    #[tokio::test(start_paused = true)]
    async fn an_instance_writes_ahead_of_its_client() {
        let answers = Answers::new();
        let (instance, mut body) = answer(&answers);
        let ahead = written(&instance).await;
        assert!((600..=1024).contains(&ahead), "{ahead} KiB of 1 MiB, less what pieces take");
        for _ in 0..100 {
            assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap().len(), KIB);
        }
        assert_eq!(written(&instance).await, 100, "what the client takes makes room");
        drop(instance);
        let mut left = 0;
        while let Some(piece) = body.frame().await {
            left += piece.unwrap().into_data().unwrap().len();
        }
        assert_eq!(left, ahead * KIB, "nothing is lost");
        assert_eq!(answers.room.available_permits(), ALL);
    }

    /// Clients that take nothing have all the room there is. An instance whose client takes what comes goes on.
    #[tokio::test(start_paused = true)]
    async fn all_together_are_bounded() {
        let answers = Answers::new();
        let mut untaken = Vec::new();
        let mut total = 0;
        for _ in 0..ALL / EACH as usize + 10 {
            let (instance, body) = answer(&answers);
            total += written(&instance).await;
            untaken.push((instance, body));
        }
        assert!(total * KIB <= ALL, "{total} KiB");
        let (instance, mut body) = answer(&answers);
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
        drop(untaken);
        while answers.room.available_permits() < ALL {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_instance_learns_that_its_client_is_gone() {
        let answers = Answers::new();
        let (instance, body) = answer(&answers);
        written(&instance).await;
        drop(body);
        timeout(Duration::from_secs(1), instance.closed()).await.expect("it is told at once");
    }

    #[tokio::test]
    async fn what_a_dying_instance_wrote_is_not_the_whole() {
        for fails in [false, true] {
            let (instance, written) = channel(1);
            let outcome = Outcome::default();
            let body = Answers::new().take(Written(written).boxed_unsync(), outcome.clone());
            instance.send(Bytes::from("the beginning")).await.unwrap();
            if fails {
                outcome.failed();
            }
            drop(instance);
            assert_eq!(body.collect().await.is_err(), fails);
        }
    }
}
