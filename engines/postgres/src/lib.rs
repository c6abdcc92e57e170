//! Sessions on PostgreSQL: tables, statements and connections.
//!
//! [`Postgres`] implements [`session_core::engine`] on a server of version 15 or newer. Its futures run on Tokio.
//!
//! # Tables
//!
//! In a schema of their own, made and brought to a new version by [`open`](session_core::engine::Engine::open):
//!
//! | table | contents |
//! |---|---|
//! | `stores` | the stores: location, identity, format. Its comment is the version of the tables |
//! | `sessions` | a row for each session, and for each lock of an id without one |
//! | `damaged` | sessions that could not be read, for inspection |
//!
//! # Statements
//!
//! Each operation is one statement, so it takes one round trip and is atomic: it locks the row, decides by its newest
//! version, changes it and returns why it did not. `src/statements/*.sql` has them. A rename is one as well.
//!
//! What has expired is decided by the caller's clock: by `session_core::expiry` where a row is read, and by the same
//! rules in SQL where one is changed.
//!
//! # Locks
//!
//! A lock is in the row of its session: the tokens of its holders and the ends of their leases, by the server's clock.
//! Each statement that writes compares the token: a holder whose lease has ended writes nothing, however late it is.
//!
//! # Commits
//!
//! There are two pools of connections. Relaxed saves, touches and locks use `synchronous_commit = off`: a crash of the
//! server loses at most the last of them, and never leaves half of one. Creates, deletes, renames and durable saves use
//! `on`, and so wait for the disk and, where the server has `synchronous_standby_names`, for a standby.
//!
//! # Repeated requests
//!
//! When a connection breaks, the statement may have been executed. Each write carries a random id that the row keeps, so
//! that a repeated one recognizes itself.
//!
//! # Modules
//!
//! | module | contents |
//! |---|---|
//! | `options` | the URL of a server |
//! | `open` | opening a store: what the server must keep, the tables and their versions |
//! | `sessions` | the operations on sessions |
//! | `garbage` | removing what has expired |
//! | `head`, `number` | rows and numbers as the server sends them |
//! | `statement` | the statements |
//! | `server` | connections; when a statement is sent again, and its errors |

#![forbid(unsafe_code)]

mod garbage;
mod head;
mod number;
mod open;
mod options;
mod server;
mod sessions;
mod statement;

pub use open::Postgres;
pub use options::{InvalidUrl, Options};
pub use sessions::PostgresSessions;
