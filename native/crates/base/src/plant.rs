//! Planted bugs, the test of the tests: each name below is a known mistake that the code makes where it asks
//! `planted("name")`. Without the feature `plant` the answer is a constant `false` and the mistake is compiled out; with
//! it the simulator chooses one mistake at a time and must notice it.

/// Every planted bug, and what it does wrong. A name that is asked for and not listed here ends the process.
pub const BUGS: &[(&str, &str)] = &[
    ("ack-before-fsync", "a commit is acknowledged once it is written, without its fsync"),
    ("no-dir-fsync", "a new journal file's directory entry is not fsynced"),
    ("checksum-ignored", "the checksum of a frame's body is not compared"),
    ("epoch-off-by-one-after-recovery", "the first commit after an open skips an epoch"),
    ("torn-tail-kept", "what lies behind the last whole frame is not cut off on open"),
    ("retry-after-failed-fsync", "a failed fsync is tried again, although the first dropped the data"),
    ("testimony-too-new", "a frame says that it was durable itself when it was written"),
    ("testimony-missing", "a frame does not say which frames were durable before it"),
    ("writes-after-poison", "commits are taken after a failed write or fsync"),
    ("recovered-tail-not-synced", "frames found on open are shown without being made durable first"),
    ("offsets-not-replayed", "source offsets of a commit are forgotten on open"),
    ("deletes-not-replayed", "rows that a commit deleted come back on open"),
    ("half-applied-commit", "a refused commit leaves its first table changed"),
    ("segment-not-synced", "a segment file is named by the manifest before it is durable"),
    ("manifest-not-synced", "journal files are dropped on the word of a manifest edit that is not durable"),
    ("journal-dropped-early", "journal files are dropped before the manifest names the segments"),
    ("source-offsets-not-sealed", "source offsets are forgotten when their commits are sealed"),
    ("deaths-not-sealed", "deleted rows of sealed segments come back on open"),
    ("journal-settled-first", "an open drops sealed journal files before the manifest that says so is durable"),
    ("table-merged-as-stream", "segments of a table are merged without regard to the rows that have died"),
    ("groups-not-sealed", "offsets of consumer groups are forgotten when their commits are sealed"),
    ("truncation-not-sealed", "sealed rows of a stream that was truncated come back on open"),
    ("retention-by-oldest-row", "retention drops a segment when its oldest row is past its time, not its newest"),
    ("horizon-not-kept", "after an open a table can be read at epochs whose versions compaction has dropped"),
    ("moved-rows-not-renamed", "the index is not told where compaction has put a table's rows"),
    ("deletion-no-conflict", "a transaction is not told that a row that it changes was deleted meanwhile"),
    ("refused-kept-on-resume", "commits that failed on a full disk are still seen when writing goes on"),
    ("resume-after-failed-fsync", "after an fsync that failed when writing was to go on, it is tried again"),
    ("backup-not-synced", "a backup is done before its files are durable"),
    ("interval-not-synced", "a commit that is to be durable within some time never gets its fsync"),
    ("past-not-gone", "after an open a stream can be read at epochs whose rows retention or a truncation has taken"),
    ("drop-shown-early", "a relation cannot be read any more while its drop is on its way to the journal"),
    ("spare-not-synced", "a journal file is written again before its old name is durably gone"),
];

#[cfg(feature = "plant")]
mod chosen {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::BUGS;

    const NONE: usize = usize::MAX;
    static CHOSEN: AtomicUsize = AtomicUsize::new(NONE);

    fn number(name: &str) -> usize {
        let found = BUGS.iter().position(|(known, _)| *known == name);
        found.unwrap_or_else(|| panic!("\"{name}\" is not in the list of planted bugs"))
    }

    /// Whether this process makes the mistake `name` on purpose.
    pub fn planted(name: &str) -> bool {
        let asked = number(name);
        CHOSEN.load(Ordering::Relaxed) == asked
    }

    /// Makes one mistake from here on, in the whole process; `None` makes none.
    pub fn choose(name: Option<&str>) {
        CHOSEN.store(name.map_or(NONE, number), Ordering::Relaxed);
    }
}

#[cfg(feature = "plant")]
pub use chosen::{choose, planted};

/// Whether this process makes the mistake `name` on purpose: never, without the feature `plant`.
#[cfg(not(feature = "plant"))]
#[inline(always)]
pub const fn planted(_name: &str) -> bool {
    false
}
