//! INSERT … ON CONFLICT DO UPDATE: which rows are added, which rows that are there become others, and which stay.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow_array::{BooleanArray, RecordBatch, UInt32Array};
use arrow_schema::Schema;
use arrow_select::filter::filter_record_batch;
use arrow_select::take::take_record_batch;
use millrace_base::{Code, Error, Result};
use millrace_expr::Evaluator;
use millrace_plan::{Assignment, DataType, Expr};

use crate::catalog::{Catalog, Object};
use crate::generated::computed;
use crate::ipc;
use crate::statement::{check_moved_keys, check_not_null, concat, failed, types};
use crate::target_rows::TargetRows;

/// The rows that go and the rows that come, which are also those that the statement counts.
pub struct Upsert {
    pub old: RecordBatch,
    pub new: RecordBatch,
}

pub fn upsert(
    catalog: &Catalog,
    target: &Object,
    table: &dyn TargetRows,
    rows: &RecordBatch,
    (assignments, predicate): (&[Assignment], Option<&Expr>),
    now_us: i64,
) -> Result<Upsert> {
    let schema = target.schema().expect("tables have columns");
    let keys = table.keys_of(rows)?;
    let there = table.matching(rows)?;
    let places: HashMap<Box<[u8]>, u32> = table.keys_of(&there)?.into_iter().zip(0..).collect();
    let held: Vec<(u32, u32)> = keys.iter().zip(0..).filter_map(|(key, row)| Some((row, *places.get(key)?))).collect();
    let excluded = take(rows, held.iter().map(|&(row, _)| row))?;
    let old = take(&there, held.iter().map(|&(_, place)| place))?;

    // Both rows side by side, as the statement's expressions see them.
    let input: Vec<DataType> = types(target).repeat(2);
    let fields: Vec<_> = schema.fields().iter().chain(schema.fields()).cloned().collect();
    let columns = old.columns().iter().chain(excluded.columns()).cloned().collect();
    let both = ipc::with_columns(&Arc::new(Schema::new(fields)), columns, old.num_rows())?;
    let meant = match predicate {
        Some(predicate) => Evaluator::compile(predicate, &input, catalog)?.select(&both, now_us)?,
        None => BooleanArray::from(vec![true; both.num_rows()]),
    };
    refuse_second_hit(&keys, &held, &meant)?;

    let old = filter_record_batch(&old, &meant).map_err(failed)?;
    let both = filter_record_batch(&both, &meant).map_err(failed)?;
    let mut columns = old.columns().to_vec();
    for assignment in assignments {
        let value = Evaluator::compile(&assignment.value, &input, catalog)?.evaluate(&both, now_us)?;
        columns[assignment.column as usize] = value;
    }
    let updated = ipc::with_columns(&schema, columns, old.num_rows())?;
    let updated = computed(catalog, target, updated, now_us)?;
    check_not_null(target, &updated)?;
    let fresh: BooleanArray = keys.iter().map(|key| Some(!places.contains_key(key))).collect();
    let new = concat(&schema, &[updated, filter_record_batch(rows, &fresh).map_err(failed)?])?;
    if assignments.iter().any(|a| table.key_columns().contains(&(a.column as usize))) {
        check_moved_keys(target, table, &old, &new)?;
    }
    Ok(Upsert { old, new })
}

/// PostgreSQL's rule: what the statement has added or updated, it may not meet again.
fn refuse_second_hit(keys: &[Box<[u8]>], held: &[(u32, u32)], meant: &BooleanArray) -> Result<()> {
    let spared: HashSet<u32> =
        held.iter().enumerate().filter(|&(i, _)| !meant.value(i)).map(|(_, &(row, _))| row).collect();
    let mut affected: HashSet<&[u8]> = HashSet::with_capacity(keys.len());
    for (key, row) in keys.iter().zip(0..) {
        if affected.contains(&**key) {
            return Err(Error::new(
                Code::CardinalityViolation,
                "ON CONFLICT DO UPDATE command cannot affect row a second time",
            )
            .with_hint("Ensure that no rows proposed for insertion within the same command have duplicate keys."));
        }
        if !spared.contains(&row) {
            affected.insert(key);
        }
    }
    Ok(())
}

fn take(batch: &RecordBatch, rows: impl Iterator<Item = u32>) -> Result<RecordBatch> {
    take_record_batch(batch, &UInt32Array::from_iter_values(rows)).map_err(failed)
}
