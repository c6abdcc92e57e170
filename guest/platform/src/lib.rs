//! The platform of a component without a standard library: the allocator, the panic handler and `cabi_realloc`.
//!
//! Nothing here is called by name. A component links it with `use guest_platform as _;`.

#![cfg(target_family = "wasm")]
#![no_std]
#![expect(unsafe_code, reason = "the canonical ABI's allocator works on raw memory, and functions are linked by name")]

extern crate alloc;

mod allocator;

use alloc::alloc::{Layout, alloc, handle_alloc_error, realloc};
use core::panic::PanicInfo;

// `memcmp`: emitted by the compiler, and on this target provided by the C library. Nothing else of that is linked.
#[link(name = "c")]
unsafe extern "C" {}

/// A panic is a bug: trap, and let the host drop the instance with its locks.
#[panic_handler]
fn panic(_: &PanicInfo) -> ! {
    core::arch::wasm32::unreachable()
}

/// The canonical ABI's allocator. On this target wit-bindgen expects it from the C library, which is not linked.
#[unsafe(no_mangle)]
unsafe extern "C" fn cabi_realloc(old: *mut u8, old_size: usize, align: usize, new_size: usize) -> *mut u8 {
    if new_size == 0 {
        return align as *mut u8;
    }
    // SAFETY: the canonical ABI passes either no block (size 0) or one that this function returned with this size and
    // alignment, and the alignment is a power of two.
    unsafe {
        let layout = Layout::from_size_align_unchecked(new_size, align);
        let new = if old_size == 0 {
            alloc(layout)
        } else {
            realloc(old, Layout::from_size_align_unchecked(old_size, align), new_size)
        };
        if new.is_null() {
            handle_alloc_error(layout)
        }
        new
    }
}
