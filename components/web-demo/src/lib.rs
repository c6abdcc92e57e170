//! The web demo: Session3's, and what has been added since, as a `wasi:http` component that imports nothing of ours but
//! `session-manager` and `session-store`.
//!
//! | module | one idea |
//! |---|---|
//! | `routes` | which path and method lead where, and what is refused before a page sees the request |
//! | `sessions` | a request's session, from its cookies to the header fields of the answer |
//! | `pages` | what is shown |
//! | `failure` | why a request was not done |
//! | `origin` | which site a request came from |
//! | `client`, `user_agent` | who sent a request, and what that is called |
//! | `time` | moments and ages in words |
//! | `http` | requests and responses: the only place that calls `wasi:http` |
//! | `bindings` | the contract's types |

// First, so that elsewhere the crate is empty: `no_std` before it would stay, without a panic handler.
#![cfg(target_family = "wasm")]
#![no_std]

extern crate alloc;

use guest_platform as _;

mod bindings;
mod client;
mod failure;
mod http;
mod origin;
mod pages;
mod routes;
mod sessions;
mod time;
mod user_agent;
