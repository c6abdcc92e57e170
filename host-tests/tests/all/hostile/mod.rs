//! Hostile input: from clients, from the disk and from its other writers. Every result is typed, nothing traps, nothing
//! outside is read or written, nothing foreign is deleted.

mod backup;
mod damage;
mod foreign;
mod full;
mod hosts;
mod ids;
mod links;
mod meddlers;
mod quota;
mod read_only;
