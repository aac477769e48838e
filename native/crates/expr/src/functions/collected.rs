//! The last step of aggregates over all values of a group: from the array of collected values (see `collect.rs` of
//! kernels) to the result. The binder puts these calls around the aggregate; no query can name them.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, IntervalMonthDayNanoType};
use arrow_array::{Array, ArrayRef, Float64Array, Int32Array, PrimitiveArray};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_select::take::take;
use millrace_base::{Code, Error, Result};
use millrace_kernels::jsonb::Builder;
use millrace_plan::{BinaryOp, DataType, ParameterType, ReturnRule};

use super::array::Lists;
use super::jsonb_read::invalid;
use crate::compare::compare;
use crate::interval::lerp;
use crate::nested::list_of;
use crate::node::Call;
use crate::registry::{DOUBLE, Entry, TEXT, entry, exact};
use crate::value::{Present, Value, build_bytes, build_json, build_text, finish, shape, strict_nulls};

pub(crate) fn table() -> Vec<Entry> {
    let array = || ParameterType::Array;
    let fractions = || exact(DataType::array(DataType::Double));
    let bound = || ReturnRule::Bound;
    vec![
        entry("joined_texts", &[array()], bound(), |a, _| joined_texts(a)),
        entry("joined_bytes", &[array()], bound(), |a, _| joined_bytes(a)),
        entry("object_of_pairs", &[array()], bound(), |a, _| object_of_pairs(a)),
        entry("percentile_cont_of", &[array(), DOUBLE], bound(), percentile_cont),
        entry("percentile_cont_of", &[array(), fractions()], bound(), percentile_cont),
        entry("percentile_disc_of", &[array(), DOUBLE], bound(), percentile_disc),
        entry("percentile_disc_of", &[array(), fractions()], bound(), percentile_disc),
        entry("most_frequent", &[array()], bound(), most_frequent).infallible(),
        entry("statistic_of", &[array(), TEXT], bound(), |a, _| statistic(a)),
    ]
}

fn internal(error: arrow_schema::ArrowError) -> Error {
    Error::internal(error.to_string())
}

/// A plan is not trusted to give what the binder gives.
fn other_values() -> Error {
    Error::new(Code::ProtocolViolation, "collected values of another type")
}

fn pair_columns<'a>(lists: &'a Lists<'_>) -> Result<(&'a ArrayRef, &'a ArrayRef)> {
    match lists.list.values().as_struct_opt().map(|pairs| pairs.columns()) {
        Some([first, second]) => Ok((first, second)),
        _ => Err(other_values()),
    }
}

/// Of rows (text, delimiter): each but the first after its own delimiter.
fn joined_texts(args: &[Value]) -> Result<Value> {
    let lists = Lists::of(&args[0])?;
    let (first, second) = pair_columns(&lists)?;
    let texts = first.as_string_opt::<i32>().ok_or_else(other_values)?;
    let delimiters = second.as_string_opt::<i32>().ok_or_else(other_values)?;
    build_text(args, |row, out| {
        for (nth, at) in lists.range(row).enumerate() {
            if nth > 0 && delimiters.is_valid(at) {
                out.push_str(delimiters.value(at));
            }
            out.push_str(texts.value(at));
        }
        Ok(Present::Yes)
    })
}

fn joined_bytes(args: &[Value]) -> Result<Value> {
    let lists = Lists::of(&args[0])?;
    let (first, second) = pair_columns(&lists)?;
    let values = first.as_binary_opt::<i32>().ok_or_else(other_values)?;
    let delimiters = second.as_binary_opt::<i32>().ok_or_else(other_values)?;
    build_bytes(args, |row, out| {
        for (nth, at) in lists.range(row).enumerate() {
            if nth > 0 && delimiters.is_valid(at) {
                out.extend_from_slice(delimiters.value(at));
            }
            out.extend_from_slice(values.value(at));
        }
        Ok(())
    })
}

