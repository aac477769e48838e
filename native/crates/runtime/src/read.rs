//! A query: it takes the newest durable epoch, waits until the views that it reads have reached it, and reads
//! everything at one epoch.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, RecordBatch, RecordBatchOptions};
use arrow_schema::Schema;
use millrace_base::{Code, Epoch, Error, RelationId, Result};
use millrace_exec::{ExecContext, Morsel, Rows as ScannedRows, ScanRequest, Snapshot, execute};
use millrace_expr::Evaluator;
use millrace_plan::{AsOf, Command, DataType, DefinitionKind, Expr, Rel, validate_command, validate_rel};
use parking_lot::Mutex;

use crate::catalog::{Catalog, as_of_epoch, scans};
use crate::inspect::inspect;
use crate::ipc;
use crate::pieces::{StoredPiece, bounds};
use crate::pins::Pin;
use crate::point;
use crate::published::Views;
use crate::shared::Shared;
use crate::statement::failed;
use crate::target_rows::Rows;
use crate::transaction::Transaction;
use crate::view_rows::view_rows;

/// Runs a query command to an Arrow IPC stream.
pub fn query(shared: &Arc<Shared>, command: &[u8], cancel: &AtomicBool) -> Result<Vec<u8>> {
    shared.check_alive()?;
    let command = millrace_plan::decode_command(command)?;
    let catalog = shared.catalog();
    validate_command(&command, &*catalog)?;
    let slot;
    let (root, names) = match command {
        Command::Query { root, names, transaction, .. } => {
            slot = transaction.map(|number| shared.transactions.get(number)).transpose()?;
            (root, names)
        }
        Command::Inspect { what, .. } => return inspect(shared, &catalog, what),
        _ => return Err(Error::new(Code::ProtocolViolation, "the command is not a query")),
    };
    let schema = ipc::result_schema(&names, &validate_rel(&root, &*catalog)?);
    // A transaction's statements run one after another.
    let transaction = slot.as_ref().map(|slot| slot.lock());
    let batches = rows(shared, &catalog, &root, transaction.as_deref(), cancel)?;
    let renamed = |batch| {
        if cancel.load(Ordering::Relaxed) {
            return Err(Error::new(Code::QueryCanceled, "canceling statement due to user request"));
        }
        ipc::rename(batch, &schema)
    };
    ipc::encode(&schema, batches.iter().map(renamed))
}

/// The rows of a plan that was validated against this catalog.
pub fn rows(
    shared: &Arc<Shared>,
    catalog: &Arc<Catalog>,
    root: &Rel,
    transaction: Option<&Transaction>,
    cancel: &AtomicBool,
) -> Result<Vec<RecordBatch>> {
    if let Some(transaction) = transaction {
        let pin = shared.pins.pin(|| transaction.snapshot());
        let views = Some(transaction.views.clone());
        let snapshot = ReadSnapshot {
            shared,
            catalog,
            views,
            epoch: pin.epoch(),
            transaction: Some(transaction),
            pasts: Mutex::default(),
            cancel,
        };
        let context = context(shared, catalog, cancel);
        return execute(root, &snapshot, &context);
    }
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
    let pasts = Mutex::default();
    let epoch = pin.epoch();
    let snapshot = ReadSnapshot { shared, catalog, views, epoch, transaction: None, pasts, cancel };
    let context = context(shared, catalog, cancel);
    if root.is_temporal() {
        // VERIFY: what is now to the view is now to its query.
        return execute(&root.clone().at_time(shared.log.time_of(epoch)?), &snapshot, &context);
    }
    execute(root, &snapshot, &context)
}

fn context<'a>(shared: &'a Shared, catalog: &'a Catalog, cancel: &'a AtomicBool) -> ExecContext<'a> {
    let (workers, memory) = (&shared.workers, &shared.memory);
    ExecContext { now_us: shared.now_us(), models: catalog, relations: catalog, cancel, workers, memory }
}

struct ReadSnapshot<'a> {
    shared: &'a Arc<Shared>,
    catalog: &'a Arc<Catalog>,
    views: Option<Arc<Views>>,
    epoch: Epoch,
    /// Whose writes are seen as well.
    transaction: Option<&'a Transaction>,
    /// States of the past that the query reads as well.
    pasts: Mutex<Vec<Pin>>,
    cancel: &'a AtomicBool,
}

