//! ORDER BY, with LIMIT as a top-N: only the rows that can still be in the result are held.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use millrace_base::Result;
use millrace_base::limits::BATCH_ROWS;
use millrace_expr::Projection;
use millrace_expr::lower::sort_fields;
use millrace_kernels::{SortField, top_n};
use millrace_plan::{Expr, Rel, SortKey};

use crate::operator::{Input, Operator, Query, anonymous_schema, batch_of, build};
use crate::table::{Slices, check_rows, gather, join};

pub(crate) struct Sort<'a> {
    query: &'a Query<'a>,
    input: Option<Input<'a>>,
    keys: Projection,
    fields: Vec<SortField>,
    /// How many rows from the first on are wanted, those of the offset included.
    wanted: usize,
    offset: usize,
    schema: SchemaRef,
    output: Slices,
}

impl<'a> Sort<'a> {
    pub fn new(
        query: &'a Query<'a>,
        input: &'a Rel,
        keys: &[SortKey],
        limit: Option<u64>,
        offset: u64,
    ) -> Result<Self> {
        let types = query.types(input)?;
        let exprs: Vec<Expr> = keys.iter().map(|k| k.expr.clone()).collect();
        let wanted = limit.map_or(u64::MAX, |l| l.saturating_add(offset));
        Ok(Self {
            query,
            input: Some(build(input, query)?),
            keys: query.projection(&exprs, &types)?,
            fields: sort_fields(keys),
            wanted: usize::try_from(wanted).unwrap_or(usize::MAX),
            offset: usize::try_from(offset).unwrap_or(usize::MAX),
            schema: anonymous_schema(&types),
            output: Slices::default(),
        })
    }

    /// The first rows wanted, in order. Ties stay in input order, so that pruning early changes nothing.
    fn first(&self, batches: &[RecordBatch], rows: usize) -> Result<RecordBatch> {
        let all = join(&self.schema, batches, rows)?;
        let keys = self.keys.evaluate(&all, self.query.context.now_us)?;
        let order = top_n(&keys, &self.fields, rows, self.wanted.min(rows))?;
        batch_of(&self.schema, gather(all.columns(), &order)?, order.len())
    }

    fn sorted(&self, mut input: Input<'a>) -> Result<RecordBatch> {
        let mut batches: Vec<RecordBatch> = Vec::new();
        let mut rows = 0;
        let mut held = 0;
        let prune_at = self.wanted.saturating_mul(2).saturating_add(8 * BATCH_ROWS);
        while let Some(batch) = self.query.pull(&mut input)? {
            let bytes = batch.get_array_memory_size();
            self.query.hold(bytes)?;
            held += bytes;
            rows += batch.num_rows();
            batches.push(batch);
            if rows >= prune_at {
                let kept = self.first(&batches, rows)?;
                self.query.release(held);
                held = kept.get_array_memory_size();
                self.query.hold(held)?;
                rows = kept.num_rows();
                batches = vec![kept];
            }
            check_rows(rows)?;
        }
        self.first(&batches, rows)
    }
}

impl Operator for Sort<'_> {
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        if let Some(input) = self.input.take() {
            if self.wanted == 0 {
                return Ok(None);
            }
            let sorted = self.sorted(input)?;
            let from = self.offset.min(sorted.num_rows());
            self.output = Slices::new(sorted.slice(from, sorted.num_rows() - from));
        }
        Ok(self.output.next())
    }
}
