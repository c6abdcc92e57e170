//! The suite as one function, for any back end.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;

use super::report::{Outcome, Report};
use crate::harness::{Harness, Need};

/// A promise of the contract: its name, the capabilities it requires, and the function that tests it.
struct Promise<H> {
    name: &'static str,
    needs: &'static [Need],
    test: for<'a> fn(&'a H) -> Pin<Box<dyn Future<Output = ()> + 'a>>,
}

/// A `Vec` of the suite's functions.
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_promises {
    ([] $($part:ident $(($part_needs:ident))?: $($test:ident $(($needs:ident))?)* ;)*) => {
        [$($crate::conformance_promises!(@ $part, [$($part_needs)?], $([$test $($needs)?])*)),*].concat()
    };
    (@ $part:ident, $part_needs:tt, $($test:tt)*) => {
        vec![$($crate::conformance_promises!(@@ $part, $part_needs, $test)),*]
    };
    (@@ $part:ident, [$($part_needs:ident)?], [$test:ident $($needs:ident)?]) => {
        Promise {
            name: concat!(stringify!($part), "::", stringify!($test)),
            needs: &[$(Need::$part_needs,)? $(Need::$needs,)?],
            test: |host| Box::pin(super::$part::$test(host)),
        }
    };
}

impl<H> Clone for Promise<H> {
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}

/// Tests every promise of the contract sequentially, each on a harness that `fresh` creates, with an empty store.
///
/// For a plain `#[test]`: each promise runs in its own Tokio runtime.
///
/// ```no_run
/// use session_conformance::{BackEnd, Component};
///
/// let component = Component::new(&std::fs::read("my_store.wasm").unwrap()).unwrap();
/// let report = session_conformance::run(|| BackEnd::new(&component)).unwrap();
/// println!("{report}");
/// ```
pub fn run<H: Harness>(fresh: impl Fn() -> H) -> Report {
    let promises: Vec<Promise<H>> = crate::conformance_suite!(conformance_promises, []);
    Report(promises.iter().map(|promise| (promise.name, promise.test_on(&fresh))).collect())
}

impl<H: Harness> Promise<H> {
    fn test_on(&self, fresh: impl Fn() -> H) -> Outcome {
        let test = || {
            let host = fresh();
            if let Some(reason) = self.needs.iter().find_map(|need| host.lacks(*need)) {
                return Outcome::NotApplicable(reason);
            }
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on((self.test)(&host));
            Outcome::Passed
        };
        catch_unwind(AssertUnwindSafe(test)).unwrap_or_else(|panic| Outcome::Failed(message(&*panic)))
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without a message").into()
}
