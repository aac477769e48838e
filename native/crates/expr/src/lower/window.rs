//! Window calls and their frames.

use arrow_array::ArrayRef;
use millrace_base::{Code, Error, Result};
use millrace_kernels::{
    AggregateKind, Exclude, Frame as KernelFrame, FrameBound as KernelBound, FrameUnit as KernelUnit, SortField,
    WindowCall as KernelCall, WindowKind, WindowPlan,
};
use millrace_plan::{
    AggregateFunction, DataType, Expr, Frame, FrameBound, FrameExclude, FrameUnit, Literal, Relations, SortKey,
    WindowCall, WindowFunction, expr_type,
};

use super::aggregate::{aggregate_kind, filtered};
use super::order::{is_integer_key, single_key, sort_fields};
use crate::evaluator::Projection;
use crate::model::NoModels;
use crate::shared::is_volatile;

/// A window as the kernels compute it.
pub struct LoweredWindow {
    pub fields: Vec<SortField>,
    /// Whether the order key is a single integer (or there is none).
    pub integer_key: bool,
    /// The plan's inputs, over the node's input.
    pub inputs: Vec<Expr>,
    pub plan: WindowPlan,
}

pub fn lower_window(
    order: &[SortKey],
    calls: &[WindowCall],
    input: &[DataType],
    relations: &dyn Relations,
) -> Result<LoweredWindow> {
    let key = single_key(order, input, relations)?;
    let mut inputs = Inputs { exprs: Vec::new(), types: Vec::new(), input, relations };
    let calls = calls.iter().map(|c| lower_call(c, key, &mut inputs)).collect::<Result<_>>()?;
    let plan = WindowPlan::new(calls, inputs.types.iter().map(|t| t.to_arrow()).collect())?;
    let integer_key = is_integer_key(order, key);
    Ok(LoweredWindow { fields: sort_fields(order), integer_key, inputs: inputs.exprs, plan })
}

struct Inputs<'a> {
    exprs: Vec<Expr>,
    types: Vec<DataType>,
    input: &'a [DataType],
    relations: &'a dyn Relations,
}

impl Inputs<'_> {
    /// The number of an input; calls over one expression share it.
    fn add(&mut self, argument: &Expr, filter: Option<&Expr>) -> Result<usize> {
        let data_type = expr_type(argument, self.input, self.relations)?;
        let expr = filter.map_or_else(|| argument.clone(), |filter| filtered(argument, filter, data_type));
        let known = self.exprs.iter().position(|e| *e == expr).filter(|_| !is_volatile(&expr));
        Ok(known.unwrap_or_else(|| {
            self.exprs.push(expr);
            self.types.push(data_type);
            self.exprs.len() - 1
        }))
    }
}

fn lower_call(call: &WindowCall, key: Option<DataType>, inputs: &mut Inputs<'_>) -> Result<KernelCall> {
    let mut argument = |filter: Option<&Expr>| match call.args.first() {
        Some(argument) => inputs.add(argument, filter),
        None => Err(Error::internal("a window function without its argument")),
    };
    let mut default = None;
    let kind = match &call.function {
        WindowFunction::RowNumber => WindowKind::RowNumber,
        WindowFunction::Rank => WindowKind::Rank,
        WindowFunction::DenseRank => WindowKind::DenseRank,
        WindowFunction::Lag { offset, default: value } => {
            default = value.as_ref();
            WindowKind::Lag { input: argument(None)?, offset: *offset }
        }
        WindowFunction::Lead { offset, default: value } => {
            default = value.as_ref();
            WindowKind::Lead { input: argument(None)?, offset: *offset }
        }
        WindowFunction::FirstValue => WindowKind::FirstValue { input: argument(None)? },
        WindowFunction::LastValue => WindowKind::LastValue { input: argument(None)? },
        WindowFunction::NthValue { n, from_last, ignore_nulls, default: value } => {
            default = value.as_ref();
            let input = argument(None)?;
            WindowKind::NthValue { input, n: *n, from_last: *from_last, ignore_nulls: *ignore_nulls }
        }
        WindowFunction::Aggregate { aggregate: AggregateFunction::CountStar } => match &call.filter {
            None => WindowKind::Aggregate { function: AggregateKind::CountStar, input: None },
            Some(filter) => {
                let counted = Expr::Literal { literal: Literal::Boolean { value: true } };
                let input = Some(inputs.add(&counted, Some(filter))?);
                WindowKind::Aggregate { function: AggregateKind::Count, input }
            }
        },
        WindowFunction::Aggregate { aggregate } => {
            let input = Some(argument(call.filter.as_ref())?);
            WindowKind::Aggregate { function: aggregate_kind(*aggregate), input }
        }
    };
    let default = default.map(constant).transpose()?;
    Ok(KernelCall { kind, frame: frame(&call.frame, key)?, output: call.data_type.to_arrow(), default })
}