impl ReadSnapshot<'_> {
    fn epoch_of(&self, as_of: &AsOf) -> Result<Epoch> {
        let durable = self.shared.log.durable_epoch();
        match as_of {
            AsOf::Epoch { epoch } if Epoch(*epoch) > durable => {
                let message = format!("epoch {epoch} has not come yet");
                Err(Error::new(Code::InvalidParameterValue, message)
                    .with_detail(format!("The newest durable epoch is {}.", durable.0)))
            }
            AsOf::Epoch { epoch } => Ok(Epoch(*epoch)),
            AsOf::Timestamp { time } => {
                let time_us = instant(time, self.catalog, self.shared.now_us())?;
                Ok(self.shared.log.epoch_at(time_us)?.min(durable))
            }
        }
    }
}

impl ReadSnapshot<'_> {
    /// A stream or table with what the transaction has done to it.
    fn scan_in(&self, transaction: &Transaction, relation: RelationId, columns: &[u32]) -> Result<Rows<'_>> {
        let wanted: Vec<usize> = columns.iter().map(|&c| c as usize).collect();
        if let Some(overlay) = transaction.overlay(relation) {
            // The key is read too, to tell the rows that are gone.
            let keys = overlay.key_columns();
            let with_keys: Vec<u32> = columns.iter().copied().chain(keys.iter().map(|&c| c as u32)).collect();
            let places = (wanted.len()..with_keys.len()).collect();
            let base = Box::new(self.shared.log.scan(relation, &with_keys, self.epoch)?.batches());
            let kept = overlay.filter(base, places)?;
            let first: Vec<usize> = (0..wanted.len()).collect();
            let kept = kept.map(move |batch| batch?.project(&first).map_err(failed));
            return Ok(Box::new(kept.chain(overlay.added(&wanted)?)));
        }
        let own: Vec<RecordBatch> = transaction
            .appended(relation)
            .map(|batch| batch.project(&wanted).map_err(failed))
            .collect::<Result<_>>()?;
        let base: Rows<'_> = if transaction.truncates(relation) {
            Box::new(std::iter::empty())
        } else {
            Box::new(self.shared.log.scan(relation, columns, self.epoch)?.batches())
        };
        Ok(Box::new(base.chain(own.into_iter().map(Ok))))
    }
}

/// The value of a timestamptz without columns.
pub fn instant(time: &Expr, catalog: &Catalog, now_us: i64) -> Result<i64> {
    let options = RecordBatchOptions::new().with_row_count(Some(1));
    let row = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &options)
        .map_err(|e| Error::internal(format!("a row without columns: {e}")))?;
    let value = Evaluator::compile(time, &[], catalog)?.evaluate(&row, now_us)?;
    let value = value.as_primitive_opt::<TimestampMicrosecondType>();
    value
        .filter(|v| v.len() == 1 && v.is_valid(0))
        .map(|v| v.value(0))
        .ok_or_else(|| Error::new(Code::InvalidParameterValue, "the time must not be NULL"))
}

