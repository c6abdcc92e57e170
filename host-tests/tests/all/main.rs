//! The tests that run components: one binary, one module for each subject.

mod calls;
mod component;
mod conformance;
mod defects;
mod hostile;
mod restart;
