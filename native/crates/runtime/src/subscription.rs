//! A consumer of changes that pulls. Between two pulls its feed collects; a slow consumer gets net changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use millrace_base::{Code, Epoch, Error, RelationId, Result};
use millrace_flow::ChangeBatch;
use millrace_plan::{Command, Expr, Rel, validate_command, validate_rel};
use parking_lot::Mutex;

use crate::difference::{Changes, difference};
use crate::feed::{Ended, Feed, Taken};
use crate::flow_thread::{FeedStart, NewFeed, NewView, Request};
use crate::ipc;
use crate::mailbox::STEP_ROWS_MAX;
use crate::pool::Pool;
use crate::reply::{Reply, closed};
use crate::shared::Shared;

/// Ids of views that live as long as a subscription; the catalog's ids count up from 1 and never get here.
static OWN_VIEW_NEXT: AtomicU32 = AtomicU32::new(1 << 31);

/// Changes up to an epoch: an Arrow IPC stream whose last column is the weight.
pub struct Delivery {
    pub epoch: Epoch,
    pub ipc: Vec<u8>,
}

pub struct Subscription {
    shared: Arc<Shared>,
    pool: Arc<Pool>,
    feed: Arc<Feed>,
    relation: RelationId,
    /// All columns of the relation, as the feed has them.
    relation_schema: SchemaRef,
    /// The subscribed columns of the relation.
    columns: Vec<usize>,
    /// The subscribed columns and the weight.
    schema: SchemaRef,
    delivering: Mutex<Delivering>,
    closed: AtomicBool,
}

#[derive(Default)]
struct Delivering {
    busy: bool,
    /// The rest of a large difference.
    rest: Option<(Epoch, Changes)>,
}

/// Starts a subscription. The reply of the flow thread is waited for: call it on a thread of a pool.
pub fn subscribe(shared: &Arc<Shared>, pool: &Arc<Pool>, command: &[u8]) -> Result<Arc<Subscription>> {
    shared.check_alive()?;
    let command = millrace_plan::decode_command(command)?;
    let catalog = shared.catalog();
    validate_command(&command, &*catalog)?;
    let Command::Subscribe { root, names, snapshot, .. } = command else {
        return Err(Error::new(Code::ProtocolViolation, "the command is not a subscription"));
    };
    let types = validate_rel(&root, &*catalog)?;
    let schema = ipc::change_schema(&names, &types);
    let (relation, columns, relation_schema, own_view) = match plain_columns(&root) {
        Some((relation, columns)) => {
            let object = catalog.require(relation)?;
            let all = object.schema().ok_or_else(|| Error::internal("a scan of what has no rows"))?;
            (relation, columns, all, None)
        }
        None => {
            let id = RelationId(OWN_VIEW_NEXT.fetch_add(1, Ordering::Relaxed));
            let all = ipc::result_schema(&names, &types);
            let view = NewView { id, query: root };
            (id, (0..types.len()).collect(), all, Some((view, catalog.clone())))
        }
    };
    let start = if snapshot {
        FeedStart::Snapshot
    } else {
        // What was acknowledged before is no change to come: requests overtake the commits that wait for the flow.
        shared.published.wait(shared.log.durable_epoch(), &AtomicBool::new(false))?;
        FeedStart::Now
    };
    let (reply, answer) = Reply::channel();
    shared.mailbox.request(Request::Attach { feed: NewFeed { relation, start, own_view }, reply });
    let feed = answer.recv().unwrap_or_else(|_| Err(closed()))?;
    Ok(Arc::new(Subscription {
        shared: shared.clone(),
        pool: pool.clone(),
        feed,
        relation,
        relation_schema,
        columns,
        schema,
        delivering: Mutex::default(),
        closed: AtomicBool::new(false),
    }))
}

/// Columns of one relation, if the plan is no more than that: such a subscription needs no state of its own.
fn plain_columns(root: &Rel) -> Option<(RelationId, Vec<usize>)> {
    match root {
        Rel::Scan { relation, columns, as_of: None } => {
            Some((*relation, columns.iter().map(|&c| c as usize).collect()))
        }
        Rel::Project { input, exprs } => {
            let (relation, columns) = plain_columns(input)?;
            let picked = exprs.iter().map(|expr| match expr {
                Expr::Column { index } => columns.get(*index as usize).copied(),
                _ => None,
            });
            Some((relation, picked.collect::<Option<_>>()?))
        }
        _ => None,
    }
}

