//! One sink, at least once: it takes what its feed has, waits until the broker has all of it, and now and then commits
//! how far it is. After a restart the changes since then are sent again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use millrace_base::{Epoch, Error, RelationId, Result};
use millrace_connect::KafkaWriter;
use millrace_flow::ChangeBatch;
use millrace_log::{Commit, SinkProgress};
use millrace_plan::{Definition, DefinitionKind};

use crate::connectors::{Status, Stop, sink_fields};
use crate::difference::difference;
use crate::feed::{Ended, Feed, Taken};
use crate::flow_thread::{FeedStart, NewFeed, Request};
use crate::reply::{Reply, closed};
use crate::shared::Shared;

const TAKE: Duration = Duration::from_millis(100);
const TAKE_ROWS_MAX: usize = 16 * 1024;
/// How often a sink that moves commits its progress: what is sent twice after a crash is at most this old.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

pub fn run(shared: &Arc<Shared>, definition: &Definition, stop: &Stop, status: &Status) -> Result<()> {
    let DefinitionKind::Sink { from, key, kafka } = &definition.object else {
        return Err(Error::internal("a sink thread without a sink"));
    };
    let catalog = shared.catalog();
    let writer = KafkaWriter::open(kafka, &sink_fields(&catalog, *from)?, key)?;
    let schema = catalog.require(*from)?.schema().ok_or_else(|| Error::internal("a sink of what has no rows"))?;
    let Some(feed) = attach(shared, definition.id, *from, stop)? else { return Ok(()) };
    let mut sink = Sink { shared, stop, status, writer, delivered: None, recorded_at: Instant::now() };
    let ended = sink.serve(&feed, *from, &schema, definition.id);
    shared.mailbox.request(Request::Detach { feed });
    ended?;
    sink.record(definition.id)
}

/// `None` when stopped before the views were there.
fn attach(shared: &Shared, sink: RelationId, relation: RelationId, stop: &Stop) -> Result<Option<Arc<Feed>>> {
    let (reply, answer) = Reply::channel();
    let feed = NewFeed { relation, start: FeedStart::Sink(sink), own_view: None };
    shared.mailbox.request(Request::Attach { feed, reply });
    while !stop.is_asked() {
        match answer.recv_timeout(TAKE) {
            Ok(attached) => return attached.map(Some),
            Err(crossbeam_channel::RecvTimeoutError::Timeout) => {}
            Err(crossbeam_channel::RecvTimeoutError::Disconnected) => return Err(closed()),
        }
    }
    Ok(None)
}

struct Sink<'a> {
    shared: &'a Shared,
    stop: &'a Stop,
    status: &'a Status,
    writer: KafkaWriter,
    /// Delivered up to this epoch, and not recorded yet.
    delivered: Option<Epoch>,
    recorded_at: Instant,
}

impl Sink<'_> {
    /// Until the feed ends or the thread is stopped.
    fn serve(&mut self, feed: &Feed, from: RelationId, schema: &arrow_schema::SchemaRef, id: RelationId) -> Result<()> {
        while !self.stop.is_asked() {
            let taken = match feed.take_within(TAKE, TAKE_ROWS_MAX) {
                Ok(taken) => taken,
                Err(Ended::Done) => return Ok(()),
                Err(Ended::Failed(error)) => return Err(error),
            };
            let done = match taken {
                None => None,
                Some(Taken::Changes { epoch, time_us, changes }) => {
                    self.deliver(&changes, Some(time_us))?.then_some(epoch)
                }
                Some(Taken::Difference { epoch, from: before, to, .. }) => {
                    let mut whole = true;
                    for change in difference(&self.shared.log, from, schema, before, to)? {
                        whole = whole && self.deliver(&[change?], None)?;
                    }
                    whole.then_some(epoch)
                }
            };
            self.delivered = done.or(self.delivered);
            if self.recorded_at.elapsed() >= PROGRESS_EVERY {
                self.record(id)?;
            }
        }
        Ok(())
    }

    /// False when stopped before the broker had everything.
    fn deliver(&mut self, changes: &[ChangeBatch], time_us: Option<i64>) -> Result<bool> {
        if self.stop.is_asked() {
            return Ok(false);
        }
        let parts: Vec<(&RecordBatch, Option<&[i64]>)> =
            changes.iter().map(|change| (&change.rows, change.weights.as_deref())).collect();
        let messages = self.writer.write_all(&parts)?;
        while !self.writer.flush(TAKE) {
            self.status.set_trouble(self.writer.status().message());
            if self.stop.is_asked() {
                return Ok(false);
            }
        }
        self.status.set_trouble(None);
        self.status.add_rows(messages);
        if let Some(time_us) = time_us {
            self.status.delivery.record(self.shared.now_us() - time_us, messages as u64);
        }
        Ok(true)
    }

    fn record(&mut self, sink: RelationId) -> Result<()> {
        self.recorded_at = Instant::now();
        let Some(epoch) = self.delivered.take() else { return Ok(()) };
        let _gate = self.shared.gate.read();
        if self.shared.catalog().get(sink).is_none() {
            return Ok(());
        }
        let progress = vec![SinkProgress { sink, epoch }];
        // Not waited for: should it be lost, changes are sent twice.
        self.shared.log.commit(Commit { progress, ..Commit::default() }).map(drop)
    }
}
