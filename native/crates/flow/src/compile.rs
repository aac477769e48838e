//! From a plan to operators, with the proof that goes with it: whether an operator's output only grows. Operators that
//! need it keep less state then.

use arrow_array::ArrayRef;
use arrow_schema::DataType as Arrow;
use millrace_base::{Code, Error, RelationId, Result};
use millrace_expr::{Evaluator, Models};
use millrace_kernels::{
    Accumulator, AggregateKind, BytesKey, DistinctSet, Frame, FrameBound, FrameUnit, IntKey, SortField, WindowCall,
    WindowKind, WindowPlan,
};
use millrace_plan::{self as plan, DataType, Expr, JoinKind, Literal, Rel, Relations, validate_rel};

use crate::aggregate::{Aggregate, Call};
use crate::change::{ChangeBatch, batch_of, schema_of};
use crate::computed::{Computed, compile_predicate, compile_projection};
use crate::filter::Filter;
use crate::join::{Join, Side};
use crate::node::Node;
use crate::project::Project;
use crate::time_window::TimeWindow;
use crate::union_all::UnionAll;
use crate::values::Constant;
use crate::window::{Input, Setup, Window};

/// What a view's query is compiled against.
pub struct FlowEnv<'a> {
    pub models: &'a dyn Models,
    pub relations: &'a dyn Relations,
}

pub(crate) struct Compiler<'a> {
    pub env: &'a FlowEnv<'a>,
    /// Whether a relation's rows only ever come: the views of the graph and what the catalog says of the others.
    pub append_only: &'a dyn Fn(RelationId) -> bool,
}

pub(crate) struct Compiled {
    pub node: Node,
    pub types: Vec<DataType>,
    pub append_only: bool,
}

impl Compiled {
    fn arrow_types(&self) -> Vec<Arrow> {
        arrow_types(&self.types)
    }
}

fn arrow_types(types: &[DataType]) -> Vec<Arrow> {
    types.iter().map(|t| t.to_arrow()).collect()
}

fn unsupported(what: &str) -> Error {
    Error::new(Code::FeatureNotSupported, format!("{what} in a materialized view is not supported"))
}

