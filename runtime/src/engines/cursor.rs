use super::ctx::EngineCtx;
use super::store::{Sink, Store};
use session_core::error::Result;
use session_core::store::Page;
use session_core::{SessionId, arguments};
use std::vec::IntoIter;

/// The host's representation of the resource `session-cursor`.
pub struct Cursor {
    store: Store,
    at: At,
}

enum At {
    /// All sessions: behind this id, or from the start.
    Behind(Option<SessionId>),
    /// An owner's sessions: the remaining ones.
    Of(String, IntoIter<SessionId>),
    End,
}

impl Cursor {
    pub(super) fn all(store: Store, after: Option<SessionId>) -> Self {
        Self { store, at: At::Behind(after) }
    }

    pub(super) fn of(store: Store, owner: String, ids: Vec<SessionId>) -> Self {
        Self { store, at: At::Of(owner, ids.into_iter()) }
    }

    /// An empty page is the end, so pages whose sessions have all ended are skipped.
    pub(super) async fn next_page(&mut self, ctx: &EngineCtx, limit: u32) -> Result<Page> {
        arguments::page(limit)?;
        let sink = Sink(ctx.events.clone());
        let call = sink.call(ctx);
        loop {
            let page = match &mut self.at {
                At::End => return Ok(Page::default()),
                At::Behind(after) => {
                    let (page, next) = self.store.sessions.page(after.as_ref(), limit, call).await?;
                    self.at = next.map_or(At::End, |next| At::Behind(Some(next)));
                    page
                }
                At::Of(owner, ids) => {
                    let next: Vec<SessionId> = ids.take(limit as usize).collect();
                    let page =
                        Page { sessions: self.store.sessions.infos(&next, owner, call).await?, ..Page::default() };
                    if ids.as_slice().is_empty() {
                        self.at = At::End;
                    }
                    page
                }
            };
            if !(page.sessions.is_empty() && page.unreadable.is_empty()) {
                return Ok(page);
            }
        }
    }
}
