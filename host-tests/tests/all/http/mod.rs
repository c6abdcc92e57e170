//! The demo over HTTP: served by the command, visited by a client without a browser.

mod asked_for;
mod client_address;
mod concurrent;
mod connections;
mod cookies;
mod devices;
mod lifetime;
mod limits;
mod login;
mod metrics;
mod notes;
mod notices;
mod pages;
mod refusals;
mod reuse;
mod scenarios;
mod secrets;
mod system_calls;
