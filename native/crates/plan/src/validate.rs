//! Re-derives every type of an operator tree and refuses what does not fit, so that no operator meets a column or a type that
//! it does not expect. It trusts nobody: a failure is SQLSTATE 08P01, a bug of the planner or a forged plan.

use millrace_base::limits::PLAN_DEPTH_MAX;
use millrace_base::{Code, Error, RelationId, Result};

use crate::*;

/// What `validate` asks of the catalog.
pub trait Relations {
    /// The column types of a stream, table, source or materialized view.
    fn columns(&self, id: RelationId) -> Option<Vec<DataType>>;
    /// The number of features of a model.
    fn model_inputs(&self, id: RelationId) -> Option<u32>;
    /// Whether rows are only ever added (streams and sources): views over such relations keep less.
    fn append_only(&self, _id: RelationId) -> bool {
        false
    }
}

pub(crate) fn refuse<T>(message: impl Into<String>) -> Result<T> {
    Err(Error::new(Code::ProtocolViolation, format!("invalid plan: {}", message.into())))
}

/// The output types of an operator.
pub fn validate_rel(rel: &Rel, relations: &dyn Relations) -> Result<Vec<DataType>> {
    rel_types(rel, relations, 0)
}

/// The type of an expression over columns of `input` types.
pub fn expr_type(expr: &Expr, input: &[DataType], relations: &dyn Relations) -> Result<DataType> {
    type_of(expr, input, relations, 0)
}

pub(crate) fn columns_of(id: RelationId, relations: &dyn Relations) -> Result<Vec<DataType>> {
    relations.columns(id).ok_or_else(|| {
        Error::new(Code::UndefinedTable, format!("relation {} does not exist", id.0))
            .with_hint("It may have been dropped since the statement was planned.")
    })
}

pub(crate) fn boolean(expr: &Expr, input: &[DataType], relations: &dyn Relations) -> Result<()> {
    match expr_type(expr, input, relations)? {
        DataType::Boolean => Ok(()),
        other => refuse(format!("a predicate of type {other}")),
    }
}

/// Whether any scan has its own epoch.
pub fn reads_past(rel: &Rel) -> bool {
    matches!(rel, Rel::Scan { as_of: Some(_), .. }) || rel.inputs().into_iter().any(reads_past)
}

pub(crate) fn instant(time: &Expr, relations: &dyn Relations) -> Result<()> {
    match expr_type(time, &[], relations)? {
        DataType::Timestamptz => Ok(()),
        other => refuse(format!("a place in time of type {other}")),
    }
}

