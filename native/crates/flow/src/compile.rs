//! From a plan to operators, with the proof that goes with it: whether an operator's output only grows. Operators that
//! need it keep less state then.

use arrow_array::ArrayRef;
use arrow_schema::DataType as Arrow;
use millrace_base::{Code, Error, RelationId, Result};
use millrace_expr::Models;
use millrace_expr::lower::{lower_aggregate, lower_window, sort_fields};
use millrace_kernels::{BytesKey, IntKey, Series};
use millrace_plan::{self as plan, DataType, Expr, JoinKind, Rel, Relations, validate_rel};

use crate::aggregate::{Aggregate, Call};
use crate::change::{ChangeBatch, batch_of, schema_of};
use crate::computed::{Computed, compile_predicate, compile_projection};
use crate::filter::Filter;
use crate::join::{Join, Side};
use crate::node::Node;
use crate::project::Project;
use crate::temporal_filter::TemporalFilter;
use crate::time_window::TimeWindow;
use crate::top_n::{Order, TopN};
use crate::union_all::UnionAll;
use crate::unnest::Unnest;
use crate::values::Constant;
use crate::window::{Setup, Window};

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
            Rel::Scan { as_of: Some(_), .. } => return Err(unsupported("AS OF")),
            Rel::Scan { relation, columns, as_of: None } => {
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
            Rel::Unnest { input, lists, ordinality, outer } => {
                let input = self.compile(input)?;
                let lists = compile_projection(lists, &input.types, self.env)?;
                let operator = Unnest { lists, ordinality: *ordinality, outer: *outer, schema };
                (Node::operator(operator, vec![input.node]), input.append_only)
            }
            Rel::TemporalFilter { input, from, until } => {
                let input = self.compile(input)?;
                let append_only = input.append_only && until.is_empty();
                let from = Computed::all(from, &input.types, self.env)?;
                let until = Computed::all(until, &input.types, self.env)?;
                let operator = TemporalFilter::new(from, until, &input.arrow_types());
                (Node::operator(operator, vec![input.node]), append_only)
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
                let nulls_equal: Vec<bool> = keys.iter().map(|k| k.nulls_equal).collect();
                let (left, right) = (self.compile(left)?, self.compile(right)?);
                let both: Vec<DataType> = left.types.iter().chain(&right.types).copied().collect();
                let residual = residual.as_ref().map(|r| compile_predicate(r, &both, self.env)).transpose()?;
                let append_only = left.append_only && right.append_only && *kind == JoinKind::Inner;
                let side = |input: &Compiled, keys: Vec<&Expr>| {
                    let keys = keys.into_iter().map(|k| Computed::compile(k, &input.types, self.env));
                    Side::new(keys.collect::<Result<_>>()?, nulls_equal.clone(), input.arrow_types(), input.append_only)
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
                self.aggregate(input, group, aggregates)?
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
            Rel::Sort { input, keys, limit, offset } => (self.top_n(input, keys, *limit, *offset, schema)?, false),
            Rel::Limit { input, limit, offset } => match &**input {
                // The rows are those that its order puts first.
                Rel::Sort { input, keys, limit: None, offset: 0 } => {
                    (self.top_n(input, keys, *limit, *offset, schema)?, false)
                }
                input => (self.top_n(input, &[], *limit, *offset, schema)?, false),
            },
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

    fn aggregate(&self, input: Compiled, group: &[Expr], calls: &[plan::AggregateCall]) -> Result<(Node, bool)> {
        let lowered = lower_aggregate(group, calls, &input.types, self.env.relations)?;
        let calls = lowered.calls.iter().map(|call| {
            let argument = call.argument.as_ref().map(|a| Computed::compile(a, &input.types, self.env)).transpose()?;
            let filter = call.mask.as_ref().map(|m| compile_predicate(m, &input.types, self.env)).transpose()?;
            let accumulator = call.accumulator(!input.append_only)?;
            Ok(Call { argument, filter, distinct: call.distinct_set()?, accumulator })
        });
        let calls = calls.collect::<Result<_>>()?;
        let types = lowered.types();
        let group = Computed::all(group, &input.types, self.env)?;
        // Groups without aggregates (DISTINCT) never change once they are there.
        let append_only = input.append_only && lowered.calls.is_empty();
        let node = Aggregate::new(group, calls, schema_of(&arrow_types(&types)))?;
        let mut node = Node::operator(node, vec![input.node]);
        if let Some(output) = &lowered.output {
            let exprs = compile_projection(output, &types, self.env)?;
            let schema: Vec<DataType> = exprs.data_types().collect();
            node = Node::operator(Project { exprs, schema: schema_of(&arrow_types(&schema)) }, vec![node]);
        }
        Ok((node, append_only))
    }

    fn top_n(
        &self,
        input: &Rel,
        keys: &[plan::SortKey],
        limit: Option<u64>,
        offset: u64,
        schema: arrow_schema::SchemaRef,
    ) -> Result<Node> {
        let input = self.compile(input)?;
        let exprs = keys.iter().map(|k| Computed::compile(&k.expr, &input.types, self.env)).collect::<Result<_>>()?;
        let order = Order { keys: exprs, fields: sort_fields(keys) };
        let operator = TopN::new(order, limit, offset, input.append_only, &input.arrow_types(), schema);
        Ok(Node::operator(operator, vec![input.node]))
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
        let lowered = lower_window(order, calls, types, self.env.relations)?;
        let partition = Computed::all(partition, types, self.env)?;
        let order = order.iter().map(|k| Computed::compile(&k.expr, types, self.env)).collect::<Result<_>>()?;
        let inputs = Computed::all(&lowered.inputs, types, self.env)?;
        let (fields, plan, input_types) = (lowered.fields, lowered.plan, input.arrow_types());
        Ok((Setup { partition, order, fields, inputs, plan, input_types, schema }, lowered.integer_key))
    }
}

fn series(start: i64, stop: i64, step: i64) -> Result<Vec<i64>> {
    const ROWS_MAX: u128 = 100_000_000;
    let series = Series::new(start.into(), stop.into(), step.into());
    let rows = series.remaining();
    if rows > ROWS_MAX {
        return Err(Error::new(Code::InsufficientResources, format!("a series of {rows} rows is too long for a view")));
    }
    // All values are between two bigints.
    Ok(series.map(|value| value as i64).collect())
}
