//! INSERT, UPDATE, DELETE, TRUNCATE: what a statement does to rows, computed from what it may read. Where the effect
//! goes (a commit of its own, or a transaction) is decided by who asks.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arrow_array::{Array, BooleanArray, RecordBatch, UInt32Array};
use arrow_schema::{ArrowError, SchemaRef};
use millrace_base::{Code, Error, RelationId, Result};
use millrace_expr::Evaluator;
use millrace_plan::{
    Assignment, Command, ConflictAction, DataType, DefinitionKind, Expr, Rel, expr_type, modify_types,
};

use crate::catalog::{Catalog, Object};
use crate::check::check_rows;
use crate::effect::{Effect, TableChange};
use crate::generated::{computed, filled};
use crate::ipc;
use crate::options;
use crate::point;
use crate::read;
use crate::shared::Shared;
use crate::target_rows::TargetRows;
use crate::transaction::Transaction;
use crate::unique::without_conflicts;
use crate::upsert::{Upsert, upsert};

/// A statement on its way: what it may see.
pub struct Statement<'a> {
    pub shared: &'a Arc<Shared>,
    pub catalog: &'a Arc<Catalog>,
    /// `None` when the statement is a transaction of its own.
    pub transaction: Option<&'a Transaction>,
}

impl Statement<'_> {
    /// What a command that was validated does to rows.
    pub fn effect(&self, command: &Command) -> Result<Effect> {
        match command {
            Command::Insert { relation, source, on_conflict, .. } => {
                let target = writable(self.catalog, *relation)?;
                let rows = self.evaluate(target, source)?;
                self.insert(target, rows, on_conflict)
            }
            Command::Update { relation, assignments, predicate, .. } => {
                self.update(updatable(self.catalog, *relation)?, assignments, predicate.as_ref())
            }
            Command::Delete { relation, predicate, .. } => {
                self.delete(updatable(self.catalog, *relation)?, predicate.as_ref())
            }
            Command::Truncate { relations, .. } => self.truncate(relations),
            Command::Modify { relation, source, refuse_repeats, .. } => {
                self.modify(updatable(self.catalog, *relation)?, source, *refuse_repeats)
            }
            Command::Returning { write, exprs, names, .. } => {
                let mut effect = self.effect(write)?;
                self.check(&effect)?;
                let shown = effect.shown.take().ok_or_else(|| Error::internal("a write that shows no rows"))?;
                effect.returned = Some(self.returned(write, &shown, exprs, names)?);
                Ok(effect)
            }
            _ => Err(Error::new(Code::ProtocolViolation, "the command does not change rows")),
        }
    }

    /// Refuses what a constraint of the tables forbids.
    pub fn check(&self, effect: &Effect) -> Result<()> {
        let pending = self.transaction.map(Transaction::pending);
        for change in &effect.changes {
            let target = self.catalog.require(change.relation)?;
            check_rows(self.catalog, target, &change.new, self.shared.now_us())?;
            self.shared.uniques.check(&self.shared.log, self.catalog, change, pending)?;
        }
        Ok(())
    }

    fn returned(&self, write: &Command, shown: &RecordBatch, exprs: &[Expr], names: &[String]) -> Result<Vec<u8>> {
        let mut input = match write {
            Command::Insert { relation, .. }
            | Command::Update { relation, .. }
            | Command::Delete { relation, .. }
            | Command::Modify { relation, .. } => types(self.catalog.require(*relation)?),
            _ => return Err(Error::new(Code::ProtocolViolation, "RETURNING of what changes no rows")),
        };
        if let Command::Modify { relation, source, .. } = write {
            input.extend(modify_types(*relation, source, &**self.catalog)?);
        }
        let now_us = self.shared.now_us();
        let types = exprs.iter().map(|e| expr_type(e, &input, &**self.catalog)).collect::<Result<Vec<_>>>()?;
        let schema = ipc::result_schema(names, &types);
        let values = exprs
            .iter()
            .map(|e| Evaluator::compile(e, &input, &**self.catalog)?.evaluate(shown, now_us))
            .collect::<Result<Vec<_>>>()?;
        ipc::encode(&schema, [ipc::with_columns(&schema, values, shown.num_rows())])
    }

    pub fn rows_of(&self, target: &Object) -> Result<Box<dyn TargetRows + '_>> {
        let id = target.definition.id;
        match self.transaction {
            Some(transaction) => transaction.rows_of(self.shared, id),
            None => Ok(Box::new(self.shared.log.table(id)?)),
        }
    }

    fn evaluate(&self, target: &Object, source: &Rel) -> Result<RecordBatch> {
        let schema = target.schema().expect("writable relations have columns");
        let never = AtomicBool::new(false);
        let batches = read::rows(self.shared, self.catalog, source, self.transaction, &never)?;
        concat(&schema, &batches)
    }

    /// Adds rows to a stream or table.
    pub fn insert(&self, target: &Object, rows: RecordBatch, on_conflict: &ConflictAction) -> Result<Effect> {
        let rows = filled(self.shared, self.catalog, target, rows)?;
        check_not_null(target, &rows)?;
        let id = target.definition.id;
        let keyed = match &target.definition.object {
            DefinitionKind::Table { primary_key, .. } => !primary_key.is_empty(),
            _ => return Ok(Effect::appended(id, rows)),
        };
        let pending = self.transaction.map(Transaction::pending);
        let rows = match on_conflict {
            ConflictAction::DoNothing => {
                without_conflicts(&self.shared.uniques, &self.shared.log, self.catalog, (id, rows), pending)?
            }
            _ => rows,
        };
        let count = rows.num_rows() as u64;
        if !keyed {
            return Ok(Effect::changed(count, TableChange::added(id, rows)));
        }
        let table = self.rows_of(target)?;
        let keys = table.keys_of(&rows)?;
        match on_conflict {
            ConflictAction::Error => {
                let held = table.contains(&rows)?;
                let mut seen: HashMap<&[u8], ()> = HashMap::with_capacity(keys.len());
                for (row, key) in keys.iter().enumerate() {
                    if held[row] || seen.insert(key, ()).is_some() {
                        return Err(duplicate_key(target, table.as_ref(), &rows, row));
                    }
                }
                Ok(Effect::changed(count, TableChange::added(id, rows)))
            }
            ConflictAction::DoNothing => {
                let held = table.contains(&rows)?;
                let mut seen: HashMap<&[u8], ()> = HashMap::with_capacity(keys.len());
                let fresh = keys.iter().enumerate();
                let keep: BooleanArray =
                    fresh.map(|(row, key)| Some(!held[row] && seen.insert(key, ()).is_none())).collect();
                let rows = arrow_select::filter::filter_record_batch(&rows, &keep).map_err(failed)?;
                Ok(Effect::changed(rows.num_rows() as u64, TableChange::added(id, rows)))
            }
            ConflictAction::Replace => {
                // The last of several rows with one key wins, as if they came one by one.
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
                Ok(Effect::changed(count, TableChange { relation: id, old, new }))
            }
            ConflictAction::Update { assignments, predicate } => {
                let how = (assignments.as_slice(), predicate.as_ref());
                let now_us = self.shared.now_us();
                let Upsert { old, new } = upsert(self.catalog, target, table.as_ref(), &rows, how, now_us)?;
                Ok(Effect::changed(new.num_rows() as u64, TableChange { relation: id, old, new }))
            }
        }
    }

    /// The rows for which the predicate is true.
    fn affected(&self, target: &Object, predicate: Option<&Expr>, now_us: i64) -> Result<RecordBatch> {
        let schema = target.schema().expect("tables have columns");
        let table = self.rows_of(target)?;
        let Some(predicate) = predicate else {
            return concat(&schema, &table.latest()?.collect::<Result<Vec<_>>>()?);
        };
        let types = types(target);
        let evaluator = Evaluator::compile(predicate, &types, &**self.catalog)?;
        let chosen = |batch: &RecordBatch| -> Result<RecordBatch> {
            let keep = evaluator.select(batch, now_us)?;
            arrow_select::filter::filter_record_batch(batch, &keep).map_err(failed)
        };
        if table.has_primary_key()
            && let Some(keys) = point::keys(predicate, table.key_columns(), &types, self.catalog, now_us)?
        {
            return concat(&schema, &[chosen(&table.find(&keys)?)?]);
        }
        let mut out = Vec::new();
        for batch in table.latest()? {
            let batch = chosen(&batch?)?;
            if batch.num_rows() > 0 {
                out.push(batch);
            }
        }
        concat(&schema, &out)
    }

    fn update(&self, target: &Object, assignments: &[Assignment], predicate: Option<&Expr>) -> Result<Effect> {
        let now_us = self.shared.now_us();
        let old = self.affected(target, predicate, now_us)?;
        if old.num_rows() == 0 {
            return Ok(Effect { shown: Some(old), ..Effect::default() });
        }
        let types = types(target);
        let mut columns = old.columns().to_vec();
        for assignment in assignments {
            let value = Evaluator::compile(&assignment.value, &types, &**self.catalog)?.evaluate(&old, now_us)?;
            columns[assignment.column as usize] = value;
        }
        let schema = target.schema().expect("tables have columns");
        let new = ipc::with_columns(&schema, columns, old.num_rows())?;
        let new = computed(self.catalog, target, new, now_us)?;
        check_not_null(target, &new)?;
        let table = self.rows_of(target)?;
        let moves = assignments.iter().any(|a| table.key_columns().contains(&(a.column as usize)));
        if table.has_primary_key() && moves {
            check_moved_keys(target, table.as_ref(), &old, &new)?;
        }
        let count = old.num_rows() as u64;
        Ok(Effect::changed(count, TableChange { relation: target.definition.id, old, new }))
    }

    fn delete(&self, target: &Object, predicate: Option<&Expr>) -> Result<Effect> {
        let old = self.affected(target, predicate, self.shared.now_us())?;
        let count = old.num_rows() as u64;
        Ok(Effect::changed(count, TableChange::removed(target.definition.id, old)))
    }

    /// All rows go: those of a table one by one, for the views that have seen them; those of a stream by its new start.
    fn truncate(&self, relations: &[RelationId]) -> Result<Effect> {
        let read = options::read_by_views(self.catalog);
        let mut out = Effect::default();
        for &id in relations {
            let target = writable(self.catalog, id)?;
            let name = &target.definition.name;
            if let DefinitionKind::Table { .. } = target.definition.object {
                let old = self.affected(target, None, self.shared.now_us())?;
                out.changes.push(TableChange::removed(id, old));
            } else if read.contains(&id) {
                let message = format!("cannot truncate stream \"{name}\": other objects read it");
                return Err(Error::new(Code::DependentObjectsStillExist, message)
                    .with_hint("A view keeps what it has seen; drop the views and sinks that read the stream first."));
            } else {
                out.truncated.push(id);
            }
        }
        Ok(out)
    }
}