/// Of rows (key as text, value as JSONB).
fn object_of_pairs(args: &[Value]) -> Result<Value> {
    let lists = Lists::of(&args[0])?;
    let (first, second) = pair_columns(&lists)?;
    let keys = first.as_string_opt::<i32>().ok_or_else(other_values)?;
    let values = second.as_binary_opt::<i32>().ok_or_else(other_values)?;
    build_json(args, |row, out| {
        let mut members = Vec::new();
        for at in lists.range(row) {
            if keys.is_null(at) {
                return Err(invalid("field name must not be null"));
            }
            let mut value = Vec::new();
            if values.is_valid(at) {
                value.extend_from_slice(values.value(at));
            } else {
                Builder::null(&mut value);
            }
            members.push((keys.value(at).as_bytes().to_vec(), value));
        }
        Builder::object(members, out);
        Ok(Present::Yes)
    })
}

/// The fractions of each row: one, or an array of them. The result has one value for each, alone or in an array.
struct Fractions {
    /// Where each wanted value is within the sorted values; nothing for NULL.
    places: Vec<Option<(usize, f64)>>,
    /// By row, how many: only where fractions are an array.
    lengths: Option<(Vec<usize>, NullBuffer)>,
    scalar: bool,
}

impl Fractions {
    /// `place` is where a fraction is in sorted values from `start` on, `rows` of them.
    fn of(args: &[Value], place: impl Fn(f64, std::ops::Range<usize>) -> (usize, f64)) -> Result<Self> {
        let (rows, scalar) = shape(args);
        let values = Lists::of(&args[0])?;
        let nulls = strict_nulls(args, rows);
        let there = |row: usize| nulls.as_ref().is_none_or(|n| n.is_valid(row));
        let one = |fraction: f64, row: usize| -> Result<Option<(usize, f64)>> {
            if !(0.0..=1.0).contains(&fraction) {
                let message = format!("percentile value {fraction} is not between 0 and 1");
                return Err(Error::new(Code::NumericValueOutOfRange, message));
            }
            let range = values.range(row);
            Ok((!range.is_empty()).then(|| place(fraction, range)))
        };
        let mut places = Vec::with_capacity(rows);
        if args[1].inner().as_list_opt::<i32>().is_none() {
            let fractions = args[1].column::<Float64Type>()?;
            for row in 0..rows {
                places.push(if there(row) { one(fractions.at(row), row)? } else { None });
            }
            return Ok(Self { places, lengths: None, scalar });
        }
        let fractions = Lists::of(&args[1])?;
        let given = fractions.list.values().as_primitive_opt::<Float64Type>().ok_or_else(other_values)?;
        let mut lengths = Vec::with_capacity(rows);
        for row in 0..rows {
            let before = places.len();
            if there(row) {
                for at in fractions.range(row) {
                    places.push(if given.is_valid(at) { one(given.value(at), row)? } else { None });
                }
            }
            lengths.push(places.len() - before);
        }
        let valid: NullBuffer = (0..rows).map(there).collect();
        Ok(Self { places, lengths: Some((lengths, valid)), scalar })
    }

    fn finish(self, values: ArrayRef, call: &Call) -> Result<Value> {
        let Some((lengths, valid)) = self.lengths else { return Ok(finish(values, self.scalar)) };
        let nulls = (valid.null_count() > 0).then_some(valid);
        Ok(finish(list_of(call.result, OffsetBuffer::from_lengths(lengths), values, nulls)?, self.scalar))
    }
}

/// Between the two values around the fraction of the way from the first to the last.
fn percentile_cont(args: &[Value], call: &Call) -> Result<Value> {
    let fractions = Fractions::of(args, |fraction, range| {
        let way = fraction * (range.len() - 1) as f64;
        (range.start + way.floor() as usize, way - way.floor())
    })?;
    let lists = Lists::of(&args[0])?;
    let values = lists.list.values();
    // The next value counts only where the place is between two, so it is there.
    let next = |at: usize, rest: f64| if rest == 0.0 { at } else { at + 1 };
    let found: ArrayRef = if let Some(doubles) = values.as_primitive_opt::<Float64Type>() {
        let between = |place: &Option<(usize, f64)>| {
            place.map(|(at, rest)| {
                let (low, high) = (doubles.value(at), doubles.value(next(at, rest)));
                if rest == 0.0 { low } else { low + rest * (high - low) }
            })
        };
        Arc::new(fractions.places.iter().map(between).collect::<Float64Array>())
    } else {
        let intervals = values.as_primitive_opt::<IntervalMonthDayNanoType>().ok_or_else(other_values)?;
        let between = |place: &Option<(usize, f64)>| {
            place.map(|(at, rest)| lerp(intervals.value(at), intervals.value(next(at, rest)), rest)).transpose()
        };
        let found = fractions.places.iter().map(between);
        Arc::new(found.collect::<Result<PrimitiveArray<IntervalMonthDayNanoType>>>()?)
    };
    fractions.finish(found, call)
}

