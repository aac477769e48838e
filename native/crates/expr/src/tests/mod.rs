//! Tables of SQL semantics: an expression and what PostgreSQL gives for it, as text. Every case runs twice, over
//! constants and over columns, since the two take different paths.

mod casts;
mod functions;
mod guards;
mod operators;
mod times;

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, StringArray, cast::AsArray};
use arrow_schema::{Field, Schema};
use millrace_base::{Code, Result};
use millrace_plan::{BinaryOp, DataType, Expr, Literal, ReturnRule};

use crate::registry;
use crate::{Evaluator, NoModels};

pub(super) const NOW_US: i64 = 1_700_000_000_000_000;

pub(super) fn lit(literal: Literal) -> Expr {
    Expr::Literal { literal }
}

pub(super) fn null(data_type: DataType) -> Expr {
    lit(Literal::Null { data_type })
}

pub(super) fn text(value: &str) -> Expr {
    lit(Literal::Text { value: value.into() })
}

pub(super) fn int(value: i32) -> Expr {
    lit(Literal::Integer { value })
}

pub(super) fn bigint(value: i64) -> Expr {
    lit(Literal::Bigint { value })
}

pub(super) fn double(value: f64) -> Expr {
    lit(Literal::Double { value })
}

pub(super) fn boolean(value: Option<bool>) -> Expr {
    lit(value.map_or(Literal::Null { data_type: DataType::Boolean }, |value| Literal::Boolean { value }))
}

/// `'1.50'` is numeric(38,2).
pub(super) fn numeric(value: &str) -> Expr {
    let scale = value.split_once('.').map_or(0, |(_, f)| f.len()) as u8;
    lit(Literal::Numeric { value: value.into(), precision: 38, scale })
}

pub(super) fn cast(input: Expr, to: DataType) -> Expr {
    Expr::Cast { input: Box::new(input), to }
}

pub(super) fn timestamp(value: &str) -> Expr {
    cast(text(value), DataType::Timestamp)
}

pub(super) fn timestamptz(value: &str) -> Expr {
    cast(text(value), DataType::Timestamptz)
}

pub(super) fn date(value: &str) -> Expr {
    cast(text(value), DataType::Date)
}

pub(super) fn time(value: &str) -> Expr {
    cast(text(value), DataType::Time)
}

pub(super) fn interval(value: &str) -> Expr {
    cast(text(value), DataType::Interval)
}

pub(super) fn op(operator: BinaryOp, left: Expr, right: Expr, data_type: DataType) -> Expr {
    Expr::Binary { operator, left: Box::new(left), right: Box::new(right), data_type }
}

pub(super) fn type_of(expr: &Expr) -> DataType {
    Evaluator::compile(expr, &[], &NoModels).expect("a test's expression compiles").data_type()
}

/// A call with the result type that the registry gives.
pub(super) fn call(name: &str, args: &[Expr]) -> Expr {
    let types: Vec<DataType> = args.iter().map(type_of).collect();
    let entry = registry::resolve(name, &types).unwrap_or_else(|| panic!("no {name}({types:?})"));
    let scale_of = |i: u32| if let DataType::Numeric { scale, .. } = types[i as usize] { scale } else { 0 };
    let data_type = match entry.signature.result {
        ReturnRule::Fixed { data_type } => data_type,
        ReturnRule::Argument { index } => types[index as usize],
        ReturnRule::NumericOfScale { index } => DataType::Numeric { precision: 38, scale: scale_of(index) },
        ReturnRule::CommonArray | ReturnRule::CommonElement | ReturnRule::Bound => {
            let array = types.iter().find(|t| matches!(t, DataType::Array { .. })).copied();
            match (&entry.signature.result, array) {
                (ReturnRule::CommonElement, Some(DataType::Array { element })) => *element,
                (_, Some(array)) => array,
                (_, None) => DataType::array(types[0]),
            }
        }
        ReturnRule::Numeric { scale } => DataType::Numeric { precision: 38, scale },
    };
    Expr::Call { function: name.into(), args: args.to_vec(), data_type }
}

