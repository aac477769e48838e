//! INSERT, UPDATE, DELETE and append: rows are made, checked and put into one commit. A statement on a table runs under
//! that database's table lock, against the newest version of its rows, so no other write can come in between.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arrow_array::{Array, BooleanArray, RecordBatch, UInt32Array};
use arrow_schema::{ArrowError, SchemaRef};
use millrace_base::{Code, Epoch, Error, RelationId, Result};
use millrace_expr::Evaluator;
use millrace_log::{Commit, RelationRows, TableState};
use millrace_plan::{
    Append, Assignment, Command, ConflictAction, DataType, DefinitionKind, Expr, Rel, validate_command,
};

use crate::catalog::{Catalog, Object};
use crate::engine::Executed;
use crate::ipc;
use crate::read;
use crate::reply::Reply;
use crate::shared::Shared;

/// Runs a statement that changes rows; the reply is sent when it is durable.
pub fn execute(shared: &Arc<Shared>, command: Command, reply: Reply<Executed>) {
    commit_with(shared, reply, |catalog| {
        validate_command(&command, &**catalog)?;
        match command {
            Command::Insert { relation, source, on_conflict, .. } => {
                let target = writable(catalog, relation)?;
                let rows = evaluate_source(shared, catalog, target, &source)?;
                insert(shared, target, rows, on_conflict)
            }
            Command::Update { relation, assignments, predicate, .. } => {
                update(shared, catalog, updatable(catalog, relation)?, &assignments, predicate.as_ref())
            }
            Command::Delete { relation, predicate, .. } => {
                delete(shared, catalog, updatable(catalog, relation)?, predicate.as_ref())
            }
            _ => Err(Error::new(Code::ProtocolViolation, "the command does not change rows")),
        }
    });
}

/// Appends rows that came as an Arrow IPC stream.
pub fn append(shared: &Arc<Shared>, head: &Append, ipc: Vec<u8>, reply: Reply<Executed>) {
    commit_with(shared, reply, |catalog| {
        let target = writable(catalog, head.relation)?;
        let columns = target.stored_columns().expect("writable relations have columns");
        let schema = target.schema().expect("writable relations have columns");
        let batches = ipc::decode(ipc, columns, &schema)?;
        insert(shared, target, concat(&schema, &batches)?, head.on_conflict)
    });
}

/// A statement's effect: the rows that it counts, and the commit (queued under the locks that its checks needed).
pub struct Planned<'a> {
    rows: u64,
    changes: Option<RelationRows>,
    _lock: Option<parking_lot::MutexGuard<'a, ()>>,
}

fn commit_with<'a>(
    shared: &'a Arc<Shared>,
    reply: Reply<Executed>,
    plan: impl FnOnce(&Arc<Catalog>) -> Result<Planned<'a>>,
) {
    let _gate = shared.gate.read();
    let catalog = shared.catalog();
    let planned = match shared.check_alive().and_then(|()| crate::reply::caught(|| plan(&catalog))) {
        Ok(planned) => planned,
        Err(error) => return reply.send(Err(error)),
    };
    let rows = planned.rows;
    let Some(changes) = planned.changes else {
        return reply.send(Ok(Executed { rows, epoch: shared.log.durable_epoch() }));
    };
    let commit = Commit { rows: vec![changes], ..Commit::default() };
    // The reply waits in `done`; if the commit is refused, it comes back through the slot.
    let slot = Arc::new(parking_lot::Mutex::new(Some(reply)));
    let done = {
        let slot = slot.clone();
        Box::new(move |outcome: Result<Epoch>| {
            if let Some(reply) = slot.lock().take() {
                reply.send(outcome.map(|epoch| Executed { rows, epoch }));
            }
        })
    };
    if let Err(error) = shared.log.commit_then(commit, done)
        && let Some(reply) = slot.lock().take()
    {
        reply.send(Err(error));
    }
}

fn writable(catalog: &Catalog, id: RelationId) -> Result<&Object> {
    let object = catalog.require(id)?;
    let name = &object.definition.name;
    match object.definition.object {
        DefinitionKind::Stream { .. } | DefinitionKind::Table { .. } => Ok(object),
        DefinitionKind::Source { .. } => {
            Err(Error::new(Code::WrongObjectType, format!("cannot insert into source \"{name}\""))
                .with_detail("A source is filled by its connector."))
        }
        _ => Err(Error::new(Code::WrongObjectType, format!("cannot insert into \"{name}\""))
            .with_hint("Rows go into streams and tables.")),
    }
}

fn updatable(catalog: &Catalog, id: RelationId) -> Result<&Object> {
    let object = catalog.require(id)?;
    match object.definition.object {
        DefinitionKind::Table { .. } => Ok(object),
        _ => Err(Error::new(Code::WrongObjectType, format!("\"{}\" is not a table", object.definition.name))
            .with_hint("Streams are append-only; only the rows of tables can be updated and deleted.")),
    }
}

