//! Other languages and other hosts. `scripts/test --hosts` installs what they need.

mod guests;
mod increments;
mod node;
mod redis;
mod reproducible;
mod session3;
mod wasmtime;
