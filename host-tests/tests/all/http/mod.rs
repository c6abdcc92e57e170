//! The demo over HTTP: the command serves it, and a client without a screen visits it.

mod client_address;
mod concurrent;
mod cookies;
mod devices;
mod lifetime;
mod login;
mod metrics;
mod notes;
mod notices;
mod pages;
mod refusals;
mod scenarios;
mod secrets;
