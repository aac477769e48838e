//! What a condition says of one column alone: a bound that statistics can answer, and a range of integers that kernels
//! check on packed values.

use std::cmp::Ordering;

use millrace_kernels::scan::Range;
use millrace_plan::{BinaryOp, DataType, Expr, Literal};

use crate::{BoundOp, ScanBound};

/// The bounds that follow from conditions on columns of these types.
pub(crate) fn of(conditions: &[&Expr], types: &[DataType]) -> Vec<ScanBound> {
    let mut out = Vec::new();
    for condition in conditions {
        match condition {
            Expr::IsNull { input, negated } => {
                if let Expr::Column { index } = **input {
                    let op = if *negated { BoundOp::IsNotNull } else { BoundOp::IsNull };
                    out.push(ScanBound { column: index as usize, op, value: None });
                }
            }
            Expr::InList { input, list, negated: false } => {
                if let Expr::Column { index } = **input
                    && let Some((least, most)) = ends(list)
                {
                    let column = index as usize;
                    out.push(ScanBound { column, op: BoundOp::GreaterOrEqual, value: Some(least.clone()) });
                    out.push(ScanBound { column, op: BoundOp::LessOrEqual, value: Some(most.clone()) });
                }
            }
            other => {
                if let Some((column, operator, literal)) = comparison(other)
                    && literal.data_type() == types[column]
                    && let Some(op) = bound_op(operator)
                {
                    out.push(ScanBound { column, op, value: Some(literal.clone()) });
                }
            }
        }
    }
    out
}

/// The bounds of a column whose values lie between these, given as `sortable_i64` does.
pub(crate) fn of_member(column: usize, data_type: DataType, (least, most): (i64, i64)) -> Vec<ScanBound> {
    let literal = |value: i64| {
        Some(match data_type {
            DataType::Smallint => Literal::Smallint { value: value.try_into().ok()? },
            DataType::Integer => Literal::Integer { value: value.try_into().ok()? },
            DataType::Bigint => Literal::Bigint { value },
            DataType::Date => Literal::Date { value: value.try_into().ok()? },
            DataType::Timestamp => Literal::Timestamp { value },
            DataType::Timestamptz => Literal::Timestamptz { value },
            _ => return None,
        })
    };
    let ends = [(BoundOp::GreaterOrEqual, least), (BoundOp::LessOrEqual, most)];
    ends.into_iter().filter_map(|(op, value)| Some(ScanBound { column, op, value: Some(literal(value)?) })).collect()
}

/// Column, operator and constant, the column on the left.
fn comparison(expr: &Expr) -> Option<(usize, BinaryOp, &Literal)> {
    let Expr::Binary { operator, left, right, .. } = expr else { return None };
    match (&**left, &**right) {
        (Expr::Column { index }, Expr::Literal { literal }) => Some((*index as usize, *operator, literal)),
        (Expr::Literal { literal }, Expr::Column { index }) => Some((*index as usize, flipped(*operator)?, literal)),
        _ => None,
    }
}

fn flipped(operator: BinaryOp) -> Option<BinaryOp> {
    Some(match operator {
        BinaryOp::Less => BinaryOp::Greater,
        BinaryOp::LessEqual => BinaryOp::GreaterEqual,
        BinaryOp::Greater => BinaryOp::Less,
        BinaryOp::GreaterEqual => BinaryOp::LessEqual,
        BinaryOp::Equal | BinaryOp::NotEqual => operator,
        _ => return None,
    })
}

fn bound_op(operator: BinaryOp) -> Option<BoundOp> {
    Some(match operator {
        BinaryOp::Less => BoundOp::Less,
        BinaryOp::LessEqual => BoundOp::LessOrEqual,
        BinaryOp::Equal => BoundOp::Equal,
        BinaryOp::GreaterEqual => BoundOp::GreaterOrEqual,
        BinaryOp::Greater => BoundOp::Greater,
        _ => return None,
    })
}

/// Least and greatest of constants of one type that has an order here.
fn ends(list: &[Expr]) -> Option<(&Literal, &Literal)> {
    let mut found: Option<(&Literal, &Literal)> = None;
    for item in list {
        let Expr::Literal { literal } = item else { return None };
        found = Some(match found {
            None => {
                order(literal, literal)?;
                (literal, literal)
            }
            Some((least, most)) => (
                if order(literal, least)? == Ordering::Less { literal } else { least },
                if order(literal, most)? == Ordering::Greater { literal } else { most },
            ),
        });
    }
    found
}

fn order(a: &Literal, b: &Literal) -> Option<Ordering> {
    match (a, b) {
        (Literal::Text { value: a }, Literal::Text { value: b }) => Some(a.as_bytes().cmp(b.as_bytes())),
        _ if a.data_type() == b.data_type() => Some(integer(a)?.cmp(&integer(b)?)),
        _ => None,
    }
}

/// The integer that a value of this type is stored as; of a numeric its digits.
fn integer(literal: &Literal) -> Option<i128> {
    Some(match literal {
        Literal::Smallint { value } => (*value).into(),
        Literal::Integer { value } | Literal::Date { value } => (*value).into(),
        Literal::Bigint { value }
        | Literal::Time { value }
        | Literal::Timestamp { value }
        | Literal::Timestamptz { value } => (*value).into(),
        Literal::Numeric { value, .. } => value.replace('.', "").parse().ok()?,
        _ => return None,
    })
}

/// The same condition as a range of the integers that a column is stored as.
pub(crate) fn range_of(condition: &Expr, types: &[DataType]) -> Option<(usize, Range)> {
    let (column, operator, literal) = comparison(condition)?;
    let same = match (literal.data_type(), types[column]) {
        (DataType::Numeric { scale: a, .. }, DataType::Numeric { scale: b, .. }) => a == b,
        (a, b) => a == b,
    };
    if !same {
        return None;
    }
    let value = i64::try_from(integer(literal)?).ok()?;
    let range = match operator {
        BinaryOp::Equal => Range::equal(value),
        BinaryOp::NotEqual => Range::not_equal(value),
        BinaryOp::Less => Range::less(value),
        BinaryOp::LessEqual => Range::less_or_equal(value),
        BinaryOp::Greater => Range::greater(value),
        BinaryOp::GreaterEqual => Range::greater_or_equal(value),
        _ => return None,
    };
    Some((column, range))
}
