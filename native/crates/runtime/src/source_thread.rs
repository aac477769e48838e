//! One source: what a poll brings becomes one commit, with its rows, its dead letters and the offsets after them. So a
//! restart goes on exactly behind the last commit.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use millrace_base::{Error, RelationId, Result};
use millrace_connect::{KafkaReader, Polled};
use millrace_log::{Commit, RelationRows, SourceOffset, Ticket};
use millrace_plan::{Definition, DefinitionKind};

use crate::connectors::{Status, Stop};
use crate::shared::Shared;

/// The longest that a poll waits, and so that a stop waits for it.
const POLL: Duration = Duration::from_millis(100);
const POLL_ROWS_MAX: usize = 16 * 1024;
const POLL_BYTES_MAX: usize = 8 << 20;
/// Commits that wait for the journal while the next poll runs. Few, so that under load polls grow, not their number.
const COMMITS_WAITING_MAX: usize = 2;
const RETRY: Duration = Duration::from_secs(1);

pub fn run(shared: &Arc<Shared>, definition: &Definition, stop: &Stop, status: &Status) -> Result<()> {
    let DefinitionKind::Source { columns, kafka, .. } = &definition.object else {
        return Err(Error::internal("a source thread without a source"));
    };
    while !stop.is_asked() {
        let mut reader = KafkaReader::open(kafka, columns, &shared.log.offsets(definition.id))?;
        let target = Target { source: definition.id, dead_letters: kafka.dead_letters };
        match read(shared, &mut reader, target, stop, status) {
            Ok(()) => return Ok(()),
            Err(Trouble::Reader(error)) => return Err(error),
            // The reader is ahead of what is committed: the next one begins where the journal says.
            Err(Trouble::Journal(error)) => {
                status.set_trouble(Some(&error.message));
                stop.wait(RETRY);
            }
        }
    }
    Ok(())
}

enum Trouble {
    /// Only a person can mend it.
    Reader(Error),
    Journal(Error),
}

#[derive(Clone, Copy)]
struct Target {
    source: RelationId,
    dead_letters: RelationId,
}

fn read(
    shared: &Arc<Shared>,
    reader: &mut KafkaReader,
    target: Target,
    stop: &Stop,
    status: &Status,
) -> std::result::Result<(), Trouble> {
    let mut waiting: VecDeque<Ticket> = VecDeque::new();
    while !stop.is_asked() {
        let polled = reader.poll(POLL_ROWS_MAX, POLL_BYTES_MAX, POLL).map_err(Trouble::Reader)?;
        status.set_trouble(polled.status.message());
        status.lag.store(reader.lag().iter().map(|lag| lag.messages).sum(), Ordering::Relaxed);
        let rows = polled.rows.num_rows();
        let letters = polled.dead_letters.as_ref().map_or(0, |letters| letters.num_rows());
        let Some(commit) = to_commit(polled, target) else { continue };
        {
            let _gate = shared.gate.read();
            if shared.catalog().get(target.source).is_none() {
                return Ok(());
            }
            waiting.push_back(shared.log.commit(commit).map_err(Trouble::Journal)?);
        }
        while waiting.len() > COMMITS_WAITING_MAX {
            let oldest = waiting.pop_front().expect("not empty");
            oldest.wait().map_err(Trouble::Journal)?;
        }
        status.add_rows(rows);
        status.dead_letters.fetch_add(letters as u64, Ordering::Relaxed);
    }
    waiting.into_iter().try_for_each(|ticket| ticket.wait().map(drop)).map_err(Trouble::Journal)
}

/// `None` when the poll brought nothing to keep.
fn to_commit(polled: Polled, target: Target) -> Option<Commit> {
    let mut commit = Commit::default();
    let part = |relation, batch| RelationRows { relation, partition: 0, batch, weights: None };
    if polled.rows.num_rows() > 0 {
        commit.rows.push(part(target.source, polled.rows));
    }
    commit.rows.extend(polled.dead_letters.map(|letters| part(target.dead_letters, letters)));
    commit.offsets = polled
        .next_offsets
        .into_iter()
        .map(|(partition, next_offset)| SourceOffset { source: target.source, partition, next_offset })
        .collect();
    (!commit.rows.is_empty() || !commit.offsets.is_empty()).then_some(commit)
}