fn rel_types(rel: &Rel, relations: &dyn Relations, depth: usize) -> Result<Vec<DataType>> {
    if depth > PLAN_DEPTH_MAX {
        return Err(Error::new(Code::StatementTooComplex, "the plan is nested too deeply"));
    }
    let child = |rel: &Rel| rel_types(rel, relations, depth + 1);
    match rel {
        Rel::Scan { relation, columns, as_of } => {
            let types = columns_of(*relation, relations)?;
            if let Some(AsOf::Timestamp { time }) = as_of {
                instant(time, relations)?;
            }
            columns
                .iter()
                .map(|&c| types.get(c as usize).copied().map_or_else(|| refuse(format!("scan of column {c}")), Ok))
                .collect()
        }
        Rel::Values { types, rows } => {
            for row in rows {
                if row.len() != types.len() {
                    return refuse("a row of VALUES has another width");
                }
                for (expr, wanted) in row.iter().zip(types) {
                    if expr_type(expr, &[], relations)? != *wanted {
                        return refuse("a value has another type");
                    }
                }
            }
            Ok(types.clone())
        }
        Rel::Filter { input, predicate } => {
            let types = child(input)?;
            boolean(predicate, &types, relations)?;
            Ok(types)
        }
        Rel::Project { input, exprs } => {
            let types = child(input)?;
            exprs.iter().map(|e| expr_type(e, &types, relations)).collect()
        }
        Rel::Join { kind, left, right, keys, residual } => {
            let left = child(left)?;
            let right = child(right)?;
            for key in keys {
                let (l, r) = (expr_type(&key.left, &left, relations)?, expr_type(&key.right, &right, relations)?);
                if l != r {
                    return refuse(format!("a join key compares {l} with {r}"));
                }
            }
            let both: Vec<DataType> = left.iter().chain(&right).copied().collect();
            residual.iter().try_for_each(|r| boolean(r, &both, relations))?;
            Ok(if matches!(kind, JoinKind::Semi | JoinKind::Anti) { left } else { both })
        }
        Rel::Aggregate { input, group, aggregates } => {
            let types = child(input)?;
            let mut out: Vec<DataType> =
                group.iter().map(|e| expr_type(e, &types, relations)).collect::<Result<_>>()?;
            for call in aggregates {
                let arg = call.arg.as_ref().map(|a| expr_type(a, &types, relations)).transpose()?;
                call.filter.iter().try_for_each(|f| boolean(f, &types, relations))?;
                check_aggregate(call.function, arg, call.data_type, call.order.len())?;
                out.push(call.data_type);
            }
            Ok(out)
        }
        Rel::Window { input, partition, order, calls } => {
            let types = child(input)?;
            for expr in partition.iter().chain(order.iter().map(|k| &k.expr)) {
                expr_type(expr, &types, relations)?;
            }
            let mut out = types.clone();
            for call in calls {
                check_window(call, &types, order, relations)?;
                out.push(call.data_type);
            }
            Ok(out)
        }
        Rel::Sort { input, keys, .. } => {
            let types = child(input)?;
            for key in keys {
                expr_type(&key.expr, &types, relations)?;
            }
            Ok(types)
        }
        Rel::Limit { input, .. } => child(input),
        Rel::UnionAll { inputs } => {
            let Some((first, rest)) = inputs.split_first() else { return refuse("UNION ALL of nothing") };
            let types = child(first)?;
            for other in rest {
                if child(other)? != types {
                    return refuse("the inputs of UNION ALL have different types");
                }
            }
            Ok(types)
        }
        Rel::TimeWindow { input, time, size_us, slide_us, .. } => {
            let mut types = child(input)?;
            let time = expr_type(time, &types, relations)?;
            if !matches!(time, DataType::Timestamp | DataType::Timestamptz) {
                return refuse(format!("a time window over {time}"));
            }
            if *slide_us <= 0 || *size_us <= 0 || size_us / slide_us > 10_000 {
                return refuse("a time window needs 0 < slide, 0 < size and at most 10000 windows a row");
            }
            types.extend([time, time]);
            Ok(types)
        }
        Rel::TemporalFilter { input, from, until } => {
            let types = child(input)?;
            for bound in from.iter().chain(until) {
                match expr_type(bound, &types, relations)? {
                    DataType::Timestamptz => {}
                    other => return refuse(format!("a temporal filter by {other}")),
                }
            }
            Ok(types)
        }
        Rel::Unnest { input, lists, ordinality, .. } => {
            let mut types = child(input)?;
            let elements = lists
                .iter()
                .map(|list| match expr_type(list, &types, relations)? {
                    DataType::Array { element } => Ok(*element),
                    other => refuse(format!("unnest of {other}")),
                })
                .collect::<Result<Vec<_>>>()?;
            types.extend(elements);
            types.extend(ordinality.then_some(DataType::Bigint));
            Ok(types)
        }
        Rel::GenerateSeries { step, .. } => {
            if *step == 0 {
                return Err(Error::new(Code::InvalidParameterValue, "step size cannot equal zero"));
            }
            Ok(vec![DataType::Bigint])
        }
    }
}

/// `keys` is how many sort keys the rows of a collection have.
fn check_aggregate(function: AggregateFunction, arg: Option<DataType>, result: DataType, keys: usize) -> Result<()> {
    use AggregateFunction as F;
    if keys > 0 && function != F::Collect {
        return refuse(format!("{function:?} with an order"));
    }
    let fits = match (function, arg) {
        (F::CountStar, None) | (F::Count, Some(_)) => result == DataType::Bigint,
        (F::Sum, Some(arg)) => match arg {
            DataType::Smallint | DataType::Integer => result == DataType::Bigint,
            DataType::Bigint => matches!(result, DataType::Numeric { scale: 0, .. }),
            DataType::Numeric { scale: s, .. } => matches!(result, DataType::Numeric { scale, .. } if scale == s),
            DataType::Real | DataType::Double | DataType::Interval => result == arg,
            _ => false,
        },
        (F::BitAnd | F::BitOr | F::BitXor, Some(arg)) => arg.is_integer() && result == arg,
        (F::VarPop | F::VarSamp | F::StddevPop | F::StddevSamp, Some(arg)) => {
            (arg.is_integer() || matches!(arg, DataType::Numeric { .. })) && matches!(result, DataType::Numeric { .. })
        }
        (F::Moments, Some(DataType::Row { fields })) => {
            (1..=2).contains(&fields.len())
                && fields.iter().all(|field| field.data_type == DataType::Double)
                && result == DataType::array(DataType::Double)
        }
        (F::Collect, Some(DataType::Row { fields })) => {
            fields.len() == keys + 1 && result == DataType::array(fields[0].data_type)
        }
        (F::Avg, Some(arg)) => match arg {
            DataType::Real | DataType::Double => result == DataType::Double,
            _ => arg.is_number() && matches!(result, DataType::Numeric { .. }),
        },
        (F::Min | F::Max, Some(arg)) => result == arg,
        (F::BoolAnd | F::BoolOr, Some(arg)) => arg == DataType::Boolean && result == DataType::Boolean,
        _ => false,
    };
    if fits { Ok(()) } else { refuse(format!("{function:?} of {arg:?} giving {result}")) }
}

