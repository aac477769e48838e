//! Everything that grows has a limit, and the limit has a name.

/// Rows of one Arrow batch between operators and over the boundary.
pub const BATCH_ROWS: usize = 8 * 1024;
/// Depth of nested plan nodes and expressions; deeper plans are refused before they are walked.
pub const PLAN_DEPTH_MAX: usize = 256;
/// Bytes of one commit frame in the journal.
pub const FRAME_BYTES_MAX: usize = 256 << 20;
/// Bytes of waiting commits at which a writer has to wait for the journal.
pub const COMMIT_QUEUE_BYTES_MAX: usize = 64 << 20;
/// Bytes of closed journal files that wait to be sealed at which a writer has to wait for sealing.
pub const JOURNAL_BACKLOG_BYTES_MAX: u64 = 1 << 30;
/// Bytes of the newest commits that readers of streams find in memory.
pub const RECENT_BYTES_MAX: usize = 32 << 20;
/// Bytes of the journal that are written without an fsync, if commits ask for none.
pub const UNSYNCED_BYTES_MAX: usize = 16 << 20;
/// Bytes of one value (a text or a byte string).
pub const VALUE_BYTES_MAX: usize = 64 << 20;
/// Partitions of one stream.
pub const PARTITIONS_MAX: u32 = 1024;
/// Bytes of a consumer group's name.
pub const GROUP_NAME_BYTES_MAX: usize = 255;
/// Columns of one relation (PostgreSQL's limit).
pub const COLUMNS_MAX: usize = 1600;
