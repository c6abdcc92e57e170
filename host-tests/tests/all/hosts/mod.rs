//! Other languages and other hosts. What they need is installed by `scripts/test --hosts`.

mod guests;
mod reproducible;
mod wasmtime;
