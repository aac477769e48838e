//! SUM of intervals: months, days and time each by themselves, as PostgreSQL adds them.

use std::sync::Arc;

use arrow_array::types::IntervalMonthDayNanoType;
use arrow_array::{ArrayRef, PrimitiveArray, cast::AsArray};
use arrow_buffer::IntervalMonthDayNano;
use millrace_base::{Code, Error, Result};

use crate::group_bytes::{load_bytes, save_bytes};
use crate::group_state::{GroupState, Weight, counted, same};

/// Values, months, days, nanoseconds.
type Group = (i64, i64, i64, i128);

#[derive(Debug, Default)]
pub(crate) struct IntervalSum {
    groups: Vec<Group>,
}

impl GroupState for IntervalSum {
    fn resize(&mut self, groups: usize) {
        self.groups.resize(groups.max(self.groups.len()), Group::default());
    }

    fn reset(&mut self, group: usize) {
        self.groups[group] = Group::default();
    }

    fn update(&mut self, groups: &[u32], values: &ArrayRef, weight: Weight<'_>) -> Result<()> {
        let intervals = values.as_primitive::<IntervalMonthDayNanoType>().values();
        for (row, group, weight) in counted(groups, values, weight) {
            let (value, sum) = (intervals[row], &mut self.groups[group]);
            sum.0 += weight;
            sum.1 = sum.1.wrapping_add(i64::from(value.months).wrapping_mul(weight));
            sum.2 = sum.2.wrapping_add(i64::from(value.days).wrapping_mul(weight));
            sum.3 += i128::from(value.nanoseconds) * i128::from(weight);
        }
        Ok(())
    }

    fn finish(&self, groups: &[u32]) -> Result<ArrayRef> {
        let sum = |&group: &u32| {
            let (values, months, days, nanoseconds) = self.groups[group as usize];
            if values == 0 {
                return Ok(None);
            }
            let parts = (i32::try_from(months), i32::try_from(days), i64::try_from(nanoseconds));
            let (Ok(months), Ok(days), Ok(nanoseconds)) = parts else {
                return Err(Error::new(Code::DatetimeFieldOverflow, "interval out of range"));
            };
            Ok(Some(IntervalMonthDayNano { months, days, nanoseconds }))
        };
        let sums: PrimitiveArray<IntervalMonthDayNanoType> = groups.iter().map(sum).collect::<Result<_>>()?;
        Ok(Arc::new(sums))
    }

    fn merge(&mut self, other: &dyn GroupState, pairs: &[(usize, usize)]) -> Result<()> {
        let other: &Self = same(other)?;
        for &(from, into) in pairs {
            let (from, into) = (&other.groups[from], &mut self.groups[into]);
            into.0 += from.0;
            into.1 = into.1.wrapping_add(from.1);
            into.2 = into.2.wrapping_add(from.2);
            into.3 += from.3;
        }
        Ok(())
    }

    fn save(&self, groups: &[u32]) -> Result<Vec<ArrayRef>> {
        Ok(save_bytes(groups, |group, into| {
            let (values, months, days, nanoseconds) = self.groups[group];
            [values, months, days].iter().for_each(|n| into.extend_from_slice(&n.to_le_bytes()));
            into.extend_from_slice(&nanoseconds.to_le_bytes());
        }))
    }

    fn load(&mut self, columns: &[ArrayRef], groups: &[u32]) -> Result<()> {
        load_bytes(columns, groups, |group, from| {
            self.groups[group] = (from.i64()?, from.i64()?, from.i64()?, from.i128()?);
            Some(())
        })
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}