impl Compiler<'_> {
    pub fn compile(&self, rel: &Rel) -> Result<Compiled> {
        let types = validate_rel(rel, self.env.relations)?;
        let schema = schema_of(&arrow_types(&types));
        let (node, append_only) = match rel {
            Rel::Scan { relation, columns } => {
                let node = Node::Scan { relation: *relation, columns: columns.clone(), schema };
                (node, (self.append_only)(*relation))
            }
            Rel::Filter { input, predicate } => {
                let input = self.compile(input)?;
                let predicate = compile_predicate(predicate, &input.types, self.env)?;
                (Node::operator(Filter { predicate }, vec![input.node]), input.append_only)
            }
            Rel::Project { input, exprs } => {
                let input = self.compile(input)?;
                let exprs = compile_projection(exprs, &input.types, self.env)?;
                (Node::operator(Project { exprs, schema }, vec![input.node]), input.append_only)
            }
            Rel::UnionAll { inputs } => {
                let inputs: Vec<Compiled> = inputs.iter().map(|i| self.compile(i)).collect::<Result<_>>()?;
                let append_only = inputs.iter().all(|i| i.append_only);
                (Node::operator(UnionAll, inputs.into_iter().map(|i| i.node).collect()), append_only)
            }
            Rel::Values { rows, .. } => {
                let columns = self.constant_columns(&types, rows)?;
                let rows = ChangeBatch { rows: batch_of(&schema, columns, rows.len())?, weights: None };
                (Node::operator(Constant { rows: Some(rows) }, Vec::new()), true)
            }
            Rel::GenerateSeries { start, stop, step } => {
                let values = series(*start, *stop, *step)?;
                let column: ArrayRef = std::sync::Arc::new(arrow_array::Int64Array::from(values));
                let rows = ChangeBatch { rows: batch_of(&schema, vec![column.clone()], column.len())?, weights: None };
                (Node::operator(Constant { rows: Some(rows) }, Vec::new()), true)
            }
            Rel::TimeWindow { input, time, size_us, slide_us, offset_us } => {
                let input = self.compile(input)?;
                let time = Computed::compile(time, &input.types, self.env)?;
                let time_type = time.data_type().to_arrow();
                let (size_us, slide_us, offset_us) = (*size_us, *slide_us, *offset_us);
                let operator = TimeWindow { time, time_type, size_us, slide_us, offset_us, schema };
                (Node::operator(operator, vec![input.node]), input.append_only)
            }
            Rel::Join { kind, left, right, keys, residual } => {
                let (left, right) = (self.compile(left)?, self.compile(right)?);
                let both: Vec<DataType> = left.types.iter().chain(&right.types).copied().collect();
                let residual = residual.as_ref().map(|r| compile_predicate(r, &both, self.env)).transpose()?;
                let append_only = left.append_only && right.append_only && *kind == JoinKind::Inner;
                let side = |input: &Compiled, keys: Vec<&Expr>| {
                    let keys = keys.into_iter().map(|k| Computed::compile(k, &input.types, self.env));
                    Side::new(keys.collect::<Result<_>>()?, input.arrow_types(), input.append_only)
                };
                let sides = [
                    side(&left, keys.iter().map(|k| &k.left).collect())?,
                    side(&right, keys.iter().map(|k| &k.right).collect())?,
                ];
                let join = Join::new(*kind, sides, residual, schema_of(&arrow_types(&both)), schema);
                (Node::operator(join, vec![left.node, right.node]), append_only)
            }
            Rel::Aggregate { input, group, aggregates } => {
                let input = self.compile(input)?;
                let group = Computed::all(group, &input.types, self.env)?;
                let calls = aggregates.iter().map(|c| self.aggregate_call(c, &input)).collect::<Result<_>>()?;
                // Groups without aggregates (DISTINCT) never change once they are there.
                let append_only = input.append_only && aggregates.is_empty();
                (Node::operator(Aggregate::new(group, calls, schema)?, vec![input.node]), append_only)
            }
            Rel::Window { input, partition, order, calls } => {
                let input = self.compile(input)?;
                let (setup, single) = self.window(&input, partition, order, calls, schema)?;
                let node = if single {
                    Node::operator(Window::<IntKey>::new(setup)?, vec![input.node])
                } else {
                    Node::operator(Window::<BytesKey>::new(setup)?, vec![input.node])
                };
                (node, false)
            }
            Rel::Sort { input, limit: None, offset: 0, .. } | Rel::Limit { input, limit: None, offset: 0 } => {
                // A view has no order of its own.
                return self.compile(input);
            }
            Rel::Sort { .. } | Rel::Limit { .. } => {
                return Err(unsupported("LIMIT").with_hint("Give the limit where the view is read."));
            }
        };
        Ok(Compiled { node, types, append_only })
    }

    fn constant_columns(&self, types: &[DataType], rows: &[Vec<Expr>]) -> Result<Vec<ArrayRef>> {
        let one = batch_of(&schema_of(&[]), Vec::new(), 1)?;
        (0..types.len())
            .map(|column| {
                let cells: Vec<ArrayRef> = rows
                    .iter()
                    .map(|row| Computed::compile(&row[column], &[], self.env)?.evaluate(&one, 0))
                    .collect::<Result<_>>()?;
                if cells.is_empty() {
                    return Ok(arrow_array::new_empty_array(&types[column].to_arrow()));
                }
                let cells: Vec<&dyn arrow_array::Array> = cells.iter().map(AsRef::as_ref).collect();
                arrow_select::concat::concat(&cells).map_err(millrace_kernels::arrow_error)
            })
            .collect()
    }

    fn aggregate_call(&self, call: &plan::AggregateCall, input: &Compiled) -> Result<Call> {
        let argument = call.arg.as_ref().map(|a| Computed::compile(a, &input.types, self.env)).transpose()?;
        let filter = call.filter.as_ref().map(|f| compile_predicate(f, &input.types, self.env)).transpose()?;
        let argument_type = argument.as_ref().map(|a| a.data_type().to_arrow());
        let kind = aggregate_kind(call.function);
        // The extremes of distinct values are those of all values.
        let distinct = call.distinct && !matches!(kind, AggregateKind::Min | AggregateKind::Max);
        let distinct = match &argument_type {
            Some(argument) if distinct => Some(DistinctSet::new(argument)?),
            _ => None,
        };
        let output = call.data_type.to_arrow();
        let accumulator = Accumulator::new(kind, argument_type.as_ref(), &output, !input.append_only)?;
        Ok(Call { argument, filter, distinct, accumulator })
    }

    /// The window operator's parts, and whether its order key is one integer.
    fn window(
        &self,
        input: &Compiled,
        partition: &[Expr],
        order: &[plan::SortKey],
        calls: &[plan::WindowCall],
        schema: arrow_schema::SchemaRef,
    ) -> Result<(Setup, bool)> {
        let types = &input.types;
        let fields = order.iter().map(|k| SortField { descending: k.descending, nulls_first: k.nulls_first }).collect();
        let partition = Computed::all(partition, types, self.env)?;
        let order: Vec<Computed> =
            order.iter().map(|k| Computed::compile(&k.expr, types, self.env)).collect::<Result<_>>()?;
        let single = match order.as_slice() {
            [] => true,
            [one] => !matches!(
                one.data_type(),
                DataType::Numeric { .. } | DataType::Text | DataType::Bytea | DataType::Interval
            ),
            _ => false,
        };
        let key_type = order.first().map(Computed::data_type);
        let mut arguments: Vec<(Expr, Option<Expr>)> = Vec::new();
        let mut planned = Vec::new();
        for call in calls {
            planned.push(self.window_call(call, key_type, &mut arguments)?);
        }
        let inputs: Vec<Input> = arguments
            .iter()
            .map(|(value, filter)| {
                let value = Computed::compile(value, types, self.env)?;
                let filter = filter.as_ref().map(|f| compile_predicate(f, types, self.env)).transpose()?;
                Ok(Input { value, filter })
            })
            .collect::<Result<_>>()?;
        let plan = WindowPlan::new(planned, inputs.iter().map(|i| i.value.data_type().to_arrow()).collect())?;
        let input_types = input.arrow_types();
        Ok((Setup { partition, order, fields, inputs, plan, input_types, schema }, single))
    }

    fn window_call(
        &self,
        call: &plan::WindowCall,
        key: Option<DataType>,
        arguments: &mut Vec<(Expr, Option<Expr>)>,
    ) -> Result<WindowCall> {
        use plan::WindowFunction as F;
        let mut argument = |value: &Expr, filter: Option<&Expr>| {
            let wanted = (value.clone(), filter.cloned());
            arguments.iter().position(|a| *a == wanted).unwrap_or_else(|| {
                arguments.push(wanted);
                arguments.len() - 1
            })
        };
        let mut first = || match call.args.first() {
            Some(value) => Ok(argument(value, None)),
            None => Err(Error::internal("a window function without its argument")),
        };
        let mut default = None;
        let kind = match &call.function {
            F::RowNumber => WindowKind::RowNumber,
            F::Rank => WindowKind::Rank,
            F::DenseRank => WindowKind::DenseRank,
            F::Lag { offset, default: value } => {
                default = self.default(value)?;
                WindowKind::Lag { input: first()?, offset: *offset }
            }
            F::Lead { offset, default: value } => {
                default = self.default(value)?;
                WindowKind::Lead { input: first()?, offset: *offset }
            }
            F::FirstValue => WindowKind::FirstValue { input: first()? },
            F::LastValue => WindowKind::LastValue { input: first()? },
            F::Aggregate { aggregate } => {
                let (function, input) = match (aggregate_kind(*aggregate), call.args.first(), &call.filter) {
                    (AggregateKind::CountStar, _, None) => (AggregateKind::CountStar, None),
                    // The rows for which the filter is true are those where it is not NULL after filtering itself.
                    (AggregateKind::CountStar, _, Some(filter)) => {
                        (AggregateKind::Count, Some(argument(filter, Some(filter))))
                    }
                    (kind, Some(value), filter) => (kind, Some(argument(value, filter.as_ref()))),
                    (_, None, _) => return Err(Error::internal("an aggregate without its argument")),
                };
                WindowKind::Aggregate { function, input }
            }
        };
        let frame = Frame {
            unit: match call.frame.unit {
                plan::FrameUnit::Rows => FrameUnit::Rows,
                plan::FrameUnit::Range => FrameUnit::Range,
            },
            start: frame_bound(&call.frame.start, call.frame.unit, key)?,
            end: frame_bound(&call.frame.end, call.frame.unit, key)?,
        };
        Ok(WindowCall { kind, frame, output: call.data_type.to_arrow(), default })
    }

    fn default(&self, value: &Option<Literal>) -> Result<Option<ArrayRef>> {
        let Some(literal) = value else { return Ok(None) };
        let one = batch_of(&schema_of(&[]), Vec::new(), 1)?;
        let literal = Expr::Literal { literal: literal.clone() };
        Evaluator::compile(&literal, &[], self.env.models)?.evaluate(&one, 0).map(Some)
    }
}

