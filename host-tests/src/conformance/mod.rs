//! What every implementation of the contract does.
