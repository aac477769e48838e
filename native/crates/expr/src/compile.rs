//! plan::Expr → Node. Types are derived again on the way, so that every node knows what it computes; what depends on
//! constants alone is computed here, once, unless it fails: then it fails when a row needs it.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::*;
use arrow_buffer::Buffer;
use arrow_schema::Schema;
use datafusion_common::ScalarValue;
use datafusion_physical_expr::expressions::{Column as LibraryColumn, Literal as LibraryLiteral, in_list};
use millrace_base::{Code, Error, RelationId, Result};
use millrace_plan::{BinaryOp, DataType, Expr, Literal, UUID_BYTES, Volatility, arrow_schema};

use crate::cast::{cannot, cast, is_possible, is_total};
use crate::compare::compare;
use crate::functions::jsonb_build::jsonb_of;
use crate::functions::pattern;
use crate::model::{Model, Models};
use crate::nested::element_texts;
use crate::node::{Frame, Guarded, Kernel, Node};
use crate::shared::key_of;
use crate::value::{Present, Value, build_bytes, build_text, shape, strict_nulls};
use crate::{arithmetic, decimal, interval, jsonb, registry};

pub(crate) struct Compiler<'a> {
    pub input: &'a [DataType],
    pub models: &'a dyn Models,
    /// Subexpressions that are computed once, by `key_of`, with the column that holds them.
    pub shared: HashMap<String, (usize, DataType)>,
}

type Typed = (Node, DataType);

