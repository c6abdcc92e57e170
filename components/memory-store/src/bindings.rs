//! The contract's types, generated from `wit/`.

wit_bindgen::generate!({ path: "../../wit", world: "back-end" });

pub use exports::session3::sessions::session_store as wit;

struct Component;

impl wit::Guest for Component {
    type Store = crate::store::Store;
    type SessionGuard = crate::guard::Guard;
    type SessionCursor = crate::listing::Cursor;
}

export!(Component);