fn constant(literal: &Literal) -> Result<ArrayRef> {
    let expr = Expr::Literal { literal: literal.clone() };
    let value = Projection::compile(std::slice::from_ref(&expr), &[], &NoModels)?;
    Ok(value.evaluate_columns(&[], 1, 0)?.swap_remove(0))
}

fn frame(frame: &Frame, key: Option<DataType>) -> Result<KernelFrame> {
    let unit = match frame.unit {
        FrameUnit::Rows => KernelUnit::Rows,
        FrameUnit::Range => KernelUnit::Range,
        FrameUnit::Groups => KernelUnit::Groups,
    };
    let exclude = match frame.exclude {
        FrameExclude::NoOthers => Exclude::NoOthers,
        FrameExclude::CurrentRow => Exclude::CurrentRow,
        FrameExclude::Group => Exclude::Group,
        FrameExclude::Ties => Exclude::Ties,
    };
    let bound = |bound: &FrameBound| -> Result<KernelBound> {
        Ok(match bound {
            FrameBound::UnboundedPreceding => KernelBound::UnboundedPreceding,
            FrameBound::Preceding { offset } => KernelBound::Preceding(distance(frame.unit, offset, key)?),
            FrameBound::CurrentRow => KernelBound::CurrentRow,
            FrameBound::Following { offset } => KernelBound::Following(distance(frame.unit, offset, key)?),
            FrameBound::UnboundedFollowing => KernelBound::UnboundedFollowing,
        })
    };
    Ok(KernelFrame { unit, start: bound(&frame.start)?, end: bound(&frame.end)?, exclude })
}

const DAY_US: i64 = 86_400_000_000;

/// An offset in rows, or in units of the order key's stored integer.
pub(super) fn distance(unit: FrameUnit, offset: &Literal, key: Option<DataType>) -> Result<i64> {
    let distance = match (unit, offset, key) {
        (_, Literal::Bigint { value }, _) => *value,
        (FrameUnit::Range, Literal::Smallint { value }, _) => i64::from(*value),
        (FrameUnit::Range, Literal::Integer { value }, _) => i64::from(*value),
        (FrameUnit::Range, Literal::Interval { months: 0, days, microseconds }, Some(key)) => {
            let span = i64::from(*days).checked_mul(DAY_US).and_then(|d| d.checked_add(*microseconds));
            let span = span.ok_or_else(|| Error::new(Code::DatetimeFieldOverflow, "interval out of range"))?;
            // Dates are whole days: a distance of so many days is within the span if it is within its whole days.
            if key == DataType::Date { span.div_euclid(DAY_US) } else { span }
        }
        (_, other, _) => {
            let clause = match unit {
                FrameUnit::Rows => "ROWS",
                FrameUnit::Range => "RANGE",
                FrameUnit::Groups => "GROUPS",
            };
            let message = format!("a {clause} frame with an offset of type {} is not supported", other.data_type());
            return Err(Error::new(Code::FeatureNotSupported, message)
                .with_hint("Order by an integer, a date or a timestamp, or use ROWS with a number of rows."));
        }
    };
    if distance < 0 {
        return Err(Error::new(Code::InvalidParameterValue, "invalid preceding or following size in window function"));
    }
    Ok(distance)
}
