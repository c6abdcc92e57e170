use super::ctx::{Engines, EnginesView};
use super::cursor::Cursor;
use super::guard::Guard;
use super::store::{Store, random};
use crate::bindings::imported::session3::sessions::session_store as wit;
use session_core::SessionId;
use session_core::error::Error;
use session_core::store::Record;
use wasmtime::Result;
use wasmtime::component::{HasData, Linker, Resource};

type Answer<T> = Result<std::result::Result<T, wit::Error>>;

/// Add `session3:sessions/session-store` to a linker. Its calls need a Tokio runtime with time enabled.
///
/// # Errors
///
/// Fails if the linker already has that interface.
pub fn add_to_linker<T: EnginesView + 'static>(linker: &mut Linker<T>) -> Result<()> {
    wit::add_to_linker::<T, HasEngines>(linker, T::engines)
}

struct HasEngines;

impl HasData for HasEngines {
    type Data<'a> = Engines<'a>;
}

impl wit::Host for Engines<'_> {}

/// A result of the store as a result of the contract.
fn answer<T, U: From<T>>(result: std::result::Result<T, Error>) -> Answer<U> {
    Ok(result.map(U::from).map_err(wit::Error::from))
}

/// Parses an id, or returns the error to the caller.
macro_rules! id {
    ($text:expr) => {
        match SessionId::parse(&$text) {
            Ok(id) => id,
            Err(error) => return Ok(Err(error.into())),
        }
    };
}

fn given_or_random(id: Option<String>) -> std::result::Result<SessionId, Error> {
    id.map_or_else(|| Ok(SessionId::generate(random().to_ne_bytes())), |id| SessionId::parse(&id))
}

impl Engines<'_> {
    /// A handle to the store, so that the table is free for the results.
    fn store(&self, store: &Resource<Store>) -> Result<Store> {
        Ok(self.table.get(store)?.clone())
    }
}

