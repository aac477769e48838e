//! UPDATE … FROM, DELETE … USING and MERGE: what becomes of the rows that a query has found.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, RecordBatch, UInt32Array};
use arrow_schema::{Schema, SchemaRef};
use arrow_select::take::take_record_batch;
use millrace_base::{Code, Error, Result};
use millrace_plan::{Rel, validate_rel};

use crate::catalog::Object;
use crate::effect::{Effect, TableChange};
use crate::generated::{computed, filled};
use crate::ipc;
use crate::read;
use crate::statement::{Statement, check_moved_keys, check_not_null, concat, failed};

const INSERT: i32 = 1;
const UPDATE: i32 = 2;
const DELETE: i32 = 3;

/// Rows of the source by what happens to them.
#[derive(Default)]
struct Fates {
    inserted: Vec<u32>,
    /// A row of a table without a key stands here once for each of its copies.
    updated: Vec<u32>,
    deleted: Vec<u32>,
}

impl Statement<'_> {
    pub fn modify(&self, target: &Object, source: &Rel, refuse_repeats: bool) -> Result<Effect> {
        if self.transaction.is_none() {
            // The query reads what is durable, and the rows that go must be the newest ones.
            self.shared.outstanding.wait(self.shared)?;
        }
        let types = validate_rel(source, &**self.catalog)?;
        let names: Vec<String> = (0..types.len()).map(|i| i.to_string()).collect();
        let never = AtomicBool::new(false);
        let found = read::rows(self.shared, self.catalog, source, self.transaction, &never)?;
        let found = concat(&ipc::result_schema(&names, &types), &found)?;

        let schema = target.schema().expect("tables have columns");
        let width = schema.fields().len();
        let there = columns(&found, 1, &schema)?;
        let fates = self.fates(target, &found, &there, refuse_repeats)?;
        let come = columns(&found, 1 + width, &schema)?;
        let further: Vec<usize> = (1 + 2 * width..found.num_columns()).collect();
        let further = found.project(&further).map_err(failed)?;

        let arrivals: Vec<u32> = fates.updated.iter().chain(&fates.inserted).copied().collect();
        let departures: Vec<u32> = fates.updated.iter().chain(&fates.deleted).copied().collect();
        // Numbers are for rows that are added: an updated row keeps NULL where it was set to that, and is refused for it.
        let updated = computed(self.catalog, target, take(&come, &fates.updated)?, self.shared.now_us())?;
        let inserted = filled(self.shared, self.catalog, target, take(&come, &fates.inserted)?)?;
        let new = concat(&schema, &[updated, inserted])?;
        let old = take(&there, &departures)?;
        check_not_null(target, &new)?;
        let table = self.rows_of(target)?;
        if table.has_primary_key() && new.num_rows() > 0 {
            check_moved_keys(target, table.as_ref(), &old, &new)?;
        }
        let shown = {
            let told: Vec<u32> = arrivals.iter().chain(&fates.deleted).copied().collect();
            let rows = concat(&schema, &[new.clone(), take(&there, &fates.deleted)?])?;
            beside(&rows, &take(&further, &told)?)?
        };
        let rows = (fates.inserted.len() + fates.updated.len() + fates.deleted.len()) as u64;
        let change = TableChange { relation: target.definition.id, old, new };
        Ok(Effect { shown: Some(shown), ..Effect::changed(rows, change) })
    }

    fn fates(&self, target: &Object, found: &RecordBatch, there: &RecordBatch, refuse_repeats: bool) -> Result<Fates> {
        let actions = found.column(0).as_primitive::<Int32Type>();
        let table = self.rows_of(target)?;
        let mut copies: HashMap<Box<[u8]>, usize> = HashMap::new();
        let mut fates = Fates::default();
        let touched: Vec<u32> = (0..found.num_rows() as u32)
            .filter(|&row| actions.is_valid(row as usize) && matches!(actions.value(row as usize), UPDATE | DELETE))
            .collect();
        let old = take(there, &touched)?;
        if !table.has_primary_key() {
            for key in table.keys_of(&table.matching(&old)?)? {
                *copies.entry(key).or_insert(0) += 1;
            }
        }
        let mut met: HashMap<Box<[u8]>, usize> = HashMap::new();
        for (key, &row) in table.keys_of(&old)?.into_iter().zip(&touched) {
            let times = if table.has_primary_key() { 1 } else { copies.get(&key).copied().unwrap_or(0) };
            let before = met.entry(key).or_insert(0);
            *before += 1;
            if *before == 1 {
                let fate = if actions.value(row as usize) == UPDATE { &mut fates.updated } else { &mut fates.deleted };
                fate.extend(std::iter::repeat_n(row, times));
            } else if refuse_repeats && *before > times {
                return Err(Error::new(Code::CardinalityViolation, "MERGE command cannot affect row a second time")
                    .with_hint("Ensure that not more than one source row matches any one target row."));
            }
        }
        fates.inserted = (0..found.num_rows() as u32)
            .filter(|&row| actions.is_valid(row as usize) && actions.value(row as usize) == INSERT)
            .collect();
        Ok(fates)
    }
}

/// The target's columns from `first` on.
fn columns(found: &RecordBatch, first: usize, schema: &SchemaRef) -> Result<RecordBatch> {
    let columns = found.columns()[first..first + schema.fields().len()].to_vec();
    ipc::with_columns(schema, columns, found.num_rows())
}

/// The columns of both.
pub fn beside(left: &RecordBatch, right: &RecordBatch) -> Result<RecordBatch> {
    let fields: Vec<_> = left.schema().fields().iter().chain(right.schema().fields()).cloned().collect();
    let columns = left.columns().iter().chain(right.columns()).cloned().collect();
    ipc::with_columns(&Arc::new(Schema::new(fields)), columns, left.num_rows())
}

fn take(batch: &RecordBatch, rows: &[u32]) -> Result<RecordBatch> {
    if batch.num_columns() == 0 {
        return ipc::with_columns(&batch.schema(), Vec::new(), rows.len());
    }
    take_record_batch(batch, &UInt32Array::from(rows.to_vec())).map_err(failed)
}
