//! What a session is, whatever keeps it: ids, the record format, expiry, cookies and the manager.
//!
//! Nothing here does I/O. The clock and random bytes are arguments, storage is the trait [`store::Sessions`]; so all
//! of it can be tested natively, under a model and under a fuzzer. WASI and WIT types do not appear: the components
//! translate at their borders.
//!
//! | module | one idea |
//! |---|---|
//! | [`id`] | session ids, parsed before any use |
//! | [`record`] | one session as the bytes of one slot |
//! | [`slots`] | three slots in one file: which is live, which may be overwritten |
//! | [`expiry`] | when a session is over, on a clock that may be stepped |
//! | [`store`] | the contract that the manager needs of a store |
//! | [`cookie`] | id + secret in, id + secret out |
//! | [`attributes`] | the data of a managed session, and its codec |
//! | [`manager`], [`session`] | the life of a session across requests |

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod attributes;
pub mod cookie;
pub mod error;
pub mod expiry;
pub mod id;
pub mod manager;
pub mod record;
pub mod session;
pub mod slots;
pub mod store;

pub use error::Error;
pub use id::SessionId;
