use super::ctx::{Guard, Locks, LocksView};
use super::error::{Error, Mode};
use crate::bindings::session3::sessions::advisory_locks as wit;
use std::time::Duration;
use wasmtime::Result;
use wasmtime::component::{HasData, Linker, Resource};

/// Add `session3:sessions/advisory-locks` to a linker. Its calls need a Tokio runtime with time enabled.
///
/// # Errors
///
/// Fails if the linker already has that interface.
pub fn add_to_linker<T: LocksView + 'static>(linker: &mut Linker<T>) -> Result<()> {
    wit::add_to_linker::<T, HasLocks>(linker, T::locks)
}

struct HasLocks;

impl HasData for HasLocks {
    type Data<'a> = Locks<'a>;
}

impl wit::Host for Locks<'_> {
    async fn acquire(
        &mut self,
        name: String,
        mode: wit::Mode,
        timeout: u32,
    ) -> Result<Result<Resource<Guard>, wit::Error>> {
        let wait = Duration::from_millis(timeout.into());
        match self.ctx.acquire(&name, mode.into(), wait).await {
            Ok(place) => Ok(Ok(self.table.push(self.ctx.hold(place))?)),
            Err(error) => Ok(Err(error.into())),
        }
    }

    async fn scope(&mut self) -> Result<wit::LockScope> {
        let machine = self.ctx.space().is_machine_wide();
        Ok(if machine { wit::LockScope::Machine } else { wit::LockScope::Process })
    }
}

impl wit::HostGuard for Locks<'_> {
    async fn drop(&mut self, guard: Resource<Guard>) -> Result<()> {
        let guard = self.table.delete(guard)?;
        self.ctx.release(guard);
        Ok(())
    }
}

impl From<wit::Mode> for Mode {
    fn from(mode: wit::Mode) -> Self {
        match mode {
            wit::Mode::Shared => Self::Shared,
            wit::Mode::Exclusive => Self::Exclusive,
        }
    }
}

impl From<Error> for wit::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::TimedOut => Self::TimedOut,
            Error::Deadlock => Self::Deadlock,
            Error::TooMany => Self::TooMany,
            Error::InvalidName => Self::InvalidName,
            Error::Moved => Self::Other(
                "the directory of the lock file was replaced during the life of this instance; a new instance uses the \
                 current directory"
                    .into(),
            ),
            Error::LockFile(error) => Self::Other(format!("the lock file cannot be locked: {error}")),
        }
    }
}
