//! The journal: the one append-only file sequence into which every commit goes whole. `frame` is the header of a
//! commit and of a file, `body` what a commit holds (`shape` whether it can be), `file` one file read back, `files` the
//! sequence, `walk` how it is opened, `writer` the loop that groups commits and makes them durable.

pub mod body;
pub mod file;
pub mod files;
pub mod frame;
mod shape;
mod walk;
pub mod writer;

pub use file::FrameRef;
pub use files::{Journal, NewFrame};
