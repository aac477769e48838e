//! How many commits are on their way to the disk: a statement whose query must see all that was written waits for them.

use std::time::Duration;

use millrace_base::Result;
use parking_lot::{Condvar, Mutex};

use crate::shared::Shared;

/// How often a waiting statement looks whether the engine is being closed.
const LOOK: Duration = Duration::from_millis(50);

#[derive(Default)]
pub struct Outstanding {
    commits: Mutex<u64>,
    ended: Condvar,
}

impl Outstanding {
    pub fn begin(&self) {
        *self.commits.lock() += 1;
    }

    /// Also of a commit that failed, or was refused.
    pub fn end(&self) {
        let mut commits = self.commits.lock();
        *commits = commits.saturating_sub(1);
        self.ended.notify_all();
    }

    pub fn wait(&self, shared: &Shared) -> Result<()> {
        let mut commits = self.commits.lock();
        while *commits > 0 {
            shared.check_alive()?;
            self.ended.wait_for(&mut commits, LOOK);
        }
        Ok(())
    }
}