impl ReadSnapshot<'_> {
    /// A stream or table as of an epoch: rows by their keys where the conditions name these, else in pieces.
    fn stored(&self, request: &ScanRequest<'_>, epoch: Epoch) -> Result<ScannedRows<'_>> {
        let log = &self.shared.log;
        if let Some(found) = self.by_key(request, epoch)? {
            return Ok(ScannedRows::Batches(Box::new(std::iter::once(Ok(found)))));
        }
        let stored = log.schema(request.relation)?;
        let prune = bounds(request, &stored);
        let pieces = log.pieces(request.relation, request.columns, &prune, epoch)?;
        let types: Arc<[arrow_schema::DataType]> =
            request.columns.iter().map(|&c| stored.field(c as usize).data_type().clone()).collect();
        let morsel = |piece| Box::new(StoredPiece { piece, types: types.clone() }) as Box<dyn Morsel>;
        Ok(ScannedRows::Morsels(pieces.into_iter().map(morsel).collect()))
    }

    /// The rows of a table whose whole key the conditions fix.
    fn by_key(&self, request: &ScanRequest<'_>, epoch: Epoch) -> Result<Option<RecordBatch>> {
        let object = self.catalog.require(request.relation)?;
        let DefinitionKind::Table { columns, primary_key, .. } = &object.definition.object else { return Ok(None) };
        let place = |key: &u32| request.columns.iter().position(|column| column == key);
        let Some(places) = primary_key.iter().map(place).collect::<Option<Vec<_>>>() else { return Ok(None) };
        if places.is_empty() || request.conditions.is_empty() {
            return Ok(None);
        }
        let types: Vec<DataType> = request.columns.iter().map(|&c| columns[c as usize].data_type).collect();
        let keys = point::keys_of(request.conditions, &places, &types, self.catalog, self.shared.now_us())?;
        let Some(keys) = keys else { return Ok(None) };
        let wanted: Vec<usize> = request.columns.iter().map(|&c| c as usize).collect();
        let table = self.shared.log.table(request.relation)?;
        if epoch < table.horizon() {
            return Ok(None); // The scan says why.
        }
        table.find_at(&keys, epoch, &wanted)
    }
}

impl Snapshot for ReadSnapshot<'_> {
    fn read(&self, request: &ScanRequest<'_>) -> Result<ScannedRows<'_>> {
        let object = self.catalog.require(request.relation)?;
        if object.is_view() {
            return Ok(ScannedRows::Batches(match request.as_of {
                Some(as_of) => self.scan_as_of(request.relation, request.columns, as_of)?,
                None => self.scan(request.relation, request.columns)?,
            }));
        }
        if let Some(as_of) = request.as_of {
            let epoch = self.epoch_of(as_of)?;
            self.pasts.lock().push(self.shared.pins.pin(|| epoch));
            return self.stored(request, epoch);
        }
        match self.transaction {
            Some(transaction) if transaction.changes(request.relation) => {
                Ok(ScannedRows::Batches(self.scan_in(transaction, request.relation, request.columns)?))
            }
            _ => self.stored(request, self.epoch),
        }
    }

    fn rows(&self, relation: RelationId) -> Option<u64> {
        let object = self.catalog.require(relation).ok()?;
        match &self.views {
            Some(views) if object.is_view() => {
                u64::try_from(views.view(relation, &object.definition.name).ok()?.rows()).ok()
            }
            _ => self.shared.log.rows(relation).ok(),
        }
    }

    fn scan(
        &self,
        relation: RelationId,
        columns: &[u32],
    ) -> Result<Box<dyn Iterator<Item = Result<RecordBatch>> + Send + '_>> {
        let object = self.catalog.require(relation)?;
        match &self.views {
            Some(views) if object.is_view() => view_rows(views.view(relation, &object.definition.name)?, columns),
            _ => match self.transaction {
                Some(transaction) => self.scan_in(transaction, relation, columns),
                None => Ok(Box::new(self.shared.log.scan(relation, columns, self.epoch)?.batches())),
            },
        }
    }

    fn scan_as_of(
        &self,
        relation: RelationId,
        columns: &[u32],
        as_of: &AsOf,
    ) -> Result<Box<dyn Iterator<Item = Result<RecordBatch>> + Send + '_>> {
        let object = self.catalog.require(relation)?;
        let epoch = self.epoch_of(as_of)?;
        if let DefinitionKind::MaterializedView { query, .. } = &object.definition.object {
            // At every epoch a view is its query: what it was is what its query gives of its inputs as they were.
            let past = as_of_epoch(query.clone(), epoch).at_time(self.shared.log.time_of(epoch)?);
            let context = context(self.shared, self.catalog, self.cancel);
            let wanted: Vec<usize> = columns.iter().map(|&c| c as usize).collect();
            let batches = execute(&past, self, &context)?.into_iter();
            return Ok(Box::new(batches.map(move |batch| batch.project(&wanted).map_err(failed))));
        }
        self.pasts.lock().push(self.shared.pins.pin(|| epoch));
        Ok(Box::new(self.shared.log.scan(relation, columns, epoch)?.batches()))
    }
}
