//! Adversaries that steal, guess, plant, crowd, stall or hoard. None gains access, other clients are served, and memory
//! stays bounded. Figures are printed: run with `--nocapture` to see them.

mod cookie_thief;
mod crafted_records;
mod crowd;
mod greedy_component;
mod lock_hoarder;
mod planted_files;
mod slow_clients;
mod timing;
