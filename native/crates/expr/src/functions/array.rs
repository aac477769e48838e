//! Arrays made, taken apart and measured. An array of arrays is an array whose elements are arrays.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, Int32Array, ListArray};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_select::interleave::interleave;
use millrace_base::{Code, Error, Result};
use millrace_plan::{DataType, ParameterType, ReturnRule};

use crate::nested::list_of;
use crate::node::Call;
use crate::registry::{Entry, INTEGER, entry, gives};
use crate::value::{Present, Value, build, build_text, finish, shape, strict_nulls};

pub(crate) fn table() -> Vec<Entry> {
    use ParameterType::{Array as ARRAY, Element as ELEMENT};
    let array = || ReturnRule::CommonArray;
    let int = || gives(DataType::Integer);
    vec![
        // Behind `ARRAY[…]`, `a[1]` and `a[1:2]`.
        entry("array_construct", &[], array(), construct).variadic(ELEMENT).infallible(),
        entry("array_subscript", &[ARRAY, INTEGER], ReturnRule::CommonElement, subscript).infallible(),
        entry("array_slice", &[ARRAY, INTEGER, INTEGER], array(), slice).infallible(),
        entry("array_append", &[ARRAY, ELEMENT], array(), |a, c| joined(a, [Part::Array, Part::Element], c))
            .infallible(),
        entry("array_prepend", &[ELEMENT, ARRAY], array(), |a, c| joined(a, [Part::Element, Part::Array], c))
            .infallible(),
        entry("array_cat", &[ARRAY, ARRAY], array(), |a, c| joined(a, [Part::Array, Part::Array], c)).infallible(),
        entry("array_dims", &[ARRAY], gives(DataType::Text), |a, _| shown_dimensions(a)),
        entry("array_fill_of", &[ELEMENT, INTEGER], ReturnRule::Bound, fill),
        // Behind UNNEST, which goes into the arrays within.
        entry("array_flattened", &[ARRAY], ReturnRule::Bound, flattened).infallible(),
        entry("trim_array", &[ARRAY, INTEGER], array(), trim),
        entry("cardinality", &[ARRAY], int(), |a, _| cardinality(a)).infallible(),
        entry("array_length", &[ARRAY, INTEGER], int(), |a, _| length(a, |length| length)).infallible(),
        entry("array_upper", &[ARRAY, INTEGER], int(), |a, _| length(a, |length| length)).infallible(),
        entry("array_lower", &[ARRAY, INTEGER], int(), |a, _| length(a, |_| 1)).infallible(),
        entry("array_ndims", &[ARRAY], int(), |a, _| dimensions(a)).infallible(),
    ]
}

/// The elements of a row: where they are in the child column.
pub(super) struct Lists<'a> {
    pub list: &'a ListArray,
    step: usize,
}

impl<'a> Lists<'a> {
    pub fn of(value: &'a Value) -> Result<Self> {
        let list = value.inner().as_list_opt::<i32>();
        let list = list.ok_or_else(|| Error::new(Code::ProtocolViolation, "expected an array"))?;
        Ok(Self { list, step: usize::from(!value.is_scalar()) })
    }

    pub fn is_null(&self, row: usize) -> bool {
        self.list.is_null(row * self.step)
    }

    /// Nothing where it is NULL.
    pub fn range(&self, row: usize) -> std::ops::Range<usize> {
        if self.is_null(row) {
            return 0..0;
        }
        let offsets = self.list.value_offsets();
        offsets[row * self.step] as usize..offsets[row * self.step + 1] as usize
    }
}

/// Arrays under construction, of elements that lie in other columns.
pub(super) struct Gather {
    places: Vec<(usize, usize)>,
    lengths: Vec<usize>,
}

impl Gather {
    pub fn new() -> Self {
        Self { places: Vec::new(), lengths: Vec::new() }
    }

    /// The next row: elements by their source and their place in it.
    pub fn row(&mut self, places: impl Iterator<Item = (usize, usize)>) {
        let before = self.places.len();
        self.places.extend(places);
        self.lengths.push(self.places.len() - before);
    }

    pub fn finish(self, sources: &[&dyn Array], kind: DataType, nulls: Option<NullBuffer>) -> Result<ArrayRef> {
        let total: usize = self.lengths.iter().sum();
        if i32::try_from(total).is_err() {
            return Err(Error::new(Code::OutOfMemory, "the arrays of one batch have too many elements"));
        }
        let DataType::Array { element } = kind else { return Err(Error::internal(format!("{kind} is no array"))) };
        let values = match total {
            0 => arrow_array::new_empty_array(&element.to_arrow()),
            _ => interleave(sources, &self.places).map_err(|e| Error::internal(e.to_string()))?,
        };
        list_of(kind, OffsetBuffer::from_lengths(self.lengths), values, nulls)
    }
}

