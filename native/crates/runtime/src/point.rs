//! The rows that a predicate can be true for, when it fixes the whole primary key: `id = 5`, `a = 1 AND b IN (2, 3)`.
//! They are looked up by their keys instead of scanning the table.

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow_schema::Schema;
use millrace_base::{Error, Result};
use millrace_expr::Evaluator;
use millrace_plan::{BinaryOp, DataType, Expr, Literal};

use crate::catalog::Catalog;

/// With more keys than this a scan is not slower.
const KEYS_MAX: usize = 4096;

/// One array a key column: the keys that rows must have for `predicate` to be true. `None` when it leaves some open.
pub fn keys(
    predicate: &Expr,
    key_columns: &[usize],
    types: &[DataType],
    catalog: &Catalog,
    now_us: i64,
) -> Result<Option<Vec<ArrayRef>>> {
    let mut terms = Vec::new();
    conjuncts(predicate, &mut terms);
    keys_of(&terms, key_columns, types, catalog, now_us)
}

/// As `keys`, of the parts of a predicate that must all be true.
pub fn keys_of(
    terms: &[&Expr],
    key_columns: &[usize],
    types: &[DataType],
    catalog: &Catalog,
    now_us: i64,
) -> Result<Option<Vec<ArrayRef>>> {
    let fixed = |&column: &usize| terms.iter().find_map(|term| values(term, column, types[column]));
    let Some(choices) = key_columns.iter().map(fixed).collect::<Option<Vec<_>>>() else { return Ok(None) };
    let combinations = choices.iter().try_fold(1usize, |n, list| n.checked_mul(list.len()));
    let Some(combinations) = combinations.filter(|n| *n <= KEYS_MAX) else { return Ok(None) };
    let mut repeat = combinations;
    let mut arrays = Vec::with_capacity(choices.len());
    for list in &choices {
        let values = array(list, catalog, now_us)?;
        repeat /= list.len();
        let picks: UInt32Array = (0..combinations).map(|at| (at / repeat % list.len()) as u32).collect();
        let picked = arrow_select::take::take(values.as_ref(), &picks, None)
            .map_err(|e| Error::internal(format!("could not make keys: {e}")))?;
        arrays.push(picked);
    }
    Ok(Some(arrays))
}

fn conjuncts<'a>(expr: &'a Expr, out: &mut Vec<&'a Expr>) {
    match expr {
        Expr::Binary { operator: BinaryOp::And, left, right, .. } => {
            conjuncts(left, out);
            conjuncts(right, out);
        }
        other => out.push(other),
    }
}

/// The constants that `term` lets the column have, if it says so. NULL is left in: it finds no row of a key.
fn values(term: &Expr, column: usize, data_type: DataType) -> Option<Vec<&Literal>> {
    // Equal numbers of these types may have different bytes: -0 and 0, one month and 30 days.
    if matches!(data_type, DataType::Real | DataType::Double | DataType::Interval) {
        return None;
    }
    let is_column = |expr: &Expr| matches!(expr, Expr::Column { index } if *index as usize == column);
    match term {
        Expr::Binary { operator: BinaryOp::Equal, left, right, .. } if is_column(left) => {
            Some(vec![constant(right, data_type)?])
        }
        Expr::Binary { operator: BinaryOp::Equal, left, right, .. } if is_column(right) => {
            Some(vec![constant(left, data_type)?])
        }
        Expr::InList { input, list, negated: false } if is_column(input) && !list.is_empty() => {
            list.iter().map(|value| constant(value, data_type)).collect()
        }
        _ => None,
    }
}

fn constant(expr: &Expr, data_type: DataType) -> Option<&Literal> {
    match expr {
        Expr::Literal { literal } if literal.data_type() == data_type => Some(literal),
        _ => None,
    }
}

fn array(literals: &[&Literal], catalog: &Catalog, now_us: i64) -> Result<ArrayRef> {
    let failed = |e: arrow_schema::ArrowError| Error::internal(format!("could not make keys: {e}"));
    let options = RecordBatchOptions::new().with_row_count(Some(1));
    let row = RecordBatch::try_new_with_options(Schema::empty().into(), Vec::new(), &options).map_err(failed)?;
    let mut values = Vec::with_capacity(literals.len());
    for &literal in literals {
        let expr = Expr::Literal { literal: literal.clone() };
        values.push(Evaluator::compile(&expr, &[], catalog)?.evaluate(&row, now_us)?);
    }
    let values: Vec<&dyn arrow_array::Array> = values.iter().map(|v| v.as_ref()).collect();
    arrow_select::concat::concat(&values).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;

    fn column(index: u32) -> Box<Expr> {
        Box::new(Expr::Column { index })
    }

    fn bigint(value: i64) -> Expr {
        Expr::Literal { literal: Literal::Bigint { value } }
    }

    fn binary(operator: BinaryOp, left: Box<Expr>, right: Expr) -> Expr {
        Expr::Binary { operator, left, right: Box::new(right), data_type: DataType::Boolean }
    }

    fn found(predicate: &Expr, key: &[usize]) -> Option<Vec<Vec<i64>>> {
        let types = [DataType::Bigint, DataType::Bigint, DataType::Double];
        let keys = keys(predicate, key, &types, &Catalog::default(), 0).unwrap()?;
        Some(keys.iter().map(|k| k.as_primitive::<Int64Type>().values().to_vec()).collect())
    }

    #[test]
    fn a_predicate_that_fixes_the_key_gives_all_keys_that_it_allows() {
        let a = binary(BinaryOp::Equal, column(0), bigint(7));
        let flipped = binary(BinaryOp::Equal, Box::new(bigint(7)), Expr::Column { index: 0 });
        let b = Expr::InList { input: column(1), list: vec![bigint(1), bigint(2)], negated: false };
        let both = binary(BinaryOp::And, Box::new(a.clone()), b.clone());
        assert_eq!(found(&a, &[0]), Some(vec![vec![7]]));
        assert_eq!(found(&flipped, &[0]), Some(vec![vec![7]]));
        assert_eq!(found(&both, &[1, 0]), Some(vec![vec![1, 2], vec![7, 7]]));
        assert_eq!(found(&both, &[0, 1]), Some(vec![vec![7, 7], vec![1, 2]]));
        assert_eq!(found(&both, &[1]), Some(vec![vec![1, 2]]));
    }

    #[test]
    fn a_predicate_that_leaves_the_key_open_gives_none() {
        let a = binary(BinaryOp::Equal, column(0), bigint(7));
        let not = Expr::InList { input: column(0), list: vec![bigint(1)], negated: true };
        let zero = Expr::Literal { literal: Literal::Double { value: 0.0 } };
        let many = |c| Expr::InList { input: column(c), list: (0..100).map(bigint).collect(), negated: false };
        assert_eq!(found(&a, &[1]), None);
        assert_eq!(found(&a, &[0, 1]), None);
        assert_eq!(found(&not, &[0]), None);
        assert_eq!(found(&binary(BinaryOp::Or, Box::new(a.clone()), a.clone()), &[0]), None);
        assert_eq!(found(&binary(BinaryOp::GreaterEqual, column(0), bigint(7)), &[0]), None);
        assert_eq!(found(&binary(BinaryOp::Equal, column(2), zero), &[2]), None);
        assert_eq!(found(&binary(BinaryOp::And, Box::new(many(0)), many(1)), &[0, 1]), None);
    }
}
