//! See `millrace_fuzz::deletes`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| millrace_fuzz::deletes(data));
