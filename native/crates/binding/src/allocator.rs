//! The allocator: the engine allocates and frees on many threads, which mimalloc does measurably faster than the
//! system's.

use napi_derive::module_init;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay` of mimalloc.h; the crate does not name it.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

/// How long freed memory is kept before it goes back to the operating system. A flow allocates and frees the same
/// megabytes at every step; with mimalloc's 10 ms each step got fresh pages, which the kernel has to zero: a quarter
/// of the fraud job's time.
const PURGE_DELAY_MS: i64 = 10_000;

#[module_init]
fn keep_freed_memory() {
    // SAFETY: sets an integer option of the allocator, which may be done at any time.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, PURGE_DELAY_MS) };
}