fn aggregate_kind(function: plan::AggregateFunction) -> AggregateKind {
    use plan::AggregateFunction as F;
    match function {
        F::CountStar => AggregateKind::CountStar,
        F::Count => AggregateKind::Count,
        F::Sum => AggregateKind::Sum,
        F::Min => AggregateKind::Min,
        F::Max => AggregateKind::Max,
        F::Avg => AggregateKind::Avg,
        F::BoolAnd => AggregateKind::BoolAnd,
        F::BoolOr => AggregateKind::BoolOr,
    }
}

fn frame_bound(bound: &plan::FrameBound, unit: plan::FrameUnit, key: Option<DataType>) -> Result<FrameBound> {
    let distance = |offset: &Literal| match unit {
        plan::FrameUnit::Rows => rows_offset(offset),
        plan::FrameUnit::Range => range_offset(offset, key),
    };
    Ok(match bound {
        plan::FrameBound::UnboundedPreceding => FrameBound::UnboundedPreceding,
        plan::FrameBound::Preceding { offset } => FrameBound::Preceding(distance(offset)?),
        plan::FrameBound::CurrentRow => FrameBound::CurrentRow,
        plan::FrameBound::Following { offset } => FrameBound::Following(distance(offset)?),
        plan::FrameBound::UnboundedFollowing => FrameBound::UnboundedFollowing,
    })
}

