//! What waits for the flow thread: commits in epoch order, bounded in bytes so that the journal waits for a slow flow,
//! and requests, which come first. Not a channel: those bound the number of messages, and a commit can be large.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use arrow_array::Array;
use millrace_log::Committed;
use parking_lot::{Condvar, Mutex};

/// Bytes of commits that wait at which the journal waits.
pub const WAITING_BYTES_MAX: usize = 64 << 20;
/// Rows that one step takes at most, when there are several commits.
pub const STEP_ROWS_MAX: usize = 64 * 1024;

pub struct Mailbox<R> {
    state: Mutex<State<R>>,
    work: Condvar,
    space: Condvar,
}

struct State<R> {
    commits: VecDeque<(Committed, usize)>,
    bytes: usize,
    requests: VecDeque<R>,
    stopped: bool,
    /// Commits are no longer taken, and are dropped.
    dead: bool,
}

/// What the flow thread does next.
pub struct Work<R> {
    pub requests: Vec<R>,
    pub commits: Vec<Committed>,
    /// Nothing waits, and nothing more will come.
    pub ended: bool,
}

impl<R> Default for Mailbox<R> {
    fn default() -> Self {
        let state =
            State { commits: VecDeque::new(), bytes: 0, requests: VecDeque::new(), stopped: false, dead: false };
        Self { state: Mutex::new(state), work: Condvar::new(), space: Condvar::new() }
    }
}

impl<R> Mailbox<R> {
    /// Waits while too much waits; a commit that is larger than the limit goes in alone.
    pub fn push_commit(&self, committed: Committed) {
        let bytes = committed.commit.rows.iter().map(|part| batch_bytes(&part.batch)).sum::<usize>();
        let mut state = self.state.lock();
        while state.bytes > 0 && state.bytes + bytes > WAITING_BYTES_MAX && !state.dead {
            self.space.wait(&mut state);
        }
        if state.dead {
            return;
        }
        state.bytes += bytes;
        state.commits.push_back((committed, bytes));
        self.work.notify_one();
    }

    /// False when the flow thread has ended.
    pub fn request(&self, request: R) -> bool {
        let mut state = self.state.lock();
        if state.dead {
            return false;
        }
        state.requests.push_back(request);
        self.work.notify_one();
        true
    }

    /// Lets the flow thread end when it has done what waits.
    pub fn stop(&self) {
        self.state.lock().stopped = true;
        self.work.notify_all();
    }

    /// The flow thread takes nothing more: whoever waits for it goes on.
    pub fn kill(&self) {
        let mut state = self.state.lock();
        state.dead = true;
        state.commits.clear();
        state.bytes = 0;
        let requests = std::mem::take(&mut state.requests);
        self.space.notify_all();
        drop(state);
        // Outside the lock: dropping a request answers it.
        drop(requests);
    }

    /// Waits for work, but not longer than `patience`: all requests, and commits up to the rows of one step.
    pub fn take(&self, patience: Option<Duration>) -> Work<R> {
        let deadline = patience.map(|patience| Instant::now() + patience);
        let mut state = self.state.lock();
        while state.commits.is_empty() && state.requests.is_empty() && !state.stopped {
            match deadline {
                None => self.work.wait(&mut state),
                Some(at) if self.work.wait_until(&mut state, at).timed_out() => break,
                Some(_) => {}
            }
        }
        let requests = state.requests.drain(..).collect::<Vec<_>>();
        let mut commits = Vec::new();
        let mut rows = 0;
        while let Some((committed, _)) = state.commits.front() {
            let next: usize = committed.commit.rows.iter().map(|part| part.batch.num_rows()).sum();
            if !commits.is_empty() && rows + next > STEP_ROWS_MAX {
                break;
            }
            rows += next;
            let (committed, bytes) = state.commits.pop_front().expect("looked at it");
            state.bytes -= bytes;
            commits.push(committed);
        }
        self.space.notify_all();
        let ended = state.stopped && requests.is_empty() && commits.is_empty();
        Work { requests, commits, ended }
    }

    /// Bytes that wait.
    pub fn waiting_bytes(&self) -> usize {
        self.state.lock().bytes
    }
}

/// Bytes of the rows themselves, not of the buffers that they share with others.
pub fn batch_bytes(batch: &arrow_array::RecordBatch) -> usize {
    batch.columns().iter().map(|c| c.to_data().get_slice_memory_size().unwrap_or(0)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use arrow_array::{Int64Array, RecordBatch};
    use millrace_base::{Epoch, RelationId};
    use millrace_log::{Commit, RelationRows};

    fn committed(epoch: u64, rows: usize) -> Committed {
        let column: arrow_array::ArrayRef = Arc::new(Int64Array::from(vec![0; rows]));
        let batch = RecordBatch::try_from_iter([("a", column)]).unwrap();
        let rows = vec![RelationRows { relation: RelationId(1), partition: 0, batch, weights: None }];
        Committed { epoch: Epoch(epoch), time_us: 0, commit: Arc::new(Commit { rows, ..Commit::default() }) }
    }

    #[test]
    fn a_step_takes_whole_commits_up_to_its_rows() {
        let mailbox = Mailbox::<()>::default();
        (1..=3).for_each(|epoch| mailbox.push_commit(committed(epoch, STEP_ROWS_MAX / 2)));
        assert_eq!(mailbox.take(None).commits.len(), 2);
        assert_eq!(mailbox.take(None).commits.len(), 1);
        mailbox.push_commit(committed(4, STEP_ROWS_MAX * 2));
        assert_eq!(mailbox.take(None).commits.len(), 1, "a commit is never split");
        mailbox.stop();
        assert!(mailbox.take(None).ended);
    }

    #[test]
    fn a_full_mailbox_holds_the_writer_until_there_is_space() {
        let mailbox = Arc::new(Mailbox::<()>::default());
        let rows = WAITING_BYTES_MAX / 8;
        mailbox.push_commit(committed(1, rows));
        let writer = {
            let mailbox = mailbox.clone();
            std::thread::spawn(move || mailbox.push_commit(committed(2, rows)))
        };
        assert_eq!(mailbox.take(None).commits.len(), 1);
        assert_eq!(mailbox.take(None).commits[0].epoch, Epoch(2));
        writer.join().unwrap();
        assert_eq!(mailbox.waiting_bytes(), 0);
    }

    #[test]
    fn a_dead_mailbox_holds_nobody() {
        let mailbox = Mailbox::<()>::default();
        mailbox.push_commit(committed(1, WAITING_BYTES_MAX / 8));
        mailbox.kill();
        mailbox.push_commit(committed(2, WAITING_BYTES_MAX / 8));
        assert!(!mailbox.request(()));
        assert_eq!(mailbox.waiting_bytes(), 0);
    }
}