fn check_window(call: &WindowCall, types: &[DataType], order: &[SortKey], relations: &dyn Relations) -> Result<()> {
    let args: Vec<DataType> = call.args.iter().map(|a| expr_type(a, types, relations)).collect::<Result<_>>()?;
    call.filter.iter().try_for_each(|f| boolean(f, types, relations))?;
    match &call.function {
        WindowFunction::RowNumber | WindowFunction::Rank | WindowFunction::DenseRank => {
            if !args.is_empty() || call.data_type != DataType::Bigint {
                return refuse("a ranking function takes no argument and gives bigint");
            }
        }
        WindowFunction::Lag { default, .. } | WindowFunction::Lead { default, .. } => {
            let fits = args.len() == 1
                && args[0] == call.data_type
                && default.as_ref().is_none_or(|d| d.data_type() == call.data_type);
            if !fits {
                return refuse("LAG and LEAD give their argument's type");
            }
        }
        WindowFunction::FirstValue | WindowFunction::LastValue => {
            if args.len() != 1 || args[0] != call.data_type {
                return refuse("FIRST_VALUE and LAST_VALUE give their argument's type");
            }
        }
        WindowFunction::NthValue { n, default, .. } => {
            let fits = args.len() == 1
                && args[0] == call.data_type
                && default.as_ref().is_none_or(|d| d.data_type() == call.data_type);
            if !fits || *n == 0 {
                return refuse("NTH_VALUE gives its argument's type, and counts from 1");
            }
        }
        WindowFunction::Aggregate { aggregate } => {
            if args.len() > 1 {
                return refuse("an aggregate with several arguments");
            }
            check_aggregate(*aggregate, args.first().copied(), call.data_type, 0)?;
        }
    }
    if call.frame.unit == FrameUnit::Groups && order.is_empty() {
        return refuse("a GROUPS frame needs an order");
    }
    for bound in [&call.frame.start, &call.frame.end] {
        let (FrameBound::Preceding { offset } | FrameBound::Following { offset }) = bound else { continue };
        check_frame_offset(call.frame.unit, offset, types, order, relations)?;
    }
    Ok(())
}

fn check_frame_offset(
    unit: FrameUnit,
    offset: &Literal,
    types: &[DataType],
    order: &[SortKey],
    relations: &dyn Relations,
) -> Result<()> {
    if unit != FrameUnit::Range {
        return match offset {
            Literal::Bigint { value } if *value >= 0 => Ok(()),
            _ => refuse("the offset of a ROWS or GROUPS frame is a non-negative bigint"),
        };
    }
    let [key] = order else { return refuse("a RANGE frame with an offset needs exactly one order key") };
    let key = expr_type(&key.expr, types, relations)?;
    let fits = match (key, offset) {
        (
            DataType::Timestamp | DataType::Timestamptz | DataType::Date | DataType::Time,
            Literal::Interval { months, days, microseconds },
        ) => *months == 0 && *days >= 0 && *microseconds >= 0,
        (key, offset) => key.is_number() && offset.data_type() == key,
    };
    if fits { Ok(()) } else { refuse(format!("a RANGE frame offset of {} over {key}", offset.data_type())) }
}

