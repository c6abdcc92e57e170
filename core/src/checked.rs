//! A store that validates its arguments.

use alloc::vec::Vec;

use crate::error::Result;
use crate::store::{
    Contents, Cursor, GarbageReport, Guard, Info, LockMode, Milliseconds, Options, Page, Record, Store, Usage,
};
use crate::{SessionId, arguments};

/// A store, guard or cursor that refuses arguments outside the limits of the contract.
#[derive(Clone)]
pub struct Checked<T> {
    inner: T,
    size_limit: u32,
}

impl<T> Checked<T> {
    fn check(&self, contents: &Contents) -> Result<()> {
        arguments::contents(contents, self.size_limit)
    }

    fn wrap<U>(&self, inner: U) -> Checked<U> {
        Checked { inner, size_limit: self.size_limit }
    }
}

impl<S: Store> Store for Checked<S> {
    type Guard = Checked<S::Guard>;
    type Cursor = Checked<S::Cursor>;

    fn open(location: &str, options: Options) -> Result<Self> {
        arguments::location(location, options)?;
        Ok(Self { inner: S::open(location, options)?, size_limit: options.size_limit })
    }

    fn setup(location: &str, options: Options) -> Result<Self> {
        arguments::location(location, options)?;
        Ok(Self { inner: S::setup(location, options)?, size_limit: options.size_limit })
    }

    fn create(&self, id: &SessionId, contents: Contents) -> Result<Info> {
        self.check(&contents)?;
        self.inner.create(id, contents)
    }

    fn load(&self, id: &SessionId) -> Result<Option<Record>> {
        self.inner.load(id)
    }

    fn save(&self, id: &SessionId, contents: Contents, expected: Option<u64>) -> Result<u64> {
        self.check(&contents)?;
        self.inner.save(id, contents, expected)
    }

    fn touch(&self, id: &SessionId) -> Result<()> {
        self.inner.touch(id)
    }

    fn delete(&self, id: &SessionId) -> Result<bool> {
        self.inner.delete(id)
    }

    fn has(&self, id: &SessionId) -> Result<bool> {
        self.inner.has(id)
    }

    fn rename(&self, id: &SessionId, new_id: &SessionId) -> Result<()> {
        self.inner.rename(id, new_id)
    }

    fn import(&self, record: Record) -> Result<()> {
        arguments::imported(&record, self.size_limit)?;
        self.inner.import(record)
    }

    fn lock(&self, id: &SessionId, mode: LockMode, wait: Option<Milliseconds>) -> Result<Self::Guard> {
        Ok(self.wrap(self.inner.lock(id, mode, wait)?))
    }

    fn delete_old(&self, minutes: u32) -> Result<(u64, u64)> {
        self.inner.delete_old(minutes)
    }

    fn collect_garbage(&self, budget: u32, resume: Option<&str>) -> Result<GarbageReport> {
        arguments::budget(budget)?;
        self.inner.collect_garbage(budget, resume)
    }

    fn sessions(&self, after: Option<&SessionId>) -> Result<Self::Cursor> {
        Ok(self.wrap(self.inner.sessions(after)?))
    }

    fn sessions_of(&self, owner: &str) -> Result<Self::Cursor> {
        arguments::owner(owner)?;
        Ok(self.wrap(self.inner.sessions_of(owner)?))
    }

    fn ids_of(&self, owner: &str) -> Result<Vec<SessionId>> {
        arguments::owner(owner)?;
        self.inner.ids_of(owner)
    }

    fn count_of(&self, owner: &str) -> Result<u64> {
        arguments::owner(owner)?;
        self.inner.count_of(owner)
    }

    fn delete_of(&self, owner: &str) -> Result<u64> {
        arguments::owner(owner)?;
        self.inner.delete_of(owner)
    }

    fn usage(&self) -> Result<Usage> {
        self.inner.usage()
    }

    fn is_multiprocess_safe(&self) -> bool {
        self.inner.is_multiprocess_safe()
    }

    fn is_thread_safe(&self) -> bool {
        self.inner.is_thread_safe()
    }
}

impl<G: Guard> Guard for Checked<G> {
    fn load(&mut self) -> Result<Option<Record>> {
        self.inner.load()
    }

    fn save(&mut self, contents: Contents, expected: Option<u64>) -> Result<u64> {
        self.check(&contents)?;
        self.inner.save(contents, expected)
    }

    fn delete(&mut self) -> Result<bool> {
        self.inner.delete()
    }