impl wit::HostStore for Engines<'_> {
    async fn open(&mut self, location: String, options: wit::Options) -> Answer<Resource<Store>> {
        match Store::open(self.ctx, &location, options.into()).await {
            Ok(store) => Ok(Ok(self.table.push(store)?)),
            Err(error) => Ok(Err(error.into())),
        }
    }

    async fn setup(&mut self, location: String, options: wit::Options) -> Answer<Resource<Store>> {
        match Store::setup(self.ctx, &location, options.into()).await {
            Ok(store) => Ok(Ok(self.table.push(store)?)),
            Err(error) => Ok(Err(error.into())),
        }
    }

    async fn create_session(
        &mut self,
        store: Resource<Store>,
        id: Option<String>,
        contents: wit::Contents,
    ) -> Answer<wit::SessionInfo> {
        let store = self.store(&store)?;
        match given_or_random(id) {
            Ok(id) => answer(store.create(self.ctx, &id, contents.into()).await),
            Err(error) => Ok(Err(error.into())),
        }
    }

    async fn load_session(&mut self, store: Resource<Store>, id: String) -> Answer<Option<wit::Session>> {
        let id = id!(id);
        let loaded = self.store(&store)?.load(self.ctx, &id, None).await;
        answer(loaded.map(|record| record.map(wit::Session::from)))
    }

    async fn save_session(
        &mut self,
        store: Resource<Store>,
        id: String,
        contents: wit::Contents,
        expected: Option<u64>,
    ) -> Answer<u64> {
        let id = id!(id);
        answer(self.store(&store)?.save(self.ctx, &id, &contents.into(), expected).await)
    }

    async fn touch_session(&mut self, store: Resource<Store>, id: String) -> Answer<()> {
        let id = id!(id);
        answer(self.store(&store)?.touch(self.ctx, &id).await)
    }

    async fn delete_session(&mut self, store: Resource<Store>, id: String) -> Answer<bool> {
        let id = id!(id);
        answer(self.store(&store)?.delete(self.ctx, &id).await)
    }

    async fn has_session(&mut self, store: Resource<Store>, id: String) -> Answer<bool> {
        let id = id!(id);
        answer(self.store(&store)?.has(self.ctx, &id).await)
    }

    async fn rename_session(&mut self, store: Resource<Store>, id: String, new_id: Option<String>) -> Answer<String> {
        let id = id!(id);
        let store = self.store(&store)?;
        match given_or_random(new_id) {
            Ok(new_id) => answer(store.rename(self.ctx, &id, &new_id).await.map(|()| new_id.to_string())),
            Err(error) => Ok(Err(error.into())),
        }
    }

    async fn import_session(&mut self, store: Resource<Store>, session: wit::Session) -> Answer<()> {
        let store = self.store(&store)?;
        match Record::try_from(session) {
            Ok(record) => answer(store.import(self.ctx, &record).await),
            Err(error) => Ok(Err(error.into())),
        }
    }

    async fn lock_session(
        &mut self,
        store: Resource<Store>,
        id: String,
        mode: wit::LockMode,
        wait: Option<u64>,
    ) -> Answer<Resource<Guard>> {
        let id = id!(id);
        match self.store(&store)?.lock(self.ctx, &id, mode.into(), wait).await {
            Ok(guard) => Ok(Ok(self.table.push(guard)?)),
            Err(error) => Ok(Err(error.into())),
        }
    }

    async fn delete_old_sessions(&mut self, store: Resource<Store>, minutes: u32) -> Answer<(u64, u64)> {
        answer(self.store(&store)?.delete_old(self.ctx, minutes).await)
    }

    async fn collect_garbage(
        &mut self,
        store: Resource<Store>,
        budget: u32,
        resume: Option<String>,
    ) -> Answer<wit::GarbageReport> {
        answer(self.store(&store)?.collect_garbage(self.ctx, budget, resume).await)
    }

    async fn iter_sessions(&mut self, store: Resource<Store>, after: Option<String>) -> Answer<Resource<Cursor>> {
        let after = match after {
            Some(after) => Some(id!(after)),
            None => None,
        };
        let cursor = self.store(&store)?.iter(after);
        Ok(Ok(self.table.push(cursor)?))
    }

    async fn sessions_of(&mut self, store: Resource<Store>, owner: String) -> Answer<Resource<Cursor>> {
        match self.store(&store)?.sessions_of(owner).await {
            Ok(cursor) => Ok(Ok(self.table.push(cursor)?)),
            Err(error) => Ok(Err(error.into())),
        }
    }

    async fn count_sessions_of(&mut self, store: Resource<Store>, owner: String) -> Answer<u64> {
        answer(self.store(&store)?.count_of(&owner).await)
    }

    async fn delete_sessions_of(&mut self, store: Resource<Store>, owner: String) -> Answer<u64> {
        answer(self.store(&store)?.delete_of(self.ctx, &owner).await)
    }

    async fn usage(&mut self, store: Resource<Store>) -> Answer<wit::Usage> {
        answer(self.store(&store)?.usage().await)
    }

    async fn is_multiprocess_safe(&mut self, store: Resource<Store>) -> Result<bool> {
        Ok(self.store(&store)?.sessions.is_multiprocess_safe())
    }

    async fn is_thread_safe(&mut self, _: Resource<Store>) -> Result<bool> {
        Ok(true)
    }

    async fn drop(&mut self, store: Resource<Store>) -> Result<()> {
        self.table.delete(store)?;
        Ok(())
    }
}

impl wit::HostSessionGuard for Engines<'_> {
    async fn load(&mut self, guard: Resource<Guard>) -> Answer<Option<wit::Session>> {
        let loaded = self.table.get(&guard)?.load(self.ctx).await;
        answer(loaded.map(|record| record.map(wit::Session::from)))
    }

    async fn save(&mut self, guard: Resource<Guard>, contents: wit::Contents, expected: Option<u64>) -> Answer<u64> {
        answer(self.table.get(&guard)?.save(self.ctx, &contents.into(), expected).await)
    }

    async fn delete(&mut self, guard: Resource<Guard>) -> Answer<bool> {
        answer(self.table.get(&guard)?.delete(self.ctx).await)
    }

    async fn rename(&mut self, guard: Resource<Guard>, new_id: Option<String>) -> Answer<String> {
        match given_or_random(new_id) {
            Ok(new_id) => {
                let renamed = self.table.get_mut(&guard)?.rename(self.ctx, &new_id).await;
                answer(renamed.map(|()| new_id.to_string()))
            }
            Err(error) => Ok(Err(error.into())),
        }
    }

    async fn drop(&mut self, guard: Resource<Guard>) -> Result<()> {
        self.table.delete(guard)?.release().await;
        Ok(())
    }
}

impl wit::HostSessionCursor for Engines<'_> {
    async fn next_page(&mut self, cursor: Resource<Cursor>, limit: u32) -> Answer<wit::Page> {
        answer(self.table.get_mut(&cursor)?.next_page(self.ctx, limit).await)
    }

    async fn drop(&mut self, cursor: Resource<Cursor>) -> Result<()> {
        self.table.delete(cursor)?;
        Ok(())
    }
}