fn type_of(expr: &Expr, input: &[DataType], relations: &dyn Relations, depth: usize) -> Result<DataType> {
    if depth > PLAN_DEPTH_MAX {
        return Err(Error::new(Code::StatementTooComplex, "the expression is nested too deeply"));
    }
    let typed = |e: &Expr| type_of(e, input, relations, depth + 1);
    let want = |e: &Expr, wanted: DataType| match typed(e)? {
        found if found == wanted => Ok(()),
        found => refuse(format!("expected {wanted}, found {found}")),
    };
    match expr {
        Expr::Column { index } => {
            input.get(*index as usize).copied().map_or_else(|| refuse(format!("column {index} of {}", input.len())), Ok)
        }
        Expr::Literal { literal } => Ok(literal.data_type()),
        Expr::Binary { operator, left, right, data_type } => {
            let (l, r) = (typed(left)?, typed(right)?);
            check_binary(*operator, l, r, *data_type)?;
            Ok(*data_type)
        }
        Expr::Not { input } => want(input, DataType::Boolean).map(|()| DataType::Boolean),
        Expr::Negate { input } => match typed(input)? {
            found if found.is_number() || found == DataType::Interval => Ok(found),
            found => refuse(format!("negation of {found}")),
        },
        Expr::IsNull { input, .. } => typed(input).map(|_| DataType::Boolean),
        Expr::Case { branches, otherwise, data_type } => {
            for branch in branches {
                want(&branch.when, DataType::Boolean)?;
                want(&branch.then, *data_type)?;
            }
            otherwise.iter().try_for_each(|e| want(e, *data_type))?;
            Ok(*data_type)
        }
        Expr::Cast { input, to } => typed(input).map(|_| *to),
        Expr::InList { input, list, .. } => {
            let wanted = typed(input)?;
            list.iter().try_for_each(|e| want(e, wanted))?;
            Ok(DataType::Boolean)
        }
        Expr::Like { input, pattern, .. } => {
            want(input, DataType::Text)?;
            want(pattern, DataType::Text)?;
            Ok(DataType::Boolean)
        }
        Expr::Call { args, data_type, .. } => {
            args.iter().try_for_each(|a| typed(a).map(|_| ()))?;
            Ok(*data_type)
        }
        Expr::Predict { model, args } => {
            let Some(inputs) = relations.model_inputs(*model) else {
                return Err(Error::new(Code::UndefinedObject, format!("model {} does not exist", model.0)));
            };
            if args.len() != inputs as usize {
                return refuse(format!("a model of {inputs} features got {}", args.len()));
            }
            args.iter().try_for_each(|a| want(a, DataType::Double))?;
            Ok(DataType::Double)
        }
        Expr::Parameter { index, .. } => refuse(format!("parameter ${index} has no value")),
    }
}

fn check_binary(operator: BinaryOp, left: DataType, right: DataType, result: DataType) -> Result<()> {
    use BinaryOp as B;
    use DataType as T;
    let both_numeric = matches!((left, right), (T::Numeric { .. }, T::Numeric { .. }));
    let fits = match operator {
        B::And | B::Or => left == T::Boolean && right == T::Boolean && result == T::Boolean,
        B::Equal | B::NotEqual | B::Less | B::LessEqual | B::Greater | B::GreaterEqual => {
            (left == right || both_numeric) && result == T::Boolean
        }
        B::IsDistinctFrom | B::IsNotDistinctFrom => (left == right || both_numeric) && result == T::Boolean,
        B::RegexMatch | B::RegexIMatch | B::RegexNotMatch | B::RegexNotIMatch => {
            left == T::Text && right == T::Text && result == T::Boolean
        }
        B::Concat => left == right && left == result && matches!(left, T::Text | T::Bytea),
        B::Add | B::Subtract | B::Multiply | B::Divide | B::Modulo => {
            (left == right && left.is_number() && result == left && !both_numeric)
                || (both_numeric && matches!(result, T::Numeric { .. }))
                || time_arithmetic(operator, left, right) == Some(result)
        }
    };
    if fits { Ok(()) } else { refuse(format!("{operator:?} of {left} and {right} giving {result}")) }
}

/// PostgreSQL's date/time arithmetic.
fn time_arithmetic(operator: BinaryOp, left: DataType, right: DataType) -> Option<DataType> {
    use BinaryOp::{Add, Divide, Multiply, Subtract};
    use DataType as T;
    Some(match (operator, left, right) {
        (Add | Subtract, T::Timestamp | T::Date, T::Interval) => T::Timestamp,
        (Add | Subtract, T::Timestamptz, T::Interval) => T::Timestamptz,
        (Add | Subtract, T::Time, T::Interval) => T::Time,
        (Add, T::Interval, T::Timestamp | T::Date) => T::Timestamp,
        (Add, T::Interval, T::Timestamptz) => T::Timestamptz,
        (Add | Subtract, T::Interval, T::Interval) => T::Interval,
        (Multiply | Divide, T::Interval, T::Double) => T::Interval,
        (Multiply, T::Double, T::Interval) => T::Interval,
        (Subtract, T::Timestamp, T::Timestamp) | (Subtract, T::Timestamptz, T::Timestamptz) => T::Interval,
        (Subtract, T::Time, T::Time) => T::Interval,
        (Subtract, T::Date, T::Date) => T::Integer,
        (Add | Subtract, T::Date, T::Integer) | (Add, T::Integer, T::Date) => T::Date,
        _ => return None,
    })
}
