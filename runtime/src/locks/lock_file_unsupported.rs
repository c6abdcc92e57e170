//! A stub for systems without open file description locks: opening fails.

use super::error::Mode;
use super::name::Name;
use std::io;
use std::path::Path;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity;

impl Identity {
    pub(super) fn of_home(_path: &Path) -> io::Result<Self> {
        Ok(Self)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Usage {
    Shared,
    Alone,
}

pub(super) enum LockFile {}

impl LockFile {
    pub(super) fn open(_path: &Path, _usage: Usage) -> io::Result<Self> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "locks between processes need 64-bit Linux"))
    }

    pub(super) fn home(&self) -> Identity {
        match *self {}
    }

    pub(super) fn is_at(&self, _path: &Path) -> io::Result<bool> {
        match *self {}
    }

    pub(super) fn try_lock(&self, _name: Name, _mode: Mode) -> io::Result<bool> {
        match *self {}
    }

    pub(super) fn unlock(&self, _name: Name) {
        match *self {}
    }

    pub(super) fn mark(&self) -> io::Result<()> {
        match *self {}
    }

    pub(super) fn unmark(&self) {
        match *self {}
    }

    pub(super) fn is_another_in_use(&self) -> io::Result<bool> {
        match *self {}
    }

    pub(super) fn refresh(&self) -> io::Result<()> {
        match *self {}
    }
}
