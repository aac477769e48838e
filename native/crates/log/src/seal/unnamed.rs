//! Segment files that no edit of the manifest names yet. What fails before one does takes its files with it: a sealing that
//! is tried again every second must not fill the disk with what the ones before it have left.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use millrace_base::Storage;

use crate::segment::segment_path;

/// Removes the files when it is dropped.
pub struct Unnamed {
    storage: Arc<dyn Storage>,
    folder: PathBuf,
    files: Vec<u64>,
}

impl Unnamed {
    pub fn new(storage: Arc<dyn Storage>, folder: &Path) -> Self {
        Self { storage, folder: folder.to_path_buf(), files: Vec::new() }
    }

    pub fn push(&mut self, file: u64) {
        self.files.push(file);
    }

    /// The files, which stay.
    pub fn keep(mut self) -> Vec<u64> {
        std::mem::take(&mut self.files)
    }
}

impl Drop for Unnamed {
    fn drop(&mut self) {
        for &file in &self.files {
            // What stays is removed when the database is opened again.
            let _ = self.storage.remove(&segment_path(&self.folder, file));
        }
    }
}
