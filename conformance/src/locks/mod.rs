//! The conformance suite for providers of `advisory-locks`.
//!
//! | module | contents |
//! |---|---|
//! | [`provider`] | the interface between the suite and a provider |
//! | [`suite`] | one function for each promise |
//! | [`host`] | the locks of `session-runtime` |

pub mod host;
pub mod provider;
pub mod suite;