/// Moves every literal into a column of three equal rows.
fn lifted(expr: &Expr, columns: &mut Vec<(DataType, Literal)>) -> Expr {
    let mut go = |e: &Expr| lifted(e, columns);
    match expr {
        Expr::Literal { literal } => {
            columns.push((literal.data_type(), literal.clone()));
            Expr::Column { index: columns.len() as u32 - 1 }
        }
        Expr::Binary { operator, left, right, data_type } => {
            let (left, right) = (go(left), go(right));
            op(*operator, left, right, *data_type)
        }
        Expr::Cast { input, to } => cast(go(input), *to),
        Expr::Not { input } => Expr::Not { input: Box::new(go(input)) },
        Expr::Negate { input } => Expr::Negate { input: Box::new(go(input)) },
        Expr::IsNull { input, negated } => Expr::IsNull { input: Box::new(go(input)), negated: *negated },
        Expr::Like { input, pattern, negated, case_insensitive } => {
            let (input, pattern) = (Box::new(go(input)), Box::new(go(pattern)));
            Expr::Like { input, pattern, negated: *negated, case_insensitive: *case_insensitive }
        }
        Expr::InList { input, list, negated } => {
            Expr::InList { input: Box::new(go(input)), list: list.iter().map(&mut go).collect(), negated: *negated }
        }
        Expr::Call { function, args, data_type } => {
            Expr::Call { function: function.clone(), args: args.iter().map(&mut go).collect(), data_type: *data_type }
        }
        other => other.clone(),
    }
}

pub(super) fn batch(columns: Vec<ArrayRef>, rows: usize) -> RecordBatch {
    let fields: Vec<Field> =
        columns.iter().enumerate().map(|(i, c)| Field::new(format!("c{i}"), c.data_type().clone(), true)).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options).unwrap()
}

pub(super) fn run(expr: &Expr, types: &[DataType], batch: &RecordBatch) -> Result<ArrayRef> {
    Evaluator::compile(expr, types, &NoModels)?.evaluate(batch, NOW_US)
}

/// The result as text, for each row.
fn shown(expr: &Expr, types: &[DataType], batch: &RecordBatch) -> Result<Vec<Option<String>>> {
    let array = run(&cast(expr.clone(), DataType::Text), types, batch)?;
    let texts: &StringArray = array.as_string();
    Ok((0..texts.len()).map(|i| texts.is_valid(i).then(|| texts.value(i).to_string())).collect())
}

fn both_ways(expr: &Expr) -> Vec<Result<Vec<Option<String>>>> {
    let constant = shown(expr, &[], &batch(Vec::new(), 3));
    let mut columns = Vec::new();
    let over_columns = lifted(expr, &mut columns);
    let types: Vec<DataType> = columns.iter().map(|(t, _)| *t).collect();
    let arrays = columns
        .into_iter()
        .map(|(_, literal)| crate::compile::value_of(&literal).unwrap().into_array(3).unwrap())
        .collect();
    vec![constant, shown(&over_columns, &types, &batch(arrays, 3))]
}

/// `expected` "NULL" stands for NULL.
#[track_caller]
pub(super) fn check(expr: Expr, expected: &str) {
    let wanted = (expected != "NULL").then(|| expected.to_string());
    for result in both_ways(&expr) {
        match result {
            Ok(rows) => assert_eq!(rows, vec![wanted.clone(); 3], "{expr:?}"),
            Err(error) => panic!("{expr:?} failed: {error}"),
        }
    }
}

#[track_caller]
pub(super) fn fails(expr: Expr, code: Code, message: &str) {
    for result in both_ways(&expr) {
        match result {
            Ok(rows) => panic!("{expr:?} gave {rows:?}"),
            Err(error) => assert_eq!((error.code, error.message.as_str()), (code, message), "{expr:?}"),
        }
    }
}