impl Compiler<'_> {
    pub fn compile(&self, expr: &Expr) -> Result<Typed> {
        if !self.shared.is_empty()
            && !matches!(expr, Expr::Column { .. } | Expr::Literal { .. })
            && let Some((column, kind)) = self.shared.get(&key_of(expr))
        {
            return Ok((Node::Column(*column), *kind));
        }
        self.compile_itself(expr)
    }

    /// As `compile`, for the definition of a shared subexpression.
    pub fn compile_itself(&self, expr: &Expr) -> Result<Typed> {
        match expr {
            Expr::Column { index } => {
                let kind = self.input.get(*index as usize).copied();
                let kind = kind.ok_or_else(|| invalid(format!("column {index} of {}", self.input.len())))?;
                Ok((Node::Column(*index as usize), kind))
            }
            Expr::Literal { literal } => Ok((Node::Literal(value_of(literal)?), literal.data_type())),
            Expr::Binary { operator, left, right, data_type } => {
                let (left, right) = (self.compile(left)?, self.compile(right)?);
                binary(*operator, left, right, *data_type)
            }
            Expr::Not { input } => {
                let (input, _) = self.compile(input)?;
                Ok(strict(vec![input], DataType::Boolean, false, |args, _| {
                    let array = arrow::compute::not(args[0].inner().as_boolean());
                    Ok(args[0].with(Arc::new(array.map_err(internal)?)))
                }))
            }
            Expr::Negate { input } => {
                let (input, kind) = self.compile(input)?;
                Ok(strict(vec![input], kind, !kind.is_float(), move |args, _| match kind {
                    DataType::Interval => interval::negate(&args[0]),
                    _ => arithmetic::negate(&args[0], kind),
                }))
            }
            Expr::IsNull { input, negated } => {
                let (input, negated) = (self.compile(input)?.0, *negated);
                Ok(strict(vec![input], DataType::Boolean, false, move |args, _| {
                    let array = args[0].inner();
                    let result =
                        if negated { arrow::compute::is_not_null(array) } else { arrow::compute::is_null(array) };
                    Ok(args[0].with(Arc::new(result.map_err(internal)?)))
                }))
            }
            Expr::Case { branches, otherwise, data_type } => {
                let built = branches
                    .iter()
                    .map(|b| Ok((self.compile(&b.when)?.0, self.compile(&b.then)?.0)))
                    .collect::<Result<Vec<_>>>()?;
                let otherwise = match otherwise {
                    Some(expr) => self.compile(expr)?.0,
                    None => Node::Literal(Value::null(*data_type)),
                };
                Ok((Node::case(built, otherwise, *data_type), *data_type))
            }
            Expr::Cast { input, to } => {
                let ((input, from), to) = (self.compile(input)?, *to);
                if !is_possible(from, to) {
                    return Err(cannot(from, to));
                }
                if from == to {
                    return Ok((input, to));
                }
                Ok(strict(vec![input], to, !is_total(from, to), move |args, _| cast(&args[0], from, to)))
            }
            Expr::InList { input, list, negated } => self.in_list(input, list, *negated),
            Expr::Like { input, pattern, negated, case_insensitive } => {
                let args = vec![self.compile(input)?.0, self.compile(pattern)?.0];
                let (negated, insensitive) = (*negated, *case_insensitive);
                Ok(strict(args, DataType::Boolean, false, move |args, _| pattern::like(args, negated, insensitive)))
            }
            Expr::Call { function, args, data_type } => self.call(function, args, *data_type),
            Expr::Predict { model, args } => self.predict(*model, args),
            Expr::Parameter { index, .. } => {
                Err(Error::new(Code::ProtocolViolation, format!("parameter ${index} has no value")))
            }
        }
    }

    fn call(&self, function: &str, args: &[Expr], result: DataType) -> Result<Typed> {
        let typed = args.iter().map(|a| self.compile(a)).collect::<Result<Vec<_>>>()?;
        let (mut nodes, types): (Vec<Node>, Vec<DataType>) = typed.into_iter().unzip();
        let Some(entry) = registry::resolve(function, &types) else {
            let types: Vec<String> = types.iter().map(ToString::to_string).collect();
            let message = format!("function {function}({}) does not exist", types.join(", "));
            return Err(Error::new(Code::UndefinedFunction, message));
        };
        let nodes_typed = nodes.into_iter().zip(types).enumerate();
        nodes = nodes_typed.map(|(at, (node, kind))| adapted(function, at, node, kind)).collect();
        if function == "coalesce" {
            let rest = nodes.split_off(1).into_iter().map(Guarded::new).collect();
            let first = Box::new(nodes.pop().expect("the signature has one parameter at least"));
            return Ok((Node::Coalesce { first, rest }, result));
        }
        let node = Node::Strict { kernel: Arc::new(entry.run), args: nodes, result, fallible: entry.fallible };
        let foldable = entry.signature.volatility == Volatility::Immutable;
        Ok((if foldable { folded(node) } else { node }, result))
    }

    fn in_list(&self, input: &Expr, list: &[Expr], negated: bool) -> Result<Typed> {
        let (input, kind) = self.compile(input)?;
        let items = list.iter().map(|e| self.compile(e).map(|(node, _)| node)).collect::<Result<Vec<_>>>()?;
        // Values that Arrow compares bit by bit can be looked up in a set.
        let exact =
            !kind.is_float() && !kind.is_nested() && !matches!(kind, DataType::Interval | DataType::Numeric { .. });
        let constants: Option<Vec<ScalarValue>> =
            items.iter().map(|i| i.literal().and_then(|v| ScalarValue::try_from_array(v.inner(), 0).ok())).collect();
        if let Some(constants) = constants.filter(|c| exact && c.len() > 3) {
            let set = Lookup::new(kind, constants, negated)?;
            return Ok(strict(vec![input], DataType::Boolean, false, move |args, _| set.contains(args)));
        }
        let mut args = vec![input];
        args.extend(items);
        Ok(strict(args, DataType::Boolean, false, move |args, _| {
            let (rows, scalar) = shape(args);
            let mut found = BooleanArray::from(vec![false; rows]);
            for item in &args[1..] {
                let equal = compare(BinaryOp::Equal, &[args[0].clone(), item.clone()], kind)?.booleans(rows)?;
                found = arrow::compute::or_kleene(&found, &equal).map_err(internal)?;
            }
            if negated {
                found = arrow::compute::not(&found).map_err(internal)?;
            }
            let found: ArrayRef = Arc::new(found);
            Ok(if scalar { Value::scalar(found) } else { Value::array(found) })
        }))
    }

    fn predict(&self, id: RelationId, args: &[Expr]) -> Result<Typed> {
        let model = self.models.model(id);
        let model = model.ok_or_else(|| Error::new(Code::UndefinedObject, format!("model {} does not exist", id.0)))?;
        if model.inputs() != args.len() {
            return Err(invalid(format!("a model of {} features got {}", model.inputs(), args.len())));
        }
        let nodes = args.iter().map(|a| self.compile(a).map(|(node, _)| node)).collect::<Result<Vec<_>>>()?;
        let kernel: Kernel = Arc::new(move |args, call| score(model.as_ref(), args, call.rows));
        Ok((Node::Strict { kernel, args: nodes, result: DataType::Double, fallible: true }, DataType::Double))
    }
}

