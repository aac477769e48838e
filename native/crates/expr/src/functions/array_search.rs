//! Elements compared with values: `= ANY`, `< ALL` and the like, positions, removal, containment. All elements of a batch are
//! compared at once, each with the value of its own row.

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{Array, BooleanArray, Int32Array, UInt32Array};
use millrace_base::{Error, Result};
use millrace_plan::{BinaryOp, DataType, ParameterType, ReturnRule};

use super::array::{Gather, Lists};
use crate::compare::compare_arrays;
use crate::node::Call;
use crate::registry::{Entry, INTEGER, entry, gives};
use crate::value::{Value, build_bool, finish, shape};

pub(crate) fn table() -> Vec<Entry> {
    use ParameterType::{Array as ARRAY, Element as ELEMENT};
    let boolean = || gives(DataType::Boolean);
    let int = || gives(DataType::Integer);
    let array = || ReturnRule::CommonArray;
    macro_rules! quantified {
        ($($name:literal $op:ident $all:literal),*) => {
            vec![$(entry($name, &[ELEMENT, ARRAY], boolean(), |a, _| quantified(a, BinaryOp::$op, $all)).infallible()),*]
        };
    }
    let mut entries = quantified![
        "any_equal" Equal false, "any_not_equal" NotEqual false, "any_less" Less false,
        "any_less_equal" LessEqual false, "any_greater" Greater false, "any_greater_equal" GreaterEqual false,
        "all_equal" Equal true, "all_not_equal" NotEqual true, "all_less" Less true,
        "all_less_equal" LessEqual true, "all_greater" Greater true, "all_greater_equal" GreaterEqual true
    ];
    entries.extend([
        entry("array_position", &[ARRAY, ELEMENT], int(), |a, _| position(a)).infallible(),
        entry("array_position", &[ARRAY, ELEMENT, INTEGER], int(), |a, _| position(a)).infallible(),
        entry("array_positions", &[ARRAY, ELEMENT], gives(DataType::array(DataType::Integer)), positions).infallible(),
        entry("array_remove", &[ARRAY, ELEMENT], array(), remove).infallible(),
        entry("array_replace", &[ARRAY, ELEMENT, ELEMENT], array(), replace).infallible(),
        entry("array_contains", &[ARRAY, ARRAY], boolean(), |a, _| contains(&a[0], &a[1], a)).infallible(),
        entry("array_contained", &[ARRAY, ARRAY], boolean(), |a, _| contains(&a[1], &a[0], a)).infallible(),
        entry("array_overlap", &[ARRAY, ARRAY], boolean(), |a, _| overlap(a)).infallible(),
    ]);
    entries
}

/// One slot an element of the child column: the comparison of `value` (or of the element) with the other.
fn compared(lists: &Lists<'_>, rows: usize, value: &Value, operator: BinaryOp, flip: bool) -> Result<BooleanArray> {
    let elements = Value::array(lists.list.values().clone());
    let mut owners = vec![0u32; lists.list.values().len()];
    for row in 0..rows {
        owners[lists.range(row)].fill(row as u32);
    }
    let other = if value.is_scalar() {
        value.clone()
    } else {
        let taken = arrow_select::take::take(value.inner(), &UInt32Array::from(owners), None);
        Value::array(taken.map_err(|e| Error::internal(e.to_string()))?)
    };
    let args = if flip { [other, elements] } else { [elements, other] };
    compare_arrays(operator, &args)?.booleans(lists.list.values().len())
}

/// The array with a slot a row: a scalar one beside a column is spread, as each row has its own value to compare.
fn spread(array: &Value, args: &[Value]) -> Result<Value> {
    let (rows, scalar) = shape(args);
    if scalar || !array.is_scalar() { Ok(array.clone()) } else { Ok(Value::array(array.clone().into_array(rows)?)) }
}

/// `value op ANY (array)`, or ALL: what decides is found, else NULL where a comparison was NULL.
fn quantified(args: &[Value], operator: BinaryOp, all: bool) -> Result<Value> {
    let (rows, scalar) = shape(args);
    let array = if args[0].is_scalar() { args[1].clone() } else { spread(&args[1], args)? };
    let lists = Lists::of(&array)?;
    let holds = compared(&lists, if array.is_scalar() { 1 } else { rows }, &args[0], operator, true)?;
    let answers: BooleanArray = (0..rows)
        .map(|row| {
            if lists.is_null(row) {
                return None;
            }
            let mut unknown = false;
            for at in lists.range(row) {
                if holds.is_null(at) {
                    unknown = true;
                } else if holds.value(at) != all {
                    return Some(!all);
                }
            }
            (!unknown).then_some(all)
        })
        .collect();
    Ok(finish(Arc::new(answers), scalar))
}

