//! States as columns and back, for checkpoints. What is written is exactly what is kept, so that a state that was read
//! goes on as the one that was written would have.

use std::sync::Arc;

use arrow_array::types::{Decimal128Type, Decimal256Type, Int64Type, UInt32Type};
use arrow_array::{
    Array, ArrayRef, BinaryArray, Decimal128Array, Decimal256Array, Int64Array, UInt32Array, cast::AsArray,
};
use millrace_base::Result;

use super::{Accumulator, State};
use crate::exact::ExactSum;
use crate::group_bytes::unfit;

impl Accumulator {
    /// The states of the listed groups as columns of equal length.
    pub fn save(&self, groups: &[u32]) -> Result<Vec<ArrayRef>> {
        let each = || groups.iter().map(|&g| g as usize);
        let counted =
            |counts: &[i64]| -> ArrayRef { Arc::new(Int64Array::from_iter_values(each().map(|g| counts[g]))) };
        Ok(match &self.state {
            State::Count(counts) => vec![counted(counts)],
            State::Narrow(s) => {
                vec![Arc::new(Decimal128Array::from_iter_values(each().map(|g| s.sums[g]))), counted(&s.counts)]
            }
            State::Wide(s) => {
                vec![Arc::new(Decimal256Array::from_iter_values(each().map(|g| s.sums[g]))), counted(&s.counts)]
            }
            State::Float(s) => {
                let (fixed, odd): (Vec<_>, Vec<_>) = each().map(|g| s.sums[g].parts()).unzip();
                let odd: BinaryArray = odd.iter().map(Option::as_deref).collect();
                vec![Arc::new(Decimal256Array::from_iter_values(fixed)), Arc::new(odd), counted(&s.counts)]
            }
            State::Booleans(v) => {
                let (no, yes): (Vec<i64>, Vec<i64>) = each().map(|g| v[g]).unzip();
                vec![Arc::new(Int64Array::from(no)), Arc::new(Int64Array::from(yes))]
            }
            State::Extreme(e) => {
                let (places, values, counts) = e.entries(groups)?;
                vec![Arc::new(UInt32Array::from(places)), values, Arc::new(Int64Array::from(counts))]
            }
            State::Other(s) => s.save(groups)?,
        })
    }

    /// Brings what `save` gave into groups without rows, for which there is room: the state of the first one that was
    /// listed then into the first one that is listed now, and so on.
    pub fn load(&mut self, columns: &[ArrayRef], groups: &[u32]) -> Result<()> {
        let each = || groups.iter().map(|&g| g as usize).enumerate();
        match (&mut self.state, columns) {
            (State::Count(counts), [saved]) => {
                let saved = integers(saved, groups.len())?;
                each().for_each(|(row, g)| counts[g] = saved[row]);
            }
            (State::Narrow(s), [sums, counts]) => {
                let sums = sums.as_primitive_opt::<Decimal128Type>().filter(|a| a.len() == groups.len());
                let (sums, counts) = (sums.ok_or_else(unfit)?, integers(counts, groups.len())?);
                each().for_each(|(row, g)| (s.sums[g], s.counts[g]) = (sums.value(row), counts[row]));
            }
            (State::Wide(s), [sums, counts]) => {
                let sums = sums.as_primitive_opt::<Decimal256Type>().filter(|a| a.len() == groups.len());
                let (sums, counts) = (sums.ok_or_else(unfit)?, integers(counts, groups.len())?);
                each().for_each(|(row, g)| (s.sums[g], s.counts[g]) = (sums.value(row), counts[row]));
            }
            (State::Float(s), [fixed, odd, counts]) => {
                let fixed = fixed.as_primitive_opt::<Decimal256Type>().filter(|a| a.len() == groups.len());
                let odd = odd.as_binary_opt::<i32>().filter(|a| a.len() == groups.len());
                let (fixed, odd) = (fixed.ok_or_else(unfit)?, odd.ok_or_else(unfit)?);
                let counts = integers(counts, groups.len())?;
                for (row, g) in each() {
                    let odd = odd.is_valid(row).then(|| odd.value(row));
                    s.sums[g] = ExactSum::from_parts(fixed.value(row), odd).ok_or_else(unfit)?;
                    s.counts[g] = counts[row];
                }
            }
            (State::Booleans(v), [no, yes]) => {
                let (no, yes) = (integers(no, groups.len())?, integers(yes, groups.len())?);
                each().for_each(|(row, g)| v[g] = (no[row], yes[row]));
            }
            (State::Extreme(e), [places, values, counts]) => {
                let counts = integers(counts, values.len())?;
                e.update(&placed(places, values.len(), groups)?, values, |row| counts[row])?;
            }
            (State::Other(s), columns) => s.load(columns, groups)?,
            _ => return Err(unfit()),
        }
        Ok(())
    }
}

