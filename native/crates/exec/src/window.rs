//! Window functions over the whole input; the kernel is the one that views keep up to date with.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use millrace_base::{Code, Error, Result};
use millrace_expr::{NoModels, Projection};
use millrace_kernels::{
    AggregateKind, Frame as KernelFrame, FrameBound as KernelBound, FrameUnit as KernelUnit, SortField,
    WindowCall as KernelCall, WindowKind, WindowPlan, compute_window,
};
use millrace_plan::{DataType, Expr, Frame, FrameBound, FrameUnit, Literal, Rel, SortKey, WindowCall, WindowFunction};

use crate::aggregate::{aggregate_kind, filtered};
use crate::operator::{Input, Operator, Query, anonymous_schema, batch_of, build};
use crate::sort::sort_fields;
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
        let first_input = exprs.len();
        let order_type = match order {
            [key] => Some(query.evaluator(&key.expr, &types)?.data_type()),
            _ => None,
        };
        let mut built = Vec::with_capacity(calls.len());
        for call in calls {
            let kind = window_kind(query, call, &types, &mut exprs, first_input)?;
            let default = match &call.function {
                WindowFunction::Lag { default, .. } | WindowFunction::Lead { default, .. } => default.as_ref(),
                _ => None,
            };
            let default = default.map(constant).transpose()?;
            built.push(KernelCall {
                kind,
                frame: frame_of(&call.frame, order_type)?,
                output: call.data_type.to_arrow(),
                default,
            });
        }
        let computed = query.projection(&exprs, &types)?;
        let input_types = computed.data_types().skip(first_input).map(DataType::to_arrow).collect();
        let mut output = types.clone();
        output.extend(calls.iter().map(|c| c.data_type));
        Ok(Self {
            query,
            input: Some(build(input, query)?),
            input_schema: anonymous_schema(&types),
            computed,
            partition_columns: partition.len(),
            fields: sort_fields(order),
            plan: WindowPlan::new(built, input_types)?,
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

/// The kernel's call, with its argument appended to `exprs`.
fn window_kind(
    query: &Query<'_>,
    call: &WindowCall,
    types: &[DataType],
    exprs: &mut Vec<Expr>,
    first_input: usize,
) -> Result<WindowKind> {
    let mut input = |expr: Expr| {
        exprs.push(expr);
        exprs.len() - 1 - first_input
    };
    let argument = || call.args.first().ok_or_else(|| Error::internal("a window function without its argument"));
    Ok(match &call.function {
        WindowFunction::RowNumber => WindowKind::RowNumber,
        WindowFunction::Rank => WindowKind::Rank,
        WindowFunction::DenseRank => WindowKind::DenseRank,
        WindowFunction::Lag { offset, .. } => WindowKind::Lag { input: input(argument()?.clone()), offset: *offset },
        WindowFunction::Lead { offset, .. } => WindowKind::Lead { input: input(argument()?.clone()), offset: *offset },
        WindowFunction::FirstValue => WindowKind::FirstValue { input: input(argument()?.clone()) },
        WindowFunction::LastValue => WindowKind::LastValue { input: input(argument()?.clone()) },
        WindowFunction::Aggregate { aggregate } => match (call.args.first(), &call.filter) {
            (Some(arg), filter) => {
                let kind = query.evaluator(arg, types)?.data_type();
                let input = Some(input(filtered(arg, filter.as_ref(), kind)));
                WindowKind::Aggregate { function: aggregate_kind(*aggregate), input }
            }
            (None, None) => WindowKind::Aggregate { function: aggregate_kind(*aggregate), input: None },
            (None, Some(filter)) => {
                let counted = Expr::Literal { literal: Literal::Boolean { value: true } };
                let input = Some(input(filtered(&counted, Some(filter), DataType::Boolean)));
                WindowKind::Aggregate { function: AggregateKind::Count, input }
            }
        },
    })
}

fn constant(literal: &Literal) -> Result<arrow_array::ArrayRef> {
    let expr = Expr::Literal { literal: literal.clone() };
    let value = Projection::compile(std::slice::from_ref(&expr), &[], &NoModels)?;
    Ok(value.evaluate_columns(&[], 1, 0)?.swap_remove(0))
}

fn frame_of(frame: &Frame, order: Option<DataType>) -> Result<KernelFrame> {
    let unit = match frame.unit {
        FrameUnit::Rows => KernelUnit::Rows,
        FrameUnit::Range => KernelUnit::Range,
    };
    let bound = |bound: &FrameBound| -> Result<KernelBound> {
        Ok(match bound {
            FrameBound::UnboundedPreceding => KernelBound::UnboundedPreceding,
            FrameBound::Preceding { offset } => KernelBound::Preceding(distance(unit, offset, order)?),
            FrameBound::CurrentRow => KernelBound::CurrentRow,
            FrameBound::Following { offset } => KernelBound::Following(distance(unit, offset, order)?),
            FrameBound::UnboundedFollowing => KernelBound::UnboundedFollowing,
        })
    };
    Ok(KernelFrame { unit, start: bound(&frame.start)?, end: bound(&frame.end)? })
}

const DAY_US: i64 = 86_400_000_000;

/// An offset in rows, or in units of the order key's stored integer.
fn distance(unit: KernelUnit, offset: &Literal, order: Option<DataType>) -> Result<i64> {
    let distance = match (offset, order) {
        (Literal::Bigint { value }, _) => *value,
        (Literal::Smallint { value }, _) if unit == KernelUnit::Range => i64::from(*value),
        (Literal::Integer { value }, _) if unit == KernelUnit::Range => i64::from(*value),
        (Literal::Interval { months: 0, days, microseconds }, Some(key)) => {
            let span = i64::from(*days).checked_mul(DAY_US).and_then(|d| d.checked_add(*microseconds));
            let span = span.ok_or_else(|| Error::new(Code::DatetimeFieldOverflow, "interval out of range"))?;
            // Dates are whole days: a distance of so many days is within the span if it is within its whole days.
            if key == DataType::Date { span.div_euclid(DAY_US) } else { span }
        }
        (other, _) => {
            let message = format!("a RANGE frame with an offset of type {} is not supported", other.data_type());
            return Err(Error::new(Code::FeatureNotSupported, message)
                .with_hint("Order by an integer, a date or a timestamp, or use ROWS."));
        }
    };
    if distance < 0 {
        return Err(Error::new(Code::InvalidParameterValue, "invalid preceding or following size in window function"));
    }
    Ok(distance)
}