fn at(value: &Value, row: usize) -> usize {
    if value.is_scalar() { 0 } else { row }
}

fn construct(args: &[Value], call: &Call) -> Result<Value> {
    let (rows, scalar) = if args.is_empty() { (call.rows, false) } else { shape(args) };
    let sources: Vec<&dyn Array> = args.iter().map(|arg| arg.inner().as_ref()).collect();
    let mut gather = Gather::new();
    for row in 0..rows {
        gather.row(args.iter().enumerate().map(|(source, arg)| (source, at(arg, row))));
    }
    Ok(finish(gather.finish(&sources, call.result, None)?, scalar))
}

/// NULL where there is no such element.
fn subscript(args: &[Value], call: &Call) -> Result<Value> {
    let (rows, scalar) = shape(args);
    let (lists, places) = (Lists::of(&args[0])?, args[1].column::<Int32Type>()?);
    let nulls = strict_nulls(args, rows);
    let found: Int32Array = (0..rows)
        .map(|row| {
            if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                return None;
            }
            let range = lists.range(row);
            let at = usize::try_from(places.at(row)).ok()?.checked_sub(1)?;
            (at < range.len()).then(|| (range.start + at) as i32)
        })
        .collect();
    let array =
        arrow_select::take::take(lists.list.values(), &found, None).map_err(|e| Error::internal(e.to_string()))?;
    debug_assert_eq!(array.data_type(), &call.result.to_arrow());
    Ok(finish(array, scalar))
}

fn cut(args: &[Value], call: &Call, mut keep: impl FnMut(usize, usize) -> Result<(usize, usize)>) -> Result<Value> {
    let (rows, scalar) = shape(args);
    let lists = Lists::of(&args[0])?;
    let nulls = strict_nulls(args, rows).filter(|nulls| nulls.null_count() > 0);
    let mut gather = Gather::new();
    for row in 0..rows {
        if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            gather.row(std::iter::empty());
            continue;
        }
        let range = lists.range(row);
        let (from, to) = keep(row, range.len())?;
        gather.row((from..to.max(from)).map(|place| (0, range.start + place)));
    }
    Ok(finish(gather.finish(&[lists.list.values().as_ref()], call.result, nulls)?, scalar))
}

fn slice(args: &[Value], call: &Call) -> Result<Value> {
    let (lower, upper) = (args[1].column::<Int32Type>()?, args[2].column::<Int32Type>()?);
    cut(args, call, |row, len| {
        let from = usize::try_from(i64::from(lower.at(row)) - 1).unwrap_or(0).min(len);
        Ok((from, usize::try_from(upper.at(row)).unwrap_or(0).min(len)))
    })
}

/// `[1:2][1:3]`, by the first array of each dimension.
fn shown_dimensions(args: &[Value]) -> Result<Value> {
    let lists = Lists::of(&args[0])?;
    build_text(args, |row, out| {
        let (mut list, mut range) = (lists.list, lists.range(row));
        if range.is_empty() {
            return Ok(Present::Null);
        }
        loop {
            out.push_str(&format!("[1:{}]", range.len()));
            let Some(inner) = list.values().as_list_opt::<i32>() else { return Ok(Present::Yes) };
            let Some(first) = range.next() else { return Ok(Present::Yes) };
            range = inner.value_offsets()[first] as usize..inner.value_offsets()[first + 1] as usize;
            list = inner;
        }
    })
}

/// So many times the value, which may be NULL.
fn fill(args: &[Value], call: &Call) -> Result<Value> {
    let (rows, scalar) = shape(args);
    let counts = args[1].column::<Int32Type>()?;
    let nulls = strict_nulls(&args[1..], rows).filter(|nulls| nulls.null_count() > 0);
    let mut gather = Gather::new();
    for row in 0..rows {
        let there = nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
        let count = if there { counts.at(row).max(0) as usize } else { 0 };
        if count > 1 << 27 {
            return Err(Error::new(Code::StatementTooComplex, "array size exceeds the maximum allowed"));
        }
        gather.row(std::iter::repeat_n((0, at(&args[0], row)), count));
    }
    Ok(finish(gather.finish(&[args[0].inner().as_ref()], call.result, nulls)?, scalar))
}

