//! Operators against naive row-at-a-time code, over random rows with NULLs and many duplicates, cut into random
//! batches. Every column is a bigint, so that a row is a vector of options.

mod grouping;
mod joining;
mod ordering;
mod parallel;
mod plumbing;
mod spilling;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch};
use millrace_base::{RealStorage, RelationId, Result, SystemRng};
use millrace_expr::NoModels;
use millrace_plan::{BinaryOp, DataType, Expr, Literal, Rel, Relations, SortKey};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::batch::{anonymous_schema, batch_of};
use crate::{ExecContext, Memory, Snapshot, SpillFolder, Workers, execute};

pub(super) type Row = Vec<Option<i64>>;

/// Relation n is table n.
pub(crate) struct Tables(pub Vec<Vec<RecordBatch>>, pub Vec<usize>);

impl Snapshot for Tables {
    fn scan(
        &self,
        relation: RelationId,
        columns: &[u32],
    ) -> Result<Box<dyn Iterator<Item = Result<RecordBatch>> + Send + '_>> {
        let columns: Vec<usize> = columns.iter().map(|&c| c as usize).collect();
        let batches = self.0[relation.0 as usize].iter();
        Ok(Box::new(batches.map(move |b| Ok(b.project(&columns).expect("the plan was validated")))))
    }
}

impl Relations for Tables {
    fn columns(&self, id: RelationId) -> Option<Vec<DataType>> {
        self.1.get(id.0 as usize).map(|&width| vec![DataType::Bigint; width])
    }

    fn model_inputs(&self, _: RelationId) -> Option<u32> {
        None
    }
}

/// A generator whose seed is printed, so that a failure can be run again.
pub(super) fn random() -> StdRng {
    let seed = rand::random::<u64>();
    eprintln!("seed {seed}");
    StdRng::seed_from_u64(seed)
}

pub(super) fn rows(random: &mut StdRng, count: usize, width: usize, range: i64) -> Vec<Row> {
    let mut value = || (!random.random_bool(0.15)).then(|| random.random_range(-range..=range));
    (0..count).map(|_| (0..width).map(|_| value()).collect()).collect()
}

pub(super) fn batch(rows: &[Row], width: usize) -> RecordBatch {
    let columns = (0..width).map(|c| Arc::new(rows.iter().map(|r| r[c]).collect::<Int64Array>()) as ArrayRef).collect();
    batch_of(&anonymous_schema(&vec![DataType::Bigint; width]), columns, rows.len()).unwrap()
}

pub(super) fn tables(random: &mut StdRng, contents: &[(&[Row], usize)]) -> Tables {
    let mut tables = Tables(Vec::new(), Vec::new());
    for &(mut rest, width) in contents {
        let mut batches = Vec::new();
        while !rest.is_empty() {
            let (head, tail) = rest.split_at(random.random_range(1..=rest.len().min(300)));
            batches.push(batch(head, width));
            rest = tail;
        }
        tables.0.push(batches);
        tables.1.push(width);
    }
    tables
}

/// More than any test needs, and no place for files.
pub(crate) fn plenty() -> Arc<Memory> {
    Arc::new(Memory::new(
        usize::MAX,
        SpillFolder::new(Arc::new(RealStorage), Arc::new(SystemRng), "/proc/no folder".into()),
    ))
}

pub(super) fn run(rel: &Rel, tables: &Tables) -> Result<Vec<Row>> {
    run_within(rel, tables, &plenty())
}

pub(super) fn run_within(rel: &Rel, tables: &Tables, memory: &Arc<Memory>) -> Result<Vec<Row>> {
    let cancel = AtomicBool::new(false);
    let workers = Workers::new(1 + rand::random_range(0..3));
    let context =
        ExecContext { now_us: 0, models: &NoModels, relations: tables, cancel: &cancel, workers: &workers, memory };
    Ok(execute(rel, tables, &context)?.iter().flat_map(rows_of).collect())
}

/// NUMERIC(38, s) and timestamps are shown by their stored integers.
pub(super) fn rows_of(batch: &RecordBatch) -> Vec<Row> {
    let value = |column: &ArrayRef, row: usize| -> Option<i64> {
        use arrow_schema::DataType as T;
        column.is_valid(row).then(|| match column.data_type() {
            T::Int64 => column.as_primitive::<Int64Type>().value(row),
            T::Decimal128(..) => column.as_primitive::<arrow_array::types::Decimal128Type>().value(row) as i64,
            T::Timestamp(..) => column.as_primitive::<arrow_array::types::TimestampMicrosecondType>().value(row),
            T::Boolean => i64::from(column.as_boolean().value(row)),
            other => panic!("no test shows {other}"),
        })
    };
    (0..batch.num_rows()).map(|r| batch.columns().iter().map(|c| value(c, r)).collect()).collect()
}

pub(super) fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort();
    rows
}

pub(super) fn scan(relation: u32, width: usize) -> Box<Rel> {
    Box::new(Rel::Scan { relation: RelationId(relation), columns: (0..width as u32).collect(), as_of: None })
}

pub(super) fn column(index: u32) -> Expr {
    Expr::Column { index }
}

pub(super) fn bigint(value: i64) -> Expr {
    Expr::Literal { literal: Literal::Bigint { value } }
}

pub(super) fn compare(operator: BinaryOp, left: Expr, right: Expr) -> Expr {
    Expr::Binary { operator, left: Box::new(left), right: Box::new(right), data_type: DataType::Boolean }
}

pub(super) fn key(index: u32, descending: bool, nulls_first: bool) -> SortKey {
    SortKey { expr: column(index), descending, nulls_first }
}