pub fn types(target: &Object) -> Vec<DataType> {
    let columns = target.stored_columns().expect("tables have columns");
    columns.iter().map(|c| c.data_type).collect()
}

pub fn writable(catalog: &Catalog, id: RelationId) -> Result<&Object> {
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

pub fn concat(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<RecordBatch> {
    let renamed: Vec<RecordBatch> = batches.iter().map(|b| ipc::rename(b, schema)).collect::<Result<_>>()?;
    match renamed.as_slice() {
        [only] => Ok(only.clone()),
        _ => arrow_select::concat::concat_batches(schema, &renamed).map_err(failed),
    }
}

pub fn failed(error: ArrowError) -> Error {
    match error {
        ArrowError::OffsetOverflowError(_) => {
            Error::new(Code::InsufficientResources, "the statement's values are too large for one commit")
        }
        other => Error::internal(format!("could not put rows together: {other}")),
    }
}

pub fn check_not_null(target: &Object, rows: &RecordBatch) -> Result<()> {
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

fn duplicate_key(target: &Object, table: &dyn TargetRows, rows: &RecordBatch, row: usize) -> Error {
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

/// Keys after an update must be free, or be given up by the same statement.
pub fn check_moved_keys(target: &Object, table: &dyn TargetRows, old: &RecordBatch, new: &RecordBatch) -> Result<()> {
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