    fn rename(&mut self, new_id: &SessionId) -> Result<()> {
        self.inner.rename(new_id)
    }
}

impl<C: Cursor> Cursor for Checked<C> {
    fn next_page(&mut self, limit: u32) -> Result<Page> {
        arguments::page(limit)?;
        self.inner.next_page(limit)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::{String, ToString};
    use alloc::vec;

    use super::*;
    use crate::Error;
    use crate::store::{Durability, MAX_DATA, MAX_OWNER, MAX_PAGE};

    fn refused<T: core::fmt::Debug>(result: Result<T>) -> String {
        let Err(Error::InvalidArgument(text)) = result else { panic!("{result:?}") };
        text
    }

    #[test]
    fn contents() {
        let store = Checked { inner: (), size_limit: 3 };
        let of = |length, owner: Option<&str>| Contents {
            data: vec![0; length],
            owner: owner.map(|owner| owner.to_string()),
            ..Contents::default()
        };
        assert_eq!(store.check(&of(3, None)), Ok(()));
        assert_eq!(store.check(&of(4, None)), Err(Error::TooLarge(3)));
        refused(store.check(&of(0, Some(""))));
    }

    /// A store and guard with distinctive results.
    #[derive(Clone, Debug, PartialEq)]
    struct Stub(bool);

    /// A listing: its pages in reverse order.
    struct Pages(Vec<Page>);

    fn id() -> SessionId {
        SessionId::parse("session-1").unwrap()
    }

    fn record() -> Record {
        Record { id: id(), version: 2, created: 3, modified: 4, last_active: 5, contents: Contents::default() }
    }

    impl Store for Stub {
        type Guard = Self;
        type Cursor = Pages;

        fn open(location: &str, _: Options) -> Result<Self> {
            Ok(Self(location == "yes"))
        }
        fn setup(location: &str, _: Options) -> Result<Self> {
            Ok(Self(location == "yes"))
        }
        fn create(&self, _: &SessionId, _: Contents) -> Result<Info> {
            Ok(record().info())
        }
        fn load(&self, _: &SessionId) -> Result<Option<Record>> {
            Ok(Some(record()))
        }
        fn save(&self, _: &SessionId, _: Contents, expected: Option<u64>) -> Result<u64> {
            Ok(expected.unwrap() + 1)
        }
        fn touch(&self, _: &SessionId) -> Result<()> {
            Err(Error::Gone)
        }
        fn delete(&self, _: &SessionId) -> Result<bool> {
            Ok(self.0)
        }
        fn has(&self, _: &SessionId) -> Result<bool> {
            Ok(self.0)
        }
        fn import(&self, _: Record) -> Result<()> {
            Err(Error::AlreadyExists)
        }
        fn rename(&self, _: &SessionId, _: &SessionId) -> Result<()> {
            Err(Error::Gone)
        }
        fn lock(&self, _: &SessionId, _: LockMode, _: Option<Milliseconds>) -> Result<Self> {
            Ok(self.clone())
        }
        fn delete_old(&self, minutes: u32) -> Result<(u64, u64)> {
            Ok((minutes.into(), 6))
        }
        fn collect_garbage(&self, examined: u32, _: Option<&str>) -> Result<GarbageReport> {
            Ok(GarbageReport { examined, ..GarbageReport::default() })
        }
        fn sessions(&self, _: Option<&SessionId>) -> Result<Pages> {
            let one = Page { sessions: vec![record().info()], unreadable: Vec::new() };
            Ok(Pages(vec![one, Page { sessions: Vec::new(), unreadable: vec![id()] }]))
        }
        fn sessions_of(&self, _: &str) -> Result<Pages> {
            self.sessions(None)
        }
        fn count_of(&self, _: &str) -> Result<u64> {
            Ok(7)
        }
        fn delete_of(&self, _: &str) -> Result<u64> {
            Ok(8)
        }
        fn usage(&self) -> Result<Usage> {
            Ok(Usage { sessions: 9, bytes: 10 })
        }
        fn is_multiprocess_safe(&self) -> bool {
            self.0
        }
        fn is_thread_safe(&self) -> bool {
            self.0
        }
    }

    impl Guard for Stub {
        fn load(&mut self) -> Result<Option<Record>> {
            Ok(Some(record()))
        }
        fn save(&mut self, _: Contents, expected: Option<u64>) -> Result<u64> {
            Ok(expected.unwrap() + 1)
        }
        fn delete(&mut self) -> Result<bool> {
            Ok(self.0)
        }
        fn rename(&mut self, _: &SessionId) -> Result<()> {
            Err(Error::Gone)
        }
    }

    impl Cursor for Pages {
        fn next_page(&mut self, _: u32) -> Result<Page> {
            Ok(self.0.pop().unwrap_or_default())
        }
    }

    /// As in `wit/session-store.wit`.
    #[test]
    fn the_limits_are_those_of_the_contract() {
        assert_eq!((MAX_DATA, MAX_OWNER, MAX_PAGE), (16_777_216, 256, 1000));
        let Options { create, durability, size_limit, lock_wait } = Options::default();
        assert_eq!((create, durability, size_limit, lock_wait), (false, Durability::Relaxed, 1_048_576, 5000));
    }

    #[test]
    fn valid_arguments_and_results_are_passed_on() {
        for (location, yes) in [("yes", true), ("no", false)] {
            let store = Checked::<Stub>::open(location, Options::default()).unwrap();
            assert_eq!(Checked::<Stub>::setup(location, Options::default()).unwrap().inner, store.inner);
            assert_eq!(store.create(&id(), Contents::default()), Ok(record().info()));
            assert_eq!(store.load(&id()), Ok(Some(record())));
            assert_eq!(store.save(&id(), Contents::default(), Some(5)), Ok(6));
            assert_eq!(store.touch(&id()), Err(Error::Gone));
            assert_eq!(store.delete(&id()), Ok(yes));
            assert_eq!(store.has(&id()), Ok(yes));
            assert_eq!(store.rename(&id(), &id()), Err(Error::Gone));
            assert_eq!(store.import(record()), Err(Error::AlreadyExists));
            assert_eq!(store.delete_old(5), Ok((5, 6)));
            assert_eq!(store.collect_garbage(1, None).unwrap().examined, 1);
            assert_eq!(store.ids_of("ann"), Ok(vec![id()]));
            assert_eq!(store.count_of("ann"), Ok(7));
            assert_eq!(store.delete_of("ann"), Ok(8));
            assert_eq!(store.usage(), Ok(Usage { sessions: 9, bytes: 10 }));
            assert_eq!((store.is_multiprocess_safe(), store.is_thread_safe()), (yes, yes));
            let mut guard = store.lock(&id(), LockMode::Shared, None).unwrap();
            assert_eq!(Guard::load(&mut guard), Ok(Some(record())));
            assert_eq!(Guard::save(&mut guard, Contents::default(), Some(5)), Ok(6));
            assert_eq!(Guard::delete(&mut guard), Ok(yes));
            assert_eq!(Guard::rename(&mut guard, &id()), Err(Error::Gone));
            for mut cursor in [store.sessions(None).unwrap(), store.sessions_of("ann").unwrap()] {
                assert_eq!(cursor.next_page(1).unwrap().unreadable, [id()]);
                assert_eq!(cursor.next_page(1).unwrap().sessions, [record().info()]);
            }
        }
    }

    #[test]
    fn invalid_arguments_are_refused_everywhere() {
        assert!(Checked::<Stub>::open("..", Options::default()).is_err());
        assert!(Checked::<Stub>::setup("..", Options::default()).is_err());
        let store = Checked::<Stub>::open("yes", Options { size_limit: 3, ..Options::default() }).unwrap();
        let large = || Contents { data: vec![0; 4], ..Contents::default() };
        assert_eq!(store.create(&id(), large()), Err(Error::TooLarge(3)));
        assert_eq!(store.save(&id(), large(), Some(5)), Err(Error::TooLarge(3)));
        assert_eq!(store.import(Record { contents: large(), ..record() }), Err(Error::TooLarge(3)));
        for version in [0, u64::MAX] {
            refused(store.import(Record { version, ..record() }));
        }
        let mut guard = store.lock(&id(), LockMode::Exclusive, None).unwrap();
        assert_eq!(Guard::save(&mut guard, large(), Some(5)), Err(Error::TooLarge(3)));
        refused(store.collect_garbage(0, None));
        refused(store.ids_of(""));
        refused(store.count_of(""));
        refused(store.delete_of(""));
        assert!(store.sessions_of("").is_err());
        let mut cursor = store.sessions(None).unwrap();
        for (limit, good) in [(0, false), (1, true), (MAX_PAGE, true), (MAX_PAGE + 1, false)] {
            assert_eq!(cursor.next_page(limit).is_ok(), good, "{limit}");
        }
    }
}
