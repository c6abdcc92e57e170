//! Hosts in other languages: each runs the conformance suite on the component there.

mod node;
