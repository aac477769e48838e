//! Columns that the engine fills: identity columns and GENERATED ALWAYS AS (…) STORED.
//!
//! Numbers are given from a run that is made durable first, so that none is given twice, whatever becomes of the
//! statement or of the process; what is left of a run when the process ends is never given.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int16Type, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch};
use millrace_base::{Code, Error, RelationId, Result};
use millrace_expr::Evaluator;
use millrace_log::{Commit, Log, RelationRows};
use millrace_plan::{DataType, DefinitionKind, arrow_schema};
use parking_lot::Mutex;

use crate::catalog::{Catalog, Object};
use crate::ipc;
use crate::shared::Shared;
use crate::statement::types;

/// Numbers that one commit makes durable: so many inserts of one row need one further fsync.
const RUN: i128 = 32;

/// Where the identity columns stand.
#[derive(Default)]
pub struct Identities {
    given: Mutex<HashMap<RelationId, Given>>,
}

struct Given {
    next: i128,
    /// The last number that is durable; what is stored.
    last: Option<i64>,
}

impl Identities {
    /// As many further numbers as asked.
    fn take(&self, log: &Log, id: RelationId, (start, increment): (i64, i64), count: usize) -> Result<Vec<i128>> {
        let (start, increment) = (i128::from(start), i128::from(increment));
        let mut given = self.given.lock();
        let state = match given.entry(id) {
            std::collections::hash_map::Entry::Occupied(found) => found.into_mut(),
            std::collections::hash_map::Entry::Vacant(place) => {
                let last = stored(log, id)?;
                place.insert(Given { next: last.map_or(start, |last| i128::from(last) + increment), last })
            }
        };
        let count = count as i128;
        let needed = state.next + (count - 1) * increment;
        let covered = state.last.is_some_and(|last| (i128::from(last) - needed) * increment.signum() >= 0);
        if !covered {
            let last = clamped(needed + (RUN - 1) * increment);
            store(log, id, state.last, last)?;
            state.last = Some(last);
        }
        let first = state.next;
        state.next += count * increment;
        Ok((0..count).map(|i| first + i * increment).collect())
    }

    /// Numbers of tables that are dropped.
    pub fn forget(&self, dropped: &[RelationId]) {
        self.given.lock().retain(|id, _| !dropped.contains(id));
    }

    /// Gives back what was not given, when the database is closed.
    pub fn close(&self, log: &Log, catalog: &Catalog) -> Result<()> {
        for (id, state) in std::mem::take(&mut *self.given.lock()) {
            let Some(DefinitionKind::Identity { increment, .. }) = catalog.get(id).map(|o| &o.definition.object) else {
                continue;
            };
            let last = clamped(state.next - i128::from(*increment));
            if state.last.is_some_and(|stored| stored != last) {
                store(log, id, state.last, last)?;
            }
        }
        Ok(())
    }
}

fn clamped(number: i128) -> i64 {
    i64::try_from(number).unwrap_or(if number < 0 { i64::MIN } else { i64::MAX })
}

fn stored(log: &Log, id: RelationId) -> Result<Option<i64>> {
    let mut last = None;
    for batch in log.table(id)?.latest()? {
        last = batch?.column(0).as_primitive::<Int64Type>().iter().flatten().last().or(last);
    }
    Ok(last)
}

fn store(log: &Log, id: RelationId, before: Option<i64>, last: i64) -> Result<()> {
    let fields: Vec<_> = DefinitionKind::identity_columns().iter().map(|column| column.field()).collect();
    let fields: Vec<_> = fields.into_iter().map(|f| millrace_plan::Field { nullable: true, ..f }).collect();
    let values: Int64Array = before.into_iter().chain([last]).collect();
    let weights: Arc<[i64]> = before.map(|_| -1).into_iter().chain([1]).collect();
    let schema = Arc::new(arrow_schema(&fields));
    let rows = values.len();
    let batch = ipc::with_columns(&schema, vec![Arc::new(values)], rows)?;
    let rows = vec![RelationRows { relation: id, partition: 0, batch, weights: Some(weights) }];
    log.commit(Commit { rows, ..Commit::default() })?.wait()?;
    Ok(())
}

/// New rows with the numbers of their identity columns, and then all that is computed from a row.
pub fn filled(shared: &Shared, catalog: &Catalog, target: &Object, mut rows: RecordBatch) -> Result<RecordBatch> {
    for object in catalog.constraints(target.definition.id) {
        let DefinitionKind::Identity { column, start, increment, .. } = object.definition.object else { continue };
        let at = column as usize;
        let missing = rows.column(at).logical_null_count();
        if missing > 0 {
            let id = object.definition.id;
            let numbers = shared.identities.take(&shared.log, id, (start, increment), missing)?;
            let column = numbered(rows.column(at), types(target)[at], numbers, &object.definition.name)?;
            rows = with_column(rows, at, column)?;
        }
    }
    computed(catalog, target, rows, shared.now_us())
}

/// The column with numbers in the place of its NULLs.
fn numbered(column: &ArrayRef, data_type: DataType, numbers: Vec<i128>, name: &str) -> Result<ArrayRef> {
    let mut numbers = numbers.into_iter();
    macro_rules! filled {
        ($type:ty) => {{
            let old = column.as_primitive::<$type>();
            let mut values = Vec::with_capacity(old.len());
            for row in 0..old.len() {
                values.push(if old.is_valid(row) {
                    old.value(row)
                } else {
                    let next = numbers.next().expect("a number was taken for each NULL");
                    next.try_into().map_err(|_| reached(name))?
                });
            }
            Arc::new(arrow_array::PrimitiveArray::<$type>::from_iter_values(values)) as ArrayRef
        }};
    }
    Ok(match data_type {
        DataType::Smallint => filled!(Int16Type),
        DataType::Integer => filled!(Int32Type),
        _ => filled!(Int64Type),
    })
}

fn reached(name: &str) -> Error {
    Error::new(Code::SequenceLimitExceeded, format!("nextval: reached maximum value of sequence \"{name}\""))
}

/// Rows with their generated columns.
pub fn computed(catalog: &Catalog, target: &Object, rows: RecordBatch, now_us: i64) -> Result<RecordBatch> {
    let mut out = rows.clone();
    for object in catalog.constraints(target.definition.id) {
        let DefinitionKind::Generated { column, expr, .. } = &object.definition.object else { continue };
        let value = Evaluator::compile(expr, &types(target), catalog)?.evaluate(&rows, now_us)?;
        out = with_column(out, *column as usize, value)?;
    }
    Ok(out)
}

fn with_column(rows: RecordBatch, at: usize, column: ArrayRef) -> Result<RecordBatch> {
    let mut columns = rows.columns().to_vec();
    columns[at] = column;
    ipc::with_columns(&rows.schema(), columns, rows.num_rows())
}
