//! Servers that fail under load: what clients were told is compared with what is there afterwards, and the history of each
//! session is checked.

mod controls;
mod load;
mod servers;
mod valkey;
