//! What every provider of `advisory-locks` does, and the two that there are.
//!
//! | module | one idea |
//! |---|---|
//! | [`provider`] | what the suite needs of a provider |
//! | [`conformance`] | one function for each promise |
//! | [`host`] | the runtime's locks |
//! | [`files`] | the component `lock-files` |

pub mod conformance;
pub mod files;
pub mod host;
pub mod provider;
