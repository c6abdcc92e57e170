//! Syncs, which wait for the disk, while other requests go on.
//!
//! A guest's file functions run on the thread of its request: the page cache answers most of them at once. A sync takes
//! milliseconds, so before it the thread's other tasks move to another thread.

use crate::guest::Guest;
use tokio::runtime::Handle;
use tokio::task::block_in_place;
use wasmtime::component::{Linker, Resource};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemView};
use wasmtime_wasi::p2::bindings::filesystem::types::{ErrorCode, Host, HostDescriptor};

/// The version that Wasmtime provides; guests of any version 0.2 import it.
const TYPES: &str = "wasi:filesystem/types@0.2.12";

type Parameters = (Resource<Descriptor>,);
type Results = (Result<(), ErrorCode>,);

/// Replace the two functions of Wasmtime, which they call.
pub fn add_to_linker(linker: &mut Linker<Guest>) -> Result<()> {
    linker.allow_shadowing(true);
    let mut types = linker.instance(TYPES)?;
    types.func_wrap("[method]descriptor.sync", |mut guest: StoreContextMut<'_, Guest>, (file,): Parameters| {
        let mut files = guest.data_mut().filesystem();
        let synced = block_in_place(|| Handle::current().block_on(files.sync(file)));
        returned(synced.map_err(|error| files.convert_error_code(error)))
    })?;
    types.func_wrap("[method]descriptor.sync-data", |mut guest: StoreContextMut<'_, Guest>, (file,): Parameters| {
        let mut files = guest.data_mut().filesystem();
        let synced = block_in_place(|| Handle::current().block_on(files.sync_data(file)));
        returned(synced.map_err(|error| files.convert_error_code(error)))
    })?;
    linker.allow_shadowing(false);
    Ok(())
}

/// An error code is returned to the guest, another error traps.
fn returned(synced: Result<(), Result<ErrorCode>>) -> Result<Results> {
    match synced {
        Ok(()) => Ok((Ok(()),)),
        Err(code) => Ok((Err(code?),)),
    }
}
