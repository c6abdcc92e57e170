//! The web demo: Session3's, with additions, as a `wasi:http` component whose only session3 imports are
//! `session-manager` and `session-store`.
//!
//! | module | contents |
//! |---|---|
//! | `routes` | routing by path and method, and checks before a page sees the request |
//! | `sessions` | a request's session, from its cookies to the header fields of the response |
//! | `pages` | the pages |
//! | `failure` | why a request failed |
//! | `origin` | which site a request came from |
//! | `client`, `user_agent` | who sent a request |
//! | `time` | times and durations in words |
//! | `request`, `response` | the only modules that call `wasi:http` |
//! | `bindings` | generated bindings of the WIT contract |

// First, so that elsewhere the crate is empty: `no_std` before it would stay, without a panic handler.
#![cfg(target_family = "wasm")]
#![no_std]

extern crate alloc;

use guest_platform as _;

mod bindings;
mod client;
mod failure;
mod origin;
mod pages;
mod request;
mod response;
mod routes;
mod sessions;
mod time;
mod user_agent;
