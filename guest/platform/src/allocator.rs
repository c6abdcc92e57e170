//! The allocator: dlmalloc, which begins with memory that a component has from the start.
//!
//! For each instance that grows its memory, the host changes the protection of pages, and changes it back for the next.

use core::alloc::{GlobalAlloc, Layout};
use core::arch::wasm32::memory_grow;
use core::cell::{Cell, UnsafeCell};
use core::ptr;

use dlmalloc::{Allocator, Dlmalloc};

/// Bytes that an instance has from the start: enough for a request with a small session.
const FIRST: usize = 128 << 10;

/// Zeroed, and so not part of the component's file.
#[repr(align(16))]
struct Chunk(UnsafeCell<[u8; FIRST]>);

// SAFETY: components have one thread. Only `Memory` names the chunk, and hands it out once.
unsafe impl Sync for Chunk {}

static CHUNK: Chunk = Chunk(UnsafeCell::new([0; FIRST]));

const PAGE: usize = 64 << 10;

/// The first chunk, then what the memory grows by. It does not shrink.
struct Memory {
    is_chunk_used: Cell<bool>,
}

// SAFETY: every block is zeroed memory that nothing else uses: the chunk, or new pages.
unsafe impl Allocator for Memory {
    fn alloc(&self, size: usize) -> (*mut u8, usize, u32) {
        if size <= FIRST && !self.is_chunk_used.replace(true) {
            return (CHUNK.0.get().cast(), FIRST, 0);
        }
        let pages = size.div_ceil(PAGE);
        match memory_grow(0, pages) {
            usize::MAX => (ptr::null_mut(), 0, 0),
            before => (ptr::with_exposed_provenance_mut(before * PAGE), pages * PAGE, 0),
        }
    }

    fn remap(&self, _: *mut u8, _: usize, _: usize, _: bool) -> *mut u8 {
        ptr::null_mut()
    }

    fn free_part(&self, _: *mut u8, _: usize, _: usize) -> bool {
        false
    }

    fn free(&self, _: *mut u8, _: usize) -> bool {
        false
    }

    fn can_release_part(&self, _: u32) -> bool {
        false
    }

    fn allocates_zeros(&self) -> bool {
        true
    }

    fn page_size(&self) -> usize {
        PAGE
    }
}

struct Global(UnsafeCell<Dlmalloc<Memory>>);

// SAFETY: components have one thread.
unsafe impl Sync for Global {}

// SAFETY: dlmalloc keeps the contract, and no call of it makes another.
unsafe impl GlobalAlloc for Global {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        unsafe { (*self.0.get()).malloc(layout.size(), layout.align()) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        unsafe { (*self.0.get()).free(block, layout.size(), layout.align()) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        unsafe { (*self.0.get()).calloc(layout.size(), layout.align()) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        unsafe { (*self.0.get()).realloc(block, layout.size(), layout.align(), size) }
    }
}

#[global_allocator]
static ALLOCATOR: Global =
    Global(UnsafeCell::new(Dlmalloc::new_with_allocator(Memory { is_chunk_used: Cell::new(false) })));