impl Subscription {
    /// Answers with the next changes once there are some; `None` after the end. One call at a time.
    pub fn next(self: &Arc<Self>, reply: Reply<Option<Delivery>>) {
        if self.closed.load(Ordering::Acquire) || self.shared.check_open().is_err() {
            return reply.send(Ok(None));
        }
        let mut delivering = self.delivering.lock();
        if delivering.busy {
            drop(delivering);
            let error = Error::new(Code::ObjectInUse, "the subscription's last next() has not ended");
            return reply.send(Err(error));
        }
        delivering.busy = true;
        let has_rest = delivering.rest.is_some();
        drop(delivering);
        let turn = Turn { subscription: self.clone() };
        if has_rest { turn.deliver_soon(reply) } else { turn.deliver_when_ready(reply) }
    }

    fn deliver(&self) -> Result<Step> {
        loop {
            if self.closed.load(Ordering::Acquire) {
                return Ok(Step::Give(None));
            }
            let rest = self.delivering.lock().rest.take();
            if let Some((epoch, mut changes)) = rest {
                let (batches, more) = self.some_of(&mut changes)?;
                if more {
                    self.delivering.lock().rest = Some((epoch, changes));
                }
                if !batches.is_empty() {
                    return self.encode(epoch, batches);
                }
                continue;
            }
            match self.feed.take(STEP_ROWS_MAX) {
                Ok(None) => return Ok(Step::Wait),
                Ok(Some(Taken::Changes { epoch, changes, .. })) => {
                    let batches = changes.iter().map(|c| self.project(c)).collect::<Result<_>>()?;
                    return self.encode(epoch, batches);
                }
                Ok(Some(Taken::Difference { epoch, from, to, .. })) => {
                    let changes = difference(&self.shared.log, self.relation, &self.relation_schema, from, to)?;
                    self.delivering.lock().rest = Some((epoch, changes));
                }
                Err(Ended::Done) => return Ok(Step::Give(None)),
                Err(Ended::Failed(error)) => return Err(error),
            }
        }
    }

    /// Batches of a difference up to the rows of one delivery, and whether there may be more.
    fn some_of(&self, changes: &mut Changes) -> Result<(Vec<RecordBatch>, bool)> {
        let mut batches = Vec::new();
        let mut rows = 0;
        while rows < STEP_ROWS_MAX {
            let Some(change) = changes.next() else { return Ok((batches, false)) };
            let change = change?;
            rows += change.rows.num_rows();
            batches.push(self.project(&change)?);
        }
        Ok((batches, true))
    }

    fn project(&self, change: &ChangeBatch) -> Result<RecordBatch> {
        let projected = change.rows.project(&self.columns).map_err(|e| Error::internal(format!("projection: {e}")))?;
        ipc::weighted(&projected, change.weights.as_deref(), &self.schema)
    }

    fn encode(&self, epoch: Epoch, batches: Vec<RecordBatch>) -> Result<Step> {
        let ipc = ipc::encode(&self.schema, batches.into_iter().map(Ok))?;
        Ok(Step::Give(Some(Delivery { epoch, ipc })))
    }

    /// Ends the subscription; a waiting `next` answers with the end.
    pub fn close(&self) {
        if !self.closed.swap(true, Ordering::AcqRel) {
            self.shared.mailbox.request(Request::Detach { feed: self.feed.clone() });
            self.feed.end(Ok(()));
        }
    }
}

/// One `next` on its way; the following one may begin when it is dropped.
struct Turn {
    subscription: Arc<Subscription>,
}

impl Turn {
    fn deliver_when_ready(self, reply: Reply<Option<Delivery>>) {
        let feed = self.subscription.feed.clone();
        feed.on_ready(move || self.deliver_soon(reply));
    }

    fn deliver_soon(self, reply: Reply<Option<Delivery>>) {
        let pool = self.subscription.pool.clone();
        pool.give(reply, move |reply| {
            let result = match crate::reply::caught(|| self.subscription.deliver()) {
                Ok(Step::Wait) => return self.deliver_when_ready(reply),
                Ok(Step::Give(delivery)) => Ok(delivery),
                Err(error) => Err(error),
            };
            drop(self);
            reply.send(result);
        });
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.subscription.delivering.lock().busy = false;
    }
}

enum Step {
    Give(Option<Delivery>),
    Wait,
}
