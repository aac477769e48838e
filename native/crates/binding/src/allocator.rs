//! The allocator: the engine allocates and frees on many threads, which mimalloc does measurably faster than the
//! system's.

use std::ffi::c_long;

use napi_derive::module_init;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Options of mimalloc.h that the crate does not name.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
const ALLOW_THP: libmimalloc_sys::mi_option_t = 43;

/// How long freed memory is kept before it goes back to the operating system. A flow allocates and frees the same
/// megabytes at every step; with mimalloc's 10 ms each step got fresh pages, which the kernel has to zero: a quarter
/// of the fraud job's time.
const PURGE_DELAY_MS: c_long = 10_000;

/// mimalloc asks the kernel for huge pages. The first touch of one zeroes 2 MiB at once, which stalls the flow: for 7 to
/// 50 ms in a virtual machine whose host has yet to find the memory. With pages of 4 KiB the fraud job's p99 freshness
/// fell to a third, and it took a third more swipes a second.
const NO_HUGE_PAGES: c_long = 0;

unsafe extern "C" {
    fn mi_process_init();
}

#[module_init]
fn set_options() {
    // SAFETY: initialises the allocator, which does nothing the second time, and sets integer options, which may be done
    // at any time. In this order, as an allocator that starts without huge pages takes them from the whole process.
    unsafe {
        mi_process_init();
        libmimalloc_sys::mi_option_set(PURGE_DELAY, PURGE_DELAY_MS);
        libmimalloc_sys::mi_option_set(ALLOW_THP, NO_HUGE_PAGES);
    }
}