/// The elements of the arrays within, in one array.
fn flattened(args: &[Value], call: &Call) -> Result<Value> {
    let (rows, scalar) = shape(args);
    let lists = Lists::of(&args[0])?;
    let inner = lists.list.values().as_list_opt::<i32>();
    let inner = inner.ok_or_else(|| Error::new(Code::ProtocolViolation, "expected an array of arrays"))?;
    let offsets = inner.value_offsets();
    let mut gather = Gather::new();
    for row in 0..rows {
        let there = lists.range(row).filter(|&at| inner.is_valid(at));
        gather.row(there.flat_map(|at| offsets[at] as usize..offsets[at + 1] as usize).map(|place| (0, place)));
    }
    let nulls = strict_nulls(args, rows).filter(|nulls| nulls.null_count() > 0);
    Ok(finish(gather.finish(&[inner.values().as_ref()], call.result, nulls)?, scalar))
}

fn trim(args: &[Value], call: &Call) -> Result<Value> {
    let counts = args[1].column::<Int32Type>()?;
    cut(args, call, |row, len| {
        let left = usize::try_from(counts.at(row)).ok().and_then(|count| len.checked_sub(count));
        let message = || format!("number of elements to trim must be between 0 and {len}");
        Ok((0, left.ok_or_else(|| Error::new(Code::ArraySubscriptError, message()))?))
    })
}

#[derive(Clone, Copy, PartialEq)]
enum Part {
    Array,
    Element,
}

/// Both parts in one array; an array that is NULL has nothing, and all of them make NULL.
fn joined(args: &[Value], parts: [Part; 2], call: &Call) -> Result<Value> {
    let (rows, scalar) = shape(args);
    let lists = args.iter().zip(parts).map(|(arg, part)| (part == Part::Array).then(|| Lists::of(arg)).transpose());
    let lists = lists.collect::<Result<Vec<_>>>()?;
    let sources: Vec<&dyn Array> = args
        .iter()
        .zip(&lists)
        .map(|(arg, list)| list.as_ref().map_or(arg.inner().as_ref(), |list| list.list.values().as_ref()))
        .collect();
    let mut gather = Gather::new();
    let mut valid = Vec::with_capacity(rows);
    for row in 0..rows {
        valid.push(lists.iter().any(|list| list.as_ref().is_none_or(|list| !list.is_null(row))));
        let places = lists.iter().zip(args).enumerate().flat_map(|(source, (list, arg))| {
            let range = list.as_ref().map_or(at(arg, row)..at(arg, row) + 1, |list| list.range(row));
            range.map(move |place| (source, place))
        });
        gather.row(places);
    }
    let nulls = Some(NullBuffer::from(valid)).filter(|nulls| nulls.null_count() > 0);
    Ok(finish(gather.finish(&sources, call.result, nulls)?, scalar))
}

/// All elements, of the arrays within too.
fn cardinality(args: &[Value]) -> Result<Value> {
    fn count(list: &ListArray, range: std::ops::Range<usize>) -> usize {
        match list.values().as_list_opt::<i32>() {
            None => range.len(),
            Some(inner) => {
                let bounds = |at: usize| inner.value_offsets()[at] as usize..inner.value_offsets()[at + 1] as usize;
                range.map(|at| count(inner, bounds(at))).sum()
            }
        }
    }
    let lists = Lists::of(&args[0])?;
    build::<Int32Type>(args, DataType::Integer, |row| Ok(count(lists.list, lists.range(row)) as i32))
}

/// The length of a dimension, which is that of the first array in it; NULL where there is none.
fn length(args: &[Value], shown: impl Fn(i32) -> i32) -> Result<Value> {
    let (rows, scalar) = shape(args);
    let (lists, wanted) = (Lists::of(&args[0])?, args[1].column::<Int32Type>()?);
    let nulls = strict_nulls(args, rows);
    let lengths: Int32Array = (0..rows)
        .map(|row| {
            if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) || wanted.at(row) < 1 {
                return None;
            }
            let (mut list, mut range) = (lists.list, lists.range(row));
            for _ in 1..wanted.at(row) {
                let inner = list.values().as_list_opt::<i32>()?;
                let first = range.next()?;
                range = inner.value_offsets()[first] as usize..inner.value_offsets()[first + 1] as usize;
                list = inner;
            }
            (!range.is_empty()).then(|| shown(range.len() as i32))
        })
        .collect();
    Ok(finish(Arc::new(lengths), scalar))
}

fn dimensions(args: &[Value]) -> Result<Value> {
    let (rows, scalar) = shape(args);
    let lists = Lists::of(&args[0])?;
    let (mut depth, mut values) = (1, lists.list.values());
    while let Some(inner) = values.as_list_opt::<i32>() {
        (depth, values) = (depth + 1, inner.values());
    }
    let found: Int32Array = (0..rows).map(|row| (!lists.range(row).is_empty()).then_some(depth)).collect();
    Ok(finish(Arc::new(found), scalar))
}
