//! What it means that intervals are equal. PostgreSQL compares them by their span, a month as 30 days and a day as 24
//! hours, so that `1 month`, `30 days` and `720 hours` are one key to GROUP BY, DISTINCT, ORDER BY, joins and `=`.
//! Every comparison of intervals comes here; what is shown stays as it was written.

use std::sync::Arc;

use arrow_array::{ArrayRef, PrimitiveArray, cast::AsArray, types::IntervalMonthDayNanoType};
use arrow_buffer::IntervalMonthDayNano;
use arrow_schema::DataType;

const DAY_US: i128 = 86_400_000_000;
const MONTH_DAYS: i128 = 30;

/// The span in microseconds, by which intervals are ordered. SQL has no smaller unit than that.
pub fn interval_span(v: IntervalMonthDayNano) -> i128 {
    (i128::from(v.months) * MONTH_DAYS + i128::from(v.days)) * DAY_US + i128::from(v.nanoseconds / 1000)
}

/// The one interval that stands for all of this span in a table of keys: as many months, then as many days, as go in.
fn canonical(v: IntervalMonthDayNano) -> IntervalMonthDayNano {
    let span = interval_span(v);
    // Where a part is at its limit, the rest fits the next one, as it did in the interval that had this span.
    let limit = |value: i128| value.clamp(i128::from(i32::MIN), i128::from(i32::MAX));
    let months = limit(span / (MONTH_DAYS * DAY_US));
    let span = span - months * MONTH_DAYS * DAY_US;
    let days = limit(span / DAY_US);
    let span = span - days * DAY_US;
    IntervalMonthDayNano::new(months as i32, days as i32, (span * 1000) as i64)
}

/// The column with each interval in its canonical form: equal intervals have equal bits.
pub(crate) fn canonical_intervals(array: &ArrayRef) -> ArrayRef {
    let canonical: PrimitiveArray<IntervalMonthDayNanoType> =
        array.as_primitive::<IntervalMonthDayNanoType>().unary(canonical);
    Arc::new(canonical)
}

/// The column's spans, as Arrow's row format orders them.
pub(crate) fn interval_spans(array: &ArrayRef) -> ArrayRef {
    let spans: arrow_array::Decimal128Array = array.as_primitive::<IntervalMonthDayNanoType>().unary(interval_span);
    Arc::new(spans)
}

pub(crate) fn is_interval(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Interval(_))
}

pub(crate) fn pack_interval(v: IntervalMonthDayNano) -> i128 {
    (i128::from(v.nanoseconds) << 64) | (i128::from(v.days as u32) << 32) | i128::from(v.months as u32)
}

pub(crate) fn unpack_interval(v: i128) -> IntervalMonthDayNano {
    IntervalMonthDayNano { months: v as i32, days: (v >> 32) as i32, nanoseconds: (v >> 64) as i64 }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;

    #[test]
    fn a_canonical_interval_keeps_its_span_and_stands_for_all_of_it() {
        let seed: u64 = rand::rng().random();
        eprintln!("seed {seed}");
        let mut rng = StdRng::seed_from_u64(seed);
        let extreme = [i32::MIN, i32::MIN + 1, -1, 0, 1, i32::MAX - 1, i32::MAX];
        let ends = [i64::MIN / 1000 * 1000, -1000, 0, 1000, i64::MAX / 1000 * 1000];
        let at_limits = extreme
            .iter()
            .flat_map(|&months| extreme.iter().map(move |&days| (months, days)))
            .flat_map(|(months, days)| ends.iter().map(move |&ns| IntervalMonthDayNano::new(months, days, ns)));
        let random: Vec<_> = (0..5000)
            .map(|_| IntervalMonthDayNano::new(rng.random(), rng.random(), rng.random::<i64>() / 1000 * 1000))
            .collect();
        for v in at_limits.chain(random) {
            assert_eq!(interval_span(canonical(v)), interval_span(v), "{v:?}");
            assert_eq!(canonical(canonical(v)), canonical(v), "{v:?}");
            assert_eq!(unpack_interval(pack_interval(v)), v);
        }
    }

    #[test]
    fn a_month_is_thirty_days_of_24_hours() {
        let hour = 3_600_000_000_000;
        let month = IntervalMonthDayNano::new(1, 0, 0);
        for same in [(0, 30, 0), (0, 0, 720 * hour), (2, -31, 24 * hour)] {
            let same = IntervalMonthDayNano::new(same.0, same.1, same.2);
            assert_eq!((interval_span(same), canonical(same)), (interval_span(month), month));
        }
        assert!(interval_span(IntervalMonthDayNano::new(0, 29, 23 * hour)) < interval_span(month));
        assert!(interval_span(IntervalMonthDayNano::new(-1, 29, 0)) < 0);
    }
}