/// The first value whose place reaches the fraction.
fn percentile_disc(args: &[Value], call: &Call) -> Result<Value> {
    let fractions = Fractions::of(args, |fraction, range| {
        let place = (fraction * range.len() as f64).ceil() as usize;
        (range.start + place.max(1) - 1, 0.0)
    })?;
    let places: Int32Array = fractions.places.iter().map(|place| place.map(|(at, _)| at as i32)).collect();
    let found = take(Lists::of(&args[0])?.list.values(), &places, None).map_err(internal)?;
    fractions.finish(found, call)
}

/// Of sorted values the first of those that are there most often.
fn most_frequent(args: &[Value], call: &Call) -> Result<Value> {
    let (rows, scalar) = shape(args);
    let lists = Lists::of(&args[0])?;
    let values = lists.list.values();
    let pairs = values.len().saturating_sub(1);
    let sides = [Value::array(values.slice(0, pairs)), Value::array(values.slice(values.len() - pairs, pairs))];
    let same = compare(BinaryOp::IsNotDistinctFrom, &sides, call.result)?.booleans(pairs)?;
    let places: Int32Array = (0..rows)
        .map(|row| {
            let range = lists.range(row);
            let (mut best, mut length) = (None, 0);
            let mut start = range.start;
            while start < range.end {
                let mut end = start + 1;
                while end < range.end && same.value(end - 1) {
                    end += 1;
                }
                if end - start > length {
                    (best, length) = (Some(start as i32), end - start);
                }
                start = end;
            }
            best
        })
        .collect();
    Ok(finish(take(values, &places, None).map_err(internal)?, scalar))
}

/// A statistic from the sums that the aggregate gives: rows, x, y, and around the means xx, xy, yy.
fn statistic(args: &[Value]) -> Result<Value> {
    let (rows, scalar) = shape(args);
    let (lists, names) = (Lists::of(&args[0])?, args[1].texts()?);
    let sums = lists.list.values().as_primitive_opt::<Float64Type>().ok_or_else(other_values)?;
    let results = (0..rows).map(|row| {
        let range = lists.range(row);
        let parts: [f64; 6] = sums.values()[range].try_into().map_err(|_| other_values())?;
        statistic_of(names.at(row), parts)
    });
    Ok(finish(Arc::new(results.collect::<Result<Float64Array>>()?), scalar))
}

fn statistic_of(name: &str, [n, x, y, xx, xy, yy]: [f64; 6]) -> Result<Option<f64>> {
    let when = |there: bool, value: f64| Ok(there.then_some(value));
    let some = n >= 1.0;
    match name {
        "count" => Ok(Some(n)),
        "var_pop" => when(some, xx / n),
        "var_samp" => when(n > 1.0, xx / (n - 1.0)),
        "stddev_pop" => when(some, (xx / n).sqrt()),
        "stddev_samp" => when(n > 1.0, (xx / (n - 1.0)).sqrt()),
        "covar_pop" => when(some, xy / n),
        "covar_samp" => when(n > 1.0, xy / (n - 1.0)),
        "corr" => when(some && xx != 0.0 && yy != 0.0, xy / (xx * yy).sqrt()),
        "regr_sxx" => when(some, xx),
        "regr_syy" => when(some, yy),
        "regr_sxy" => when(some, xy),
        "regr_avgx" => when(some, x / n),
        "regr_avgy" => when(some, y / n),
        "regr_r2" if yy == 0.0 => when(some && xx != 0.0, 1.0),
        "regr_r2" => when(some && xx != 0.0, (xy * xy) / (xx * yy)),
        "regr_slope" => when(some && xx != 0.0, xy / xx),
        "regr_intercept" => when(some && xx != 0.0, (y - x * xy / xx) / n),
        other => Err(Error::new(Code::ProtocolViolation, format!("no statistic {other}"))),
    }
}
