//! What a session is, whatever keeps it: ids, the record format, expiry, cookies and the manager.
//!
//! Nothing here does I/O. The clock and random bytes are arguments, storage is the trait [`store::Store`]; so all
//! of it can be tested natively, under a model and under a fuzzer. WASI and WIT types do not appear: the components
//! translate at their borders.
//!
//! | module | one idea |
//! |---|---|
//! | [`id`] | session ids, parsed before any use |
//! | [`record`] | one session as the bytes of one slot |
//! | [`slots`] | three slots in one file: which is live, which may be overwritten |
//! | [`expiry`] | when a session is over, on a clock that may be stepped |
//! | [`store`] | the contract of a store |
//! | `checked` | what an argument of a store must be |
//! | [`credential`] | id + secret: what lets a client in, and what is kept of it |
//! | [`cookie`] | the cookie in a request, and the fields that set and revoke it |
//! | [`attributes`] | the values of attributes, and their names |
//! | [`state`] | the data of a managed session, and its codec |
//! | [`client`] | who sent a request |
//! | [`map`] | names and what belongs to them |
//! | [`form_tokens`] | tokens for forms that may be sent once |
//! | [`json`] | is this JSON? |
//! | [`session`] | a session during one request |
//! | `changes` | what one request does to it, and how that meets the changes of others |
//! | [`configuration`] | how a manager works |
//! | [`manager`], `finish` | the life of a session across requests: its start, its end |
//! | `claim` | which session a request may have, by the cookies that it shows |
//! | `succession` | what an old cookie finds when its session has a new id |
//! | [`people`] | the sessions of one user: devices, log out everywhere, a cap |
//! | `limits` | how many sessions there may be |
//! | [`events`] | what the host is told |

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod attributes;
mod changes;
mod checked;
mod claim;
pub mod client;
pub mod configuration;
pub mod cookie;
pub mod credential;
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
pub mod people;
pub mod record;
pub mod session;
pub mod slots;
pub mod state;
pub mod store;
mod succession;

pub use error::Error;
pub use id::SessionId;