fn equal_elements(array: &Value, value: &Value, rows: usize) -> Result<BooleanArray> {
    compared(&Lists::of(array)?, if array.is_scalar() { 1 } else { rows }, value, BinaryOp::IsNotDistinctFrom, false)
}

fn position(args: &[Value]) -> Result<Value> {
    let (rows, scalar) = shape(args);
    let array = spread(&args[0], args)?;
    let (lists, equal) = (Lists::of(&array)?, equal_elements(&array, &args[1], rows)?);
    let start = args.get(2).map(Value::column::<Int32Type>).transpose()?;
    let no_start = args.get(2).is_some_and(Value::is_scalar_null);
    let found: Int32Array = (0..rows)
        .map(|row| {
            let range = lists.range(row);
            let skip = start.as_ref().map_or(0, |start| (start.at(row) - 1).max(0) as usize);
            let mut places = range.clone().skip(if no_start { range.len() } else { skip });
            places.find(|&at| equal.value(at)).map(|at| (at - range.start + 1) as i32)
        })
        .collect();
    Ok(finish(Arc::new(found), scalar))
}

fn positions(args: &[Value], call: &Call) -> Result<Value> {
    let (rows, scalar) = shape(args);
    let array = spread(&args[0], args)?;
    let (lists, equal) = (Lists::of(&array)?, equal_elements(&array, &args[1], rows)?);
    let mut gather = Gather::new();
    let mut numbers = Vec::new();
    for row in 0..rows {
        let range = lists.range(row);
        let before = numbers.len();
        numbers.extend(range.clone().filter(|&at| equal.value(at)).map(|at| (at - range.start + 1) as i32));
        gather.row((before..numbers.len()).map(|at| (0, at)));
    }
    let nulls = if array.is_scalar() && rows != lists.list.len() { None } else { lists.list.nulls().cloned() };
    Ok(finish(gather.finish(&[&Int32Array::from(numbers)], call.result, nulls)?, scalar))
}

fn remove(args: &[Value], call: &Call) -> Result<Value> {
    let (rows, scalar) = shape(args);
    let array = spread(&args[0], args)?;
    let (lists, equal) = (Lists::of(&array)?, equal_elements(&array, &args[1], rows)?);
    let mut gather = Gather::new();
    for row in 0..rows {
        gather.row(lists.range(row).filter(|&at| !equal.value(at)).map(|at| (0, at)));
    }
    let array = gather.finish(&[lists.list.values().as_ref()], call.result, lists.list.nulls().cloned())?;
    Ok(finish(array, scalar))
}

fn replace(args: &[Value], call: &Call) -> Result<Value> {
    let (rows, scalar) = shape(args);
    let array = spread(&args[0], args)?;
    let (lists, equal) = (Lists::of(&array)?, equal_elements(&array, &args[1], rows)?);
    let new = &args[2];
    let mut gather = Gather::new();
    for row in 0..rows {
        let place = if new.is_scalar() { 0 } else { row };
        gather.row(lists.range(row).map(|at| if equal.value(at) { (1, place) } else { (0, at) }));
    }
    let sources = [lists.list.values().as_ref(), new.inner().as_ref()];
    Ok(finish(gather.finish(&sources, call.result, lists.list.nulls().cloned())?, scalar))
}

/// Each element's bytes, by which elements are equal; NULL equals nothing.
fn keys(value: &Value) -> Result<arrow_array::BinaryArray> {
    millrace_kernels::comparable_bytes(Lists::of(value)?.list.values())
}

fn contains(outer: &Value, inner: &Value, args: &[Value]) -> Result<Value> {
    let (outer_keys, inner_keys) = (keys(outer)?, keys(inner)?);
    let (outer, inner) = (Lists::of(outer)?, Lists::of(inner)?);
    build_bool(args, |row| {
        let has =
            |at: usize| outer.range(row).any(|o| outer_keys.is_valid(o) && outer_keys.value(o) == inner_keys.value(at));
        Ok(inner.range(row).all(|at| inner_keys.is_valid(at) && has(at)))
    })
}

fn overlap(args: &[Value]) -> Result<Value> {
    let (left_keys, right_keys) = (keys(&args[0])?, keys(&args[1])?);
    let (left, right) = (Lists::of(&args[0])?, Lists::of(&args[1])?);
    build_bool(args, |row| {
        let has =
            |at: usize| right.range(row).any(|r| right_keys.is_valid(r) && right_keys.value(r) == left_keys.value(at));
        Ok(left.range(row).any(|at| left_keys.is_valid(at) && has(at)))
    })
}
