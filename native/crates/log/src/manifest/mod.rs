//! The manifest: which segments are live, up to which epoch everything is sealed, and the ledger at that epoch. A file
//! of checksummed records, appended to at each change and written anew when it has grown; the highest number rules.
//! Nothing that an edit makes superfluous is removed before the edit is durable.

mod record;
mod store;

pub use record::{Edit, SegmentEntry};
pub use store::{Live, Manifest};
