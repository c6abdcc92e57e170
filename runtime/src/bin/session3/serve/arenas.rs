//! The arenas of glibc's allocator. It gives threads arenas of their own, eight for each core, which keep what was freed
//! in them. Threads that take turns, as at each sync, then keep several times the memory that is in use.

/// Share an arena for each core: to be called before there are threads.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "a setting of the C library")]
pub fn share() {
    use nix::libc::{M_ARENA_MAX, mallopt};
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    // SAFETY: it sets a number. That it is refused does no harm.
    unsafe { mallopt(M_ARENA_MAX, cores.try_into().unwrap_or(i32::MAX)) };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn share() {}
