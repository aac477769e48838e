//! A query: it takes the newest durable epoch, waits until the views that it reads have reached it, and reads
//! everything at one epoch.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arrow_array::RecordBatch;
use millrace_base::{Code, Epoch, Error, RelationId, Result};
use millrace_exec::{ExecContext, Snapshot, execute};
use millrace_log::Log;
use millrace_plan::{Command, Rel, validate_command, validate_rel};

use crate::catalog::{Catalog, scans};
use crate::ipc;
use crate::published::Views;
use crate::shared::Shared;
use crate::view_rows::view_rows;

/// Runs a query command to an Arrow IPC stream.
pub fn query(shared: &Arc<Shared>, command: &[u8], cancel: &AtomicBool) -> Result<Vec<u8>> {
    shared.check_alive()?;
    let command = millrace_plan::decode_command(command)?;
    let catalog = shared.catalog();
    validate_command(&command, &*catalog)?;
    let Command::Query { root, names, .. } = command else {
        return Err(Error::new(Code::ProtocolViolation, "the command is not a query"));
    };
    let schema = ipc::result_schema(&names, &validate_rel(&root, &*catalog)?);
    let batches = rows(shared, &catalog, &root, cancel)?;
    ipc::encode(&schema, batches.iter().map(|batch| ipc::rename(batch, &schema)))
}

/// The rows of a plan that was validated against this catalog.
pub fn rows(shared: &Arc<Shared>, catalog: &Arc<Catalog>, root: &Rel, cancel: &AtomicBool) -> Result<Vec<RecordBatch>> {
    let mut read = Vec::new();
    scans(root, &mut read);
    let newest = shared.log.durable_epoch();
    let reads_views = read.iter().any(|id| catalog.get(*id).is_some_and(|o| o.is_view()));
    if reads_views {
        shared.published.wait(newest, cancel)?;
    }
    // The pin is taken together with the epoch: no version of a row that it shows can go in between.
    let mut views = None;
    let pin = shared.pins.pin(|| if reads_views { views.insert(shared.published.now()).frontier } else { newest });
    let snapshot = ReadSnapshot { log: &shared.log, catalog, views, epoch: pin.epoch() };
    let context = ExecContext { now_us: shared.now_us(), models: &**catalog, relations: &**catalog, cancel };
    execute(root, &snapshot, &context)
}

struct ReadSnapshot<'a> {
    log: &'a Log,
    catalog: &'a Catalog,
    views: Option<Arc<Views>>,
    epoch: Epoch,
}

impl Snapshot for ReadSnapshot<'_> {
    fn scan(
        &self,
        relation: RelationId,
        columns: &[u32],
    ) -> Result<Box<dyn Iterator<Item = Result<RecordBatch>> + Send + '_>> {
        let object = self.catalog.require(relation)?;
        match &self.views {
            Some(views) if object.is_view() => view_rows(views.view(relation, &object.definition.name)?, columns),
            _ => Ok(Box::new(self.log.scan(relation, columns, self.epoch)?.batches())),
        }
    }
}
