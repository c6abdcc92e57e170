//! The WIT interfaces as Rust: one method per function, on handles that keep their instance alive.

mod manager;
mod store;

pub use manager::{Configuration, Devices, HeaderField, Manager, Session, integer, text};
pub use store::{Cursor, Guard, Store, contents, data, options};

/// The methods of a resource, one line each; `=>` converts an argument. A trap fails the test at the line of the call.
macro_rules! methods {
    ($type:ident in $interface:ident.$resource:ident {
        $( $(#[$doc:meta])* $name:ident = $call:ident($($arg:ident: $ty:ty $(=> $lowered:expr)?),*) $(-> $out:ty)?; )*
    }) => {
        impl $type {
            $(
                $(#[$doc])*
                #[track_caller]
                pub fn $name(&self, $($arg: $ty),*) -> impl Future<Output = methods!(@ $($out)?)> + Send {
                    let caller = std::panic::Location::caller();
                    async move {
                        let mut store = self.instance.enter().await;
                        let exports = self.instance.exports().$interface();
                        let answer = exports.$resource().$call(&mut *store, self.handle, $(methods!(@arg $arg $(=> $lowered)?)),*).await;
                        crate::instance::survived(answer, caller)
                    }
                }
            )*

            /// Drops the resource, as a guest would.
            #[track_caller]
            pub fn close(self) -> impl Future<Output = ()> + Send {
                let caller = std::panic::Location::caller();
                async move {
                    let mut store = self.instance.enter().await;
                    let dropped = self.handle.resource_drop_async(&mut *store).await;
                    crate::instance::survived(dropped, caller)
                }
            }
        }
    };
    (@arg $arg:ident) => { $arg };
    (@arg $arg:ident => $lowered:expr) => { $lowered };
    (@) => { () };
    (@ $out:ty) => { $out };
}
use methods;