fn evaluate_source(shared: &Arc<Shared>, catalog: &Arc<Catalog>, target: &Object, source: &Rel) -> Result<RecordBatch> {
    let schema = target.schema().expect("writable relations have columns");
    let batches = read::rows(shared, catalog, source, &AtomicBool::new(false))?;
    concat(&schema, &batches)
}

fn concat(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<RecordBatch> {
    let renamed: Vec<RecordBatch> = batches.iter().map(|b| ipc::rename(b, schema)).collect::<Result<_>>()?;
    match renamed.as_slice() {
        [only] => Ok(only.clone()),
        _ => arrow_select::concat::concat_batches(schema, &renamed).map_err(failed),
    }
}

fn failed(error: ArrowError) -> Error {
    match error {
        ArrowError::OffsetOverflowError(_) => {
            Error::new(Code::InsufficientResources, "the statement's values are too large for one commit")
        }
        other => Error::internal(format!("could not put rows together: {other}")),
    }
}

fn check_not_null(target: &Object, rows: &RecordBatch) -> Result<()> {
    let columns = target.stored_columns().expect("writable relations have columns");
    for (column, values) in columns.iter().zip(rows.columns()) {
        if !column.nullable && values.logical_null_count() > 0 {
            return Err(Error::new(
                Code::NotNullViolation,
                format!(
                    "null value in column \"{}\" of relation \"{}\" violates not-null constraint",
                    column.name, target.definition.name
                ),
            ));
        }
    }
    Ok(())
}

fn planned<'a>(
    target: &Object,
    rows: u64,
    batch: RecordBatch,
    weights: Option<Arc<[i64]>>,
    lock: Option<parking_lot::MutexGuard<'a, ()>>,
) -> Planned<'a> {
    let empty = batch.num_rows() == 0;
    let changes = RelationRows { relation: target.definition.id, batch, weights };
    Planned { rows, changes: (!empty).then_some(changes), _lock: lock }
}

fn insert<'a>(
    shared: &'a Arc<Shared>,
    target: &Object,
    rows: RecordBatch,
    on_conflict: ConflictAction,
) -> Result<Planned<'a>> {
    check_not_null(target, &rows)?;
    let keyed =
        matches!(&target.definition.object, DefinitionKind::Table { primary_key, .. } if !primary_key.is_empty());
    if !keyed {
        return Ok(planned(target, rows.num_rows() as u64, rows, None, None));
    }
    let lock = shared.table_writes.lock();
    let table = shared.log.table(target.definition.id)?;
    let table = table.read();
    let keys = table.keys_of(&rows)?;
    match on_conflict {
        ConflictAction::Error => {
            let held = table.contains(&rows)?;
            let mut seen: HashMap<&[u8], ()> = HashMap::with_capacity(keys.len());
            for (row, key) in keys.iter().enumerate() {
                if held[row] || seen.insert(key, ()).is_some() {
                    return Err(duplicate_key(target, &table, &rows, row));
                }
            }
            Ok(planned(target, rows.num_rows() as u64, rows, None, Some(lock)))
        }
        ConflictAction::DoNothing => {
            let held = table.contains(&rows)?;
            let mut seen: HashMap<&[u8], ()> = HashMap::with_capacity(keys.len());
            let keep: BooleanArray =
                keys.iter().enumerate().map(|(row, key)| Some(!held[row] && seen.insert(key, ()).is_none())).collect();
            let rows = arrow_select::filter::filter_record_batch(&rows, &keep).map_err(failed)?;
            Ok(planned(target, rows.num_rows() as u64, rows, None, Some(lock)))
        }
        ConflictAction::Replace => {
            // The last of several rows with one key wins, as if they came one by one.
            let count = rows.num_rows() as u64;
            let mut last: HashMap<&[u8], u32> = HashMap::with_capacity(keys.len());
            for (row, key) in keys.iter().enumerate() {
                last.insert(key, row as u32);
            }
            let mut kept: Vec<u32> = last.into_values().collect();
            kept.sort_unstable();
            let new = if kept.len() == rows.num_rows() {
                rows
            } else {
                arrow_select::take::take_record_batch(&rows, &UInt32Array::from(kept)).map_err(failed)?
            };
            let old = table.matching(&new)?;
            replaced(target, count, &old, &new, Some(lock))
        }
    }
}

