//! The demo over HTTP: the command serves it, and a client without a screen visits it.

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
mod scenarios;
mod secrets;