/// Some functions look into arguments of any type: only here their types are known.
fn adapted(function: &str, at: usize, node: Node, kind: DataType) -> Node {
    fn with(node: Node, kind: DataType, result: DataType, change: fn(&Value, DataType) -> Result<Value>) -> Node {
        strict(vec![node], result, true, move |args, _| change(&args[0], kind)).0
    }
    let to_text = |value: &Value, kind| cast(value, kind, DataType::Text);
    match (function, kind) {
        ("concat" | "concat_ws", DataType::Text) => node,
        ("jsonb_build_object", DataType::Text) if at.is_multiple_of(2) => node,
        ("concat" | "concat_ws", _) => with(node, kind, DataType::Text, to_text),
        ("jsonb_build_object", _) if at.is_multiple_of(2) => with(node, kind, DataType::Text, to_text),
        ("to_jsonb" | "jsonb_build_array" | "jsonb_build_object", _) => with(node, kind, DataType::Jsonb, jsonb_of),
        ("array_to_string", DataType::Array { element }) if at == 0 => {
            let result = DataType::array(DataType::Text);
            strict(vec![node], result, true, move |args, _| element_texts(&args[0], *element)).0
        }
        _ => node,
    }
}

fn invalid(message: String) -> Error {
    Error::new(Code::ProtocolViolation, format!("invalid plan: {message}"))
}

fn internal(error: ::arrow_schema::ArrowError) -> Error {
    Error::internal(error.to_string())
}

fn strict(
    args: Vec<Node>,
    result: DataType,
    fallible: bool,
    kernel: impl Fn(&[Value], &crate::node::Call) -> Result<Value> + Send + Sync + 'static,
) -> Typed {
    (folded(Node::Strict { kernel: Arc::new(kernel), args, result, fallible }), result)
}

/// The constant that a node of constants is, if it can be computed.
fn folded(node: Node) -> Node {
    let Node::Strict { args, .. } = &node else { return node };
    if args.is_empty() || !args.iter().all(|a| a.literal().is_some()) {
        return node;
    }
    match node.evaluate(&Frame { columns: Vec::new(), rows: 1, now_us: 0 }) {
        Ok(value) if value.is_scalar() => Node::Literal(value),
        _ => node,
    }
}

fn binary(operator: BinaryOp, left: Typed, right: Typed, result: DataType) -> Result<Typed> {
    use BinaryOp as B;
    let ((left, left_type), (right, right_type)) = (left, right);
    let args = |left, right| vec![left, right];
    Ok(match operator {
        B::And => (Node::And(Box::new(left), Guarded::new(right)), result),
        B::Or => (Node::Or(Box::new(left), Guarded::new(right)), result),
        B::Equal | B::NotEqual | B::Less | B::LessEqual | B::Greater | B::GreaterEqual => {
            strict(args(left, right), result, false, move |a, _| compare(operator, a, left_type))
        }
        B::IsDistinctFrom | B::IsNotDistinctFrom => {
            strict(args(left, right), result, false, move |a, _| compare(operator, a, left_type))
        }
        B::RegexMatch | B::RegexIMatch | B::RegexNotMatch | B::RegexNotIMatch => {
            strict(args(left, right), result, true, move |a, _| pattern::operator(operator, a))
        }
        B::Concat => strict(args(left, right), result, true, |a, _| concat(a)),
        B::Add | B::Subtract | B::Multiply | B::Divide | B::Modulo => {
            let types = (left_type, right_type);
            match types {
                (l, r) if l == r && l.is_integer() => {
                    strict(args(left, right), result, true, move |a, _| arithmetic::integers(operator, a, l))
                }
                (l, r) if l == r && l.is_float() => {
                    strict(args(left, right), result, true, move |a, _| arithmetic::floats(operator, a, l))
                }
                (DataType::Numeric { .. }, DataType::Numeric { .. }) => {
                    strict(args(left, right), result, true, move |a, _| decimal::arithmetic(operator, a, result))
                }
                _ => strict(args(left, right), result, true, move |a, _| {
                    interval::arithmetic(operator, types, a, result)
                }),
            }
        }
    })
}

fn concat(args: &[Value]) -> Result<Value> {
    if let (Ok(left), Ok(right)) = (args[0].texts(), args[1].texts()) {
        return build_text(args, |i, out| {
            out.push_str(left.at(i));
            out.push_str(right.at(i));
            Ok(Present::Yes)
        });
    }
    let (left, right) = (args[0].bytes()?, args[1].bytes()?);
    build_bytes(args, |i, out| {
        out.extend(left.at(i));
        out.extend(right.at(i));
        Ok(())
    })
}