/// The groups that stand at these places of the list.
pub(crate) fn placed(places: &ArrayRef, rows: usize, groups: &[u32]) -> Result<Vec<u32>> {
    let places = places.as_primitive_opt::<UInt32Type>().filter(|a| a.len() == rows).ok_or_else(unfit)?;
    places.values().iter().map(|&place| groups.get(place as usize).copied().ok_or_else(unfit)).collect()
}

fn integers(column: &ArrayRef, rows: usize) -> Result<&[i64]> {
    let column = column.as_primitive_opt::<Int64Type>().filter(|a| a.len() == rows && a.null_count() == 0);
    column.map(|a| a.values().as_ref()).ok_or_else(unfit)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Float64Array, Int64Array, IntervalMonthDayNanoArray, StringArray, StructArray};
    use arrow_buffer::IntervalMonthDayNano;
    use arrow_schema::{DataType, Field, Fields};
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use crate::order::SortField;
    use crate::{Accumulator, AggregateKind, DistinctSet};

    const GROUPS: u32 = 5;
    const ROWS: usize = 400;

    fn structs(columns: Vec<ArrayRef>) -> ArrayRef {
        let fields = columns.iter().enumerate().map(|(i, c)| Field::new(format!("c{i}"), c.data_type().clone(), true));
        Arc::new(StructArray::new(fields.collect::<Fields>(), columns, None))
    }

    /// Rows come, the state is saved and read into groups of other numbers, and rows come and go there: the results are
    /// those of a state that was never saved.
    #[test]
    fn a_state_that_was_read_goes_on_as_the_one_that_was_written() {
        use AggregateKind as K;
        let seed: u64 = rand::rng().random();
        eprintln!("seed {seed}");
        let mut rng = StdRng::seed_from_u64(seed);
        let mut some = |n: i64| (!rng.random_bool(0.2)).then(|| rng.random_range(-n..n));
        let ints: ArrayRef = Arc::new((0..ROWS).map(|_| some(1 << 40)).collect::<Int64Array>());
        let few: ArrayRef = Arc::new((0..ROWS).map(|_| some(4)).collect::<Int64Array>());
        let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e-300, 0.1, -7.25, 1e18];
        let floats: ArrayRef =
            Arc::new((0..ROWS).map(|_| some(4).map(|v| odd[(v + 4) as usize])).collect::<Float64Array>());
        let texts: ArrayRef = Arc::new((0..ROWS).map(|_| some(9).map(|v| v.to_string())).collect::<StringArray>());
        let interval = |v: i64| IntervalMonthDayNano { months: v as i32, days: 1, nanoseconds: v };
        let intervals: ArrayRef =
            Arc::new((0..ROWS).map(|_| some(9).map(interval)).collect::<IntervalMonthDayNanoArray>());
        let bools: ArrayRef =
            Arc::new((0..ROWS).map(|_| some(2).map(|v| v > 0)).collect::<arrow_array::BooleanArray>());
        let pair = structs(vec![floats.clone(), floats.clone()]);
        let keyed = structs(vec![texts.clone(), few.clone()]);
        let groups: Vec<u32> = (0..ROWS).map(|_| some(2).map_or(4, |v| (v + 2) as u32)).collect();

        let numeric = DataType::Decimal128(38, 4);
        let list = DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true)));
        let of = |array: &ArrayRef| array.data_type().clone();
        let same = |array: &ArrayRef| (array.clone(), of(array));
        let moments = DataType::List(Arc::new(Field::new_list_field(DataType::Float64, true)));
        let mut cases = vec![
            (K::CountStar, None, DataType::Int64),
            (K::Count, Some(texts.clone()), DataType::Int64),
            (K::Sum, Some(ints.clone()), DataType::Decimal128(38, 0)),
            (K::Avg, Some(ints.clone()), DataType::Decimal128(38, 16)),
            (K::Sum, Some(floats.clone()), DataType::Float64),
            (K::Sum, Some(intervals.clone()), of(&intervals)),
            (K::BoolAnd, Some(bools.clone()), DataType::Boolean),
            (K::BitXor, Some(few.clone()), DataType::Int64),
            (K::VarSamp, Some(few.clone()), numeric),
            (K::Moments, Some(pair), moments),
            (K::Collect, Some(keyed), list),
        ];
        for (array, data_type) in [&ints, &floats, &texts, &intervals].map(same) {
            cases.push((K::Min, Some(array.clone()), data_type.clone()));
            cases.push((K::Max, Some(array), data_type));
        }
        for (kind, values, output) in &cases {
            for retractable in [false, true] {
                let order = match kind {
                    K::Collect => vec![SortField { descending: true, nulls_first: false }],
                    _ => Vec::new(),
                };
                let argument = values.as_ref().map(|v| v.data_type().clone());
                let new = || {
                    let made = Accumulator::ordered(*kind, argument.as_ref(), output, retractable, order.clone());
                    let mut made = made.unwrap();
                    made.resize(GROUPS as usize * 2);
                    made
                };
                let part = |from: usize, len: usize| values.as_ref().map(|v| v.slice(from, len));
                let (mut whole, mut read) = (new(), new());
                whole.update(&groups[..300], part(0, 300).as_ref(), None, None).unwrap();
                let (all, moved): (Vec<u32>, Vec<u32>) = (0..GROUPS).map(|g| (g, 2 * GROUPS - 1 - g)).unzip();
                read.load(&whole.save(&all).unwrap(), &moved).unwrap();
                let there = |ids: &[u32]| -> Vec<u32> { ids.iter().map(|&g| moved[g as usize]).collect() };
                whole.update(&groups[300..], part(300, 100).as_ref(), None, None).unwrap();
                read.update(&there(&groups[300..]), part(300, 100).as_ref(), None, None).unwrap();
                if retractable {
                    let weights = [-1i64; 200];
                    whole.update(&groups[50..250], part(50, 200).as_ref(), None, Some(&weights)).unwrap();
                    read.update(&there(&groups[50..250]), part(50, 200).as_ref(), None, Some(&weights)).unwrap();
                }
                let (whole, read) = (whole.finish(&all).unwrap(), read.finish(&moved).unwrap());
                assert_eq!(format!("{whole:?}"), format!("{read:?}"), "{kind:?} {argument:?} {retractable}");
            }
        }
    }

    #[test]
    fn pairs_that_were_read_are_known() {
        let values: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), Some("b"), Some("a"), None]));
        let mut set = DistinctSet::new(&DataType::Utf8).unwrap();
        set.update(&[3, 3, 3, 1], &values, None, None).unwrap();
        let mut read = DistinctSet::new(&DataType::Utf8).unwrap();
        read.load(&set.save(&[1, 3]).unwrap(), &[0, 1]).unwrap();
        let gone = |set: &mut DistinctSet, group: u32| {
            let groups = [group; 4];
            [[-1, 0, 0, 0], [0, -1, 0, 0], [-1, 0, 0, 0]]
                .map(|weights| set.update(&groups, &values, None, Some(&weights)).unwrap())
        };
        assert_eq!(gone(&mut read, 1), gone(&mut set, 3));
    }

    #[test]
    fn another_form_is_refused() {
        let column: ArrayRef = Arc::new(Int64Array::from(vec![1]));
        for (kind, argument) in [(AggregateKind::CountStar, None), (AggregateKind::BitOr, Some(DataType::Int64))] {
            let mut state = Accumulator::new(kind, argument.as_ref(), &DataType::Int64, false).unwrap();
            state.resize(2);
            assert!(state.load(&[column.clone(), column.clone()], &[0]).is_err());
            assert!(state.load(std::slice::from_ref(&column), &[0, 1]).is_err());
        }
    }
}
