//! Sessions, independent of where they are stored: ids, the record format, expiry, cookies and the manager.
//!
//! No I/O. The clock and random bytes are arguments, storage is the trait [`store::Store`]; so everything can be tested
//! natively, against a model and with a fuzzer. No WASI or WIT types: the components translate at their borders.
//!
//! | module | contents |
//! |---|---|
//! | [`id`] | session ids, parsed before any use |
//! | [`record`] | one version of a session as the bytes of one slot |
//! | [`slots`] | three slots in one file: which is live, which may be overwritten |
//! | [`expiry`] | when a session expires, on a clock that may be stepped |
//! | [`store`] | the store contract |
//! | [`arguments`] | the limits of a store's arguments |
//! | `checked` | a store that validates its arguments |
//! | [`engine`] | the seam for servers that keep sessions |
//! | [`credential`] | id and secret: what authenticates a client, and the hash that is stored |
//! | [`cookie`] | the cookie in a request, and the fields that set and revoke it |
//! | [`attributes`] | attribute values and names |
//! | [`state`] | the data of a managed session, and its codec |
//! | [`client`] | who sent a request |
//! | [`map`] | a sorted map from names |
//! | [`form_tokens`] | single-use form tokens |
//! | [`json`] | JSON validation |
//! | [`session`] | a session during one request |
//! | `changes` | the changes of one request, and merging them with those of others |
//! | [`configuration`] | the manager's configuration |
//! | [`manager`], `finish` | the life of a session across requests: start and finish |
//! | `claim` | resolves a request's cookies to a session |
//! | `succession` | resolves an old cookie after its session got a new id |
//! | [`user_sessions`] | the sessions of one user: devices, log out everywhere, the cap |
//! | `limits` | limits on the number of sessions |
//! | [`events`] | events reported to the host |

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod arguments;
pub mod attributes;
mod changes;
mod checked;
mod claim;
pub mod client;
pub mod configuration;
pub mod cookie;
pub mod credential;
pub mod engine;
pub mod error;
pub mod events;
pub mod expiry;
mod finish;
pub mod form_tokens;
pub mod id;
pub mod json;
mod limits;
pub mod manager;
pub mod map;
pub mod record;
pub mod session;
pub mod slots;
pub mod state;
pub mod store;
mod succession;
pub mod user_sessions;

pub use error::Error;
pub use id::SessionId;