/// Scores the rows whose features are all present; the others are NULL.
fn score(model: &dyn Model, args: &[Value], rows: usize) -> Result<Value> {
    let nulls = strict_nulls(args, rows).filter(|n| n.null_count() > 0);
    let mut features = Vec::with_capacity(args.len());
    for arg in args {
        let array = arg.clone().into_array(rows)?;
        // The slots under a NULL hold anything; the model gets zeros there, and its answer is thrown away.
        let array = array.as_primitive::<Float64Type>();
        let values: Float64Array = match &nulls {
            None => Float64Array::new(array.values().clone(), None),
            Some(nulls) => {
                (0..rows).map(|i| if nulls.is_valid(i) { array.value(i) } else { 0.0 }).collect::<Vec<_>>().into()
            }
        };
        features.push(values);
    }
    let scores = model.predict(&features)?;
    if scores.len() != rows {
        return Err(Error::internal(format!("a model gave {} scores for {rows} rows", scores.len())));
    }
    Ok(Value::array(Arc::new(Float64Array::new(scores.values().clone(), nulls))))
}

/// IN over many constants, by the library's sets.
struct Lookup {
    expr: Arc<dyn datafusion_physical_expr::PhysicalExpr>,
    schema: Arc<Schema>,
}

impl Lookup {
    fn new(kind: DataType, constants: Vec<ScalarValue>, negated: bool) -> Result<Self> {
        let field = millrace_plan::Field { name: "c0".into(), data_type: kind, nullable: true };
        let schema = Arc::new(arrow_schema(&[field]));
        let list = constants.into_iter().map(|c| Arc::new(LibraryLiteral::new(c)) as _).collect();
        let expr = in_list(Arc::new(LibraryColumn::new("c0", 0)), list, &negated, &schema)
            .map_err(|e| Error::internal(e.to_string()))?;
        Ok(Self { expr, schema })
    }

    fn contains(&self, args: &[Value]) -> Result<Value> {
        let array = args[0].inner().clone();
        let rows = array.len();
        let batch = RecordBatch::try_new(self.schema.clone(), vec![array]).map_err(internal)?;
        let found = self.expr.evaluate(&batch).and_then(|v| v.into_array(rows));
        Ok(args[0].with(found.map_err(|e| Error::internal(e.to_string()))?))
    }
}

/// A literal as an array of one slot.
pub(crate) fn value_of(literal: &Literal) -> Result<Value> {
    let kind = literal.data_type().to_arrow();
    let array: ArrayRef = match literal {
        Literal::Null { data_type } => return Ok(Value::null(*data_type)),
        Literal::Boolean { value } => Arc::new(BooleanArray::from(vec![*value])),
        Literal::Smallint { value } => Arc::new(Int16Array::from(vec![*value])),
        Literal::Integer { value } => Arc::new(Int32Array::from(vec![*value])),
        Literal::Bigint { value } => Arc::new(Int64Array::from(vec![*value])),
        Literal::Real { value } => Arc::new(Float32Array::from(vec![*value])),
        Literal::Double { value } => Arc::new(Float64Array::from(vec![*value])),
        Literal::Numeric { value, precision, scale } => {
            if *precision == 0 || *precision > 38 || scale > precision {
                return Err(invalid(format!("numeric({precision},{scale})")));
            }
            let number = decimal::parse(value, *precision, *scale)?;
            let number = number.ok_or_else(|| invalid(format!("a numeric literal of \"{value}\"")))?;
            Arc::new(Decimal128Array::from(vec![number]).with_data_type(kind))
        }
        Literal::Text { value } => Arc::new(StringArray::from(vec![value.as_str()])),
        Literal::Bytea { value } => Arc::new(BinaryArray::from(vec![value.as_slice()])),
        Literal::Date { value } => Arc::new(Date32Array::from(vec![*value])),
        Literal::Time { value } => Arc::new(Time64MicrosecondArray::from(vec![*value])),
        Literal::Timestamp { value } | Literal::Timestamptz { value } => {
            Arc::new(TimestampMicrosecondArray::from(vec![*value]).with_data_type(kind))
        }
        Literal::Uuid { value } => {
            let fits = value.len() == UUID_BYTES as usize;
            let array = fits.then(|| FixedSizeBinaryArray::new(UUID_BYTES, Buffer::from(value.as_slice()), None));
            Arc::new(array.ok_or_else(|| invalid(format!("a uuid of {} bytes", value.len())))?)
        }
        Literal::Jsonb { value } => {
            let mut bytes = Vec::new();
            jsonb::read(value, &mut bytes)?;
            Arc::new(BinaryArray::from(vec![bytes.as_slice()]))
        }
        Literal::Interval { months, days, microseconds } => {
            let value = interval::interval(i64::from(*months), i64::from(*days), *microseconds)?;
            Arc::new(IntervalMonthDayNanoArray::from(vec![value]))
        }
    };
    Ok(Value::scalar(array))
}
