//! The demo over HTTP: the command serves it, and a client without a screen visits it.

mod concurrent;
mod cookies;
mod lifetime;
mod metrics;
mod pages;
mod refusals;
mod scenarios;
mod secrets;
