//! Other languages and other hosts. What they need is installed by `scripts/test --hosts`.

mod guests;
mod increments;
mod node;
mod reproducible;
mod session3;
mod wasmtime;
