//! What every provider of `advisory-locks` does.
//!
//! | module | one idea |
//! |---|---|
//! | [`provider`] | what the suite needs of a provider |
//! | [`suite`] | one function for each promise |
//! | [`host`] | the locks of `session-runtime` |

pub mod host;
pub mod provider;
pub mod suite;
