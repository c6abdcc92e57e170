//! Adversaries: who steals, guesses, plants, crowds, dawdles or hoards. Nobody gets in, the others are served, and
//! memory stays bounded. Figures are printed: run with `--nocapture` to see them.

mod cookie_thief;
mod crafted_records;
mod crowd;
mod greedy_component;
mod lock_hoarder;
mod planted_files;
mod slow_clients;
mod timing;
