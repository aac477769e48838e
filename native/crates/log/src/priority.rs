//! Who goes first when there are fewer cores than threads: commits. A thread that seals or reads a backlog takes a core for
//! as long as it gets one; at the same priority as eight of those the two threads of a writer got a fifth of two cores.

/// Lets commits and flows go before this thread, from now on: a priority cannot be raised again. Only Linux has one for each
/// thread.
pub fn yield_to_commits() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(None, LATER); // without it all goes on, less smoothly
}

/// A ninth of the time of a thread that has not yielded, where both want a core.
#[cfg(target_os = "linux")]
const LATER: i32 = 10;