/// The change from old rows to new ones.
fn replaced<'a>(
    target: &Object,
    count: u64,
    old: &RecordBatch,
    new: &RecordBatch,
    lock: Option<parking_lot::MutexGuard<'a, ()>>,
) -> Result<Planned<'a>> {
    if old.num_rows() == 0 {
        return Ok(planned(target, count, new.clone(), None, lock));
    }
    let schema = target.schema().expect("tables have columns");
    let both = concat(&schema, &[old.clone(), new.clone()])?;
    let weights = std::iter::repeat_n(-1, old.num_rows()).chain(std::iter::repeat_n(1, new.num_rows())).collect();
    Ok(planned(target, count, both, Some(weights), lock))
}

fn duplicate_key(target: &Object, table: &TableState, rows: &RecordBatch, row: usize) -> Error {
    let schema = rows.schema();
    let options = arrow::util::display::FormatOptions::default().with_null("null");
    let name = |&c: &usize| schema.field(c).name().clone();
    let value = |&c: &usize| {
        arrow::util::display::ArrayFormatter::try_new(rows.column(c), &options)
            .map_or_else(|_| "?".into(), |f| f.value(row).to_string())
    };
    let names: Vec<String> = table.key_columns().iter().map(name).collect();
    let values: Vec<String> = table.key_columns().iter().map(value).collect();
    Error::new(
        Code::UniqueViolation,
        format!("duplicate key value violates unique constraint \"{}_pkey\"", target.definition.name),
    )
    .with_detail(format!("Key ({})=({}) already exists.", names.join(", "), values.join(", ")))
}

/// The newest rows for which the predicate is true.
fn affected(
    shared: &Shared,
    catalog: &Catalog,
    target: &Object,
    predicate: Option<&Expr>,
    now_us: i64,
) -> Result<RecordBatch> {
    let schema = target.schema().expect("tables have columns");
    let latest = shared.log.table(target.definition.id)?.read().latest()?;
    let Some(predicate) = predicate else { return concat(&schema, &latest) };
    let evaluator = Evaluator::compile(predicate, &types(target), catalog)?;
    let mut out = Vec::new();
    for batch in &latest {
        let keep = evaluator.select(batch, now_us)?;
        if keep.true_count() > 0 {
            out.push(arrow_select::filter::filter_record_batch(batch, &keep).map_err(failed)?);
        }
    }
    concat(&schema, &out)
}

fn types(target: &Object) -> Vec<DataType> {
    let columns = target.stored_columns().expect("tables have columns");
    columns.iter().map(|c| c.data_type).collect()
}

fn update<'a>(
    shared: &'a Arc<Shared>,
    catalog: &Catalog,
    target: &Object,
    assignments: &[Assignment],
    predicate: Option<&Expr>,
) -> Result<Planned<'a>> {
    let lock = shared.table_writes.lock();
    let now_us = shared.now_us();
    let old = affected(shared, catalog, target, predicate, now_us)?;
    if old.num_rows() == 0 {
        return Ok(planned(target, 0, old, None, Some(lock)));
    }
    let types = types(target);
    let mut columns = old.columns().to_vec();
    for assignment in assignments {
        let value = Evaluator::compile(&assignment.value, &types, catalog)?.evaluate(&old, now_us)?;
        columns[assignment.column as usize] = value;
    }
    let schema = target.schema().expect("tables have columns");
    let new = ipc::with_columns(&schema, columns, old.num_rows())?;
    check_not_null(target, &new)?;
    let table = shared.log.table(target.definition.id)?;
    let table = table.read();
    if table.has_primary_key() && assignments.iter().any(|a| table.key_columns().contains(&(a.column as usize))) {
        check_moved_keys(target, &table, &old, &new)?;
    }
    replaced(target, old.num_rows() as u64, &old, &new, Some(lock))
}

/// Keys after an update must be free, or be given up by the same statement.
fn check_moved_keys(target: &Object, table: &TableState, old: &RecordBatch, new: &RecordBatch) -> Result<()> {
    let freed: std::collections::HashSet<Box<[u8]>> = table.keys_of(old)?.into_iter().collect();
    let held = table.contains(new)?;
    let mut taken = std::collections::HashSet::new();
    for (row, key) in table.keys_of(new)?.into_iter().enumerate() {
        if (held[row] && !freed.contains(&key)) || !taken.insert(key) {
            return Err(duplicate_key(target, table, new, row));
        }
    }
    Ok(())
}

fn delete<'a>(
    shared: &'a Arc<Shared>,
    catalog: &Catalog,
    target: &Object,
    predicate: Option<&Expr>,
) -> Result<Planned<'a>> {
    let lock = shared.table_writes.lock();
    let old = affected(shared, catalog, target, predicate, shared.now_us())?;
    let count = old.num_rows();
    let weights: Arc<[i64]> = std::iter::repeat_n(-1, count).collect();
    Ok(planned(target, count as u64, old, Some(weights), Some(lock)))
}
