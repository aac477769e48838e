//! The values of expressions over a batch. A plain column is passed on as it is; only what others read is unpacked.

use arrow_array::ArrayRef;
use millrace_base::Result;
use millrace_expr::Projection;
use millrace_plan::{DataType, Expr};

use crate::batch::{Batch, Column};
use crate::lower::Query;

pub(crate) struct Inputs {
    items: Vec<Item>,
    computed: Projection,
    reads: Vec<usize>,
}

enum Item {
    Column(usize),
    Computed(usize),
    /// Nobody wants it.
    None,
}

/// The batch's columns that are read, unpacked; the others are not there.
pub(crate) fn sparse(batch: &Batch, reads: &[usize]) -> Result<Vec<Option<ArrayRef>>> {
    let mut columns = vec![None; batch.columns.len()];
    for &column in reads {
        columns[column] = Some(batch.columns[column].flat()?);
    }
    Ok(columns)
}

impl Inputs {
    pub fn new(query: &Query<'_>, exprs: &[Expr], types: &[DataType]) -> Result<Self> {
        Self::wanted(query, exprs, types, |_| true)
    }

    /// Of the expressions only those that are wanted; the others' columns are absent.
    pub fn wanted(
        query: &Query<'_>,
        exprs: &[Expr],
        types: &[DataType],
        wanted: impl Fn(usize) -> bool,
    ) -> Result<Self> {
        let mut computed = Vec::new();
        let items = exprs.iter().enumerate().map(|(at, expr)| match expr {
            _ if !wanted(at) => Item::None,
            Expr::Column { index } => Item::Column(*index as usize),
            other => {
                computed.push(other.clone());
                Item::Computed(computed.len() - 1)
            }
        });
        let items: Vec<Item> = items.collect();
        let computed = query.projection(&computed, types)?;
        let reads = computed.columns().into_iter().collect();
        Ok(Self { items, computed, reads })
    }

    /// The columns of the input that are read.
    pub fn columns(&self) -> Vec<usize> {
        let plain = self.items.iter().filter_map(|item| if let Item::Column(c) = item { Some(*c) } else { None });
        plain.chain(self.reads.iter().copied()).collect()
    }

    pub fn evaluate(&self, batch: &Batch, now_us: i64) -> Result<Vec<Column>> {
        let computed = if self.items.iter().any(|item| matches!(item, Item::Computed(_))) {
            self.computed.evaluate_sparse(sparse(batch, &self.reads)?, batch.rows, now_us)?
        } else {
            Vec::new()
        };
        let column = |item: &Item| match item {
            Item::Column(column) => batch.columns[*column].clone(),
            Item::Computed(at) => Column::Flat(computed[*at].clone()),
            Item::None => Column::Absent,
        };
        Ok(self.items.iter().map(column).collect())
    }

    /// As `evaluate`, unpacked.
    pub fn arrays(&self, batch: &Batch, now_us: i64) -> Result<Vec<ArrayRef>> {
        self.evaluate(batch, now_us)?.iter().map(Column::flat).collect()
    }
}
