//! coalesce, nullif, greatest and least, and the check of scalar subqueries. `coalesce` computes an argument only where the ones before it are NULL, so
//! the compiler makes a node of its own for it; the row here is for the binder.

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, BooleanArray};
use arrow_select::zip::zip;
use millrace_base::{Code, Error, Result};
use millrace_plan::{BinaryOp, ParameterType};

use crate::compare::compare;
use crate::node::Call;
use crate::registry::{BIGINT, Entry, entry, like};
use crate::value::{Value, shape};

pub(crate) fn table() -> Vec<Entry> {
    let common = ParameterType::Common;
    let one = std::slice::from_ref(&common);
    vec![
        entry("coalesce", one, like(0), first_present).variadic(common.clone()).infallible(),
        entry("nullif", &[common.clone(), common.clone()], like(0), nullif).infallible(),
        entry("greatest", one, like(0), |a, c| extreme(a, c, BinaryOp::Greater)).variadic(common.clone()).infallible(),
        entry("least", one, like(0), |a, c| extreme(a, c, BinaryOp::Less)).variadic(common.clone()).infallible(),
        entry("single_row", &[ParameterType::Any, BIGINT], like(0), single_row),
    ]
}

fn first_present(args: &[Value], _: &Call) -> Result<Value> {
    let mut value = args[0].clone();
    for next in &args[1..] {
        value = choose(&present(&value)?, &value, next)?;
    }
    Ok(value)
}

/// The value of a scalar subquery, given how many rows it had. A function, so that the error comes only where the value is
/// wanted: behind a CASE, say.
fn single_row(args: &[Value], _: &Call) -> Result<Value> {
    let rows = args[1].inner().as_primitive::<Int64Type>();
    if rows.iter().flatten().any(|count| count > 1) {
        return Err(Error::new(
            Code::CardinalityViolation,
            "more than one row returned by a subquery used as an expression",
        ));
    }
    Ok(args[0].clone())
}

fn nullif(args: &[Value], call: &Call) -> Result<Value> {
    let equal = compare(BinaryOp::Equal, args, call.result)?;
    let null = Value::null(call.result);
    choose(equal.inner().as_boolean(), &null, &args[0])
}

/// NULLs are ignored: the result is NULL only when every argument is.
fn extreme(args: &[Value], call: &Call, operator: BinaryOp) -> Result<Value> {
    let mut best = args[0].clone();
    for next in &args[1..] {
        let better = compare(operator, &[next.clone(), best.clone()], call.result)?;
        let (rows, _) = shape(&[next.clone(), best.clone()]);
        let better = better.booleans(rows)?;
        let (has_best, has_next) = (present(&best)?, present(next)?);
        let take_next: BooleanArray = (0..rows)
            .map(|i| {
                let best = has_best.value(if best.is_scalar() { 0 } else { i });
                let next = has_next.value(if next.is_scalar() { 0 } else { i });
                Some(next && (!best || (better.is_valid(i) && better.value(i))))
            })
            .collect();
        best = choose(&take_next, next, &best)?;
    }
    Ok(best)
}

fn present(value: &Value) -> Result<BooleanArray> {
    arrow::compute::is_not_null(value.inner()).map_err(|e| Error::internal(e.to_string()))
}

/// `then` where `mask` is true; a mask of one slot serves every row when it comes from a scalar.
fn choose(mask: &BooleanArray, then: &Value, otherwise: &Value) -> Result<Value> {
    let (rows, scalar) = shape(&[then.clone(), otherwise.clone()]);
    if mask.len() == 1 && rows != 1 {
        let chosen = if mask.is_valid(0) && mask.value(0) { then } else { otherwise };
        return Ok(chosen.clone());
    }
    let (mask, scalar) = if mask.len() == rows {
        (mask.clone(), scalar)
    } else {
        // Both sides are scalars and the mask is not.
        (mask.clone(), false)
    };
    let array = zip(&mask, then, otherwise).map_err(|e| Error::internal(e.to_string()))?;
    Ok(if scalar { Value::scalar(array) } else { Value::array(array) })
}