fn rows_offset(offset: &Literal) -> Result<i64> {
    match offset {
        Literal::Bigint { value } if *value >= 0 => Ok(*value),
        _ => Err(negative_offset()),
    }
}

fn negative_offset() -> Error {
    Error::new(Code::InvalidParameterValue, "the offset of a window frame must not be negative")
}

/// The offset as a difference of keys: whole days for dates, microseconds for times.
fn range_offset(offset: &Literal, key: Option<DataType>) -> Result<i64> {
    const DAY_US: i64 = 86_400_000_000;
    let value = match (offset, key) {
        (Literal::Smallint { value }, _) => i64::from(*value),
        (Literal::Integer { value }, _) => i64::from(*value),
        (Literal::Bigint { value }, _) => *value,
        (Literal::Interval { days, microseconds, .. }, Some(DataType::Date)) => {
            i64::from(*days) + microseconds.div_euclid(DAY_US)
        }
        (Literal::Interval { days, microseconds, .. }, Some(_)) => {
            i64::from(*days).saturating_mul(DAY_US).saturating_add(*microseconds)
        }
        _ => return Err(unsupported("a RANGE offset on keys that are not integers or times")),
    };
    if value < 0 { Err(negative_offset()) } else { Ok(value) }
}

fn series(start: i64, stop: i64, step: i64) -> Result<Vec<i64>> {
    const ROWS_MAX: i128 = 100_000_000;
    let rows = (i128::from(stop) - i128::from(start)) / i128::from(step) + 1;
    if rows > ROWS_MAX {
        return Err(Error::new(Code::InsufficientResources, format!("a series of {rows} rows is too long for a view")));
    }
    let past = |value: i64| if step > 0 { value > stop } else { value < stop };
    let next = |value: &i64| value.checked_add(step);
    Ok(std::iter::successors(Some(start), next).take_while(|&v| !past(v)).collect())
}
