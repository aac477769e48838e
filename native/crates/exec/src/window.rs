//! Window functions over the whole input; the kernel is the one that views keep up to date with.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use millrace_base::Result;
use millrace_expr::Projection;
use millrace_expr::lower::lower_window;
use millrace_kernels::{SortField, WindowPlan, compute_window};
use millrace_plan::{Expr, Rel, SortKey, WindowCall};

use crate::operator::{Input, Operator, Query, anonymous_schema, batch_of, build};
use crate::table::{Slices, collect};

pub(crate) struct Window<'a> {
    query: &'a Query<'a>,
    input: Option<Input<'a>>,
    input_schema: SchemaRef,
    /// Partition columns, order columns, the calls' inputs.
    computed: Projection,
    partition_columns: usize,
    fields: Vec<SortField>,
    plan: WindowPlan,
    schema: SchemaRef,
    output: Slices,
}

impl<'a> Window<'a> {
    pub fn new(
        query: &'a Query<'a>,
        input: &'a Rel,
        partition: &[Expr],
        order: &[SortKey],
        calls: &[WindowCall],
    ) -> Result<Self> {
        let types = query.types(input)?;
        let mut exprs: Vec<Expr> = partition.to_vec();
        exprs.extend(order.iter().map(|k| k.expr.clone()));
        let lowered = lower_window(order, calls, &types, query.context.relations)?;
        exprs.extend(lowered.inputs);
        let computed = query.projection(&exprs, &types)?;
        let mut output = types.clone();
        output.extend(calls.iter().map(|c| c.data_type));
        Ok(Self {
            query,
            input: Some(build(input, query)?),
            input_schema: anonymous_schema(&types),
            computed,
            partition_columns: partition.len(),
            fields: lowered.fields,
            plan: lowered.plan,
            schema: anonymous_schema(&output),
            output: Slices::default(),
        })
    }

    fn compute(&self, all: &RecordBatch) -> Result<RecordBatch> {
        let computed = self.computed.evaluate(all, self.query.context.now_us)?;
        let (partition, rest) = computed.split_at(self.partition_columns);
        let (order, inputs) = rest.split_at(self.fields.len());
        let rows = all.num_rows();
        let results = compute_window(&self.plan, partition, order, &self.fields, all.columns(), inputs, rows)?;
        let columns = all.columns().iter().cloned().chain(results).collect();
        batch_of(&self.schema, columns, rows)
    }
}

impl Operator for Window<'_> {
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        if let Some(mut input) = self.input.take() {
            let all = collect(self.query, &mut input, &self.input_schema)?;
            if all.num_rows() > 0 {
                self.output = Slices::new(self.compute(&all)?);
            }
        }
        Ok(self.output.next())
    }
}
