//! The rows whose time is now. A row comes when the epoch's time has reached all that it is valid from, and goes when it has
//! reached one that it is valid until: also in a step that brings nothing else. State: the rows whose time is still to come
//! or to end.

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use millrace_base::{Error, Result};

use crate::change::ChangeBatch;
use crate::computed::Computed;
use crate::node::Operator;
use crate::saved::Kept;
use crate::schedule::Schedule;

pub(crate) struct TemporalFilter {
    from: Vec<Computed>,
    until: Vec<Computed>,
    schedule: Schedule,
}

impl TemporalFilter {
    pub fn new(from: Vec<Computed>, until: Vec<Computed>, types: &[DataType]) -> Self {
        Self { from, until, schedule: Schedule::new(types) }
    }

    /// When each row's time begins and ends; never is the end before the beginning.
    fn times(&self, input: &ChangeBatch, now_us: i64) -> Result<(Vec<i64>, Vec<i64>)> {
        let (mut from, mut until) = (vec![i64::MIN; input.len()], vec![i64::MAX; input.len()]);
        each(&self.from, input, now_us, |row, time| match time {
            Some(time) => from[row] = from[row].max(time),
            None => until[row] = i64::MIN,
        })?;
        each(&self.until, input, now_us, |row, time| until[row] = until[row].min(time.unwrap_or(i64::MIN)))?;
        Ok((from, until))
    }
}

fn each(bounds: &[Computed], input: &ChangeBatch, now_us: i64, mut note: impl FnMut(usize, Option<i64>)) -> Result<()> {
    for bound in bounds {
        let times = bound.evaluate(&input.rows, now_us)?;
        let times = times
            .as_primitive_opt::<TimestampMicrosecondType>()
            .ok_or_else(|| Error::internal("a temporal filter by another type"))?;
        for (row, &time) in times.values().iter().enumerate() {
            note(row, times.is_valid(row).then_some(time));
        }
    }
    Ok(())
}

impl Operator for TemporalFilter {
    fn step(&mut self, mut inputs: Vec<Option<ChangeBatch>>, now_us: i64) -> Result<Option<ChangeBatch>> {
        let mut output = Vec::new();
        if let Some(input) = inputs.pop().flatten() {
            let (from, until) = self.times(&input, now_us)?;
            let (mut now, mut later, mut ending) = (Vec::new(), Vec::new(), Vec::new());
            for row in 0..input.len() {
                if until[row] <= from[row] || until[row] <= now_us {
                    continue;
                }
                let list = if from[row] <= now_us { &mut now } else { &mut later };
                list.push(row as u32);
                if until[row] < i64::MAX {
                    ending.push(row as u32);
                }
            }
            let of = |times: &[i64], rows: &[u32]| rows.iter().map(|&row| times[row as usize]).collect::<Vec<_>>();
            self.schedule.put(&input, &later, &of(&from, &later), 1)?;
            self.schedule.put(&input, &ending, &of(&until, &ending), -1)?;
            output.push(input.take(&now)?);
        }
        output.extend(self.schedule.take(now_us)?);
        // What came and went in between has not been.
        ChangeBatch::concat(output)?.map(ChangeBatch::consolidated).transpose()
    }

    fn deadline(&self) -> Option<i64> {
        self.schedule.deadline()
    }

    fn kept(&mut self) -> Option<&mut dyn Kept> {
        Some(self)
    }
}

impl Kept for TemporalFilter {
    fn save(&self) -> Result<Vec<RecordBatch>> {
        self.schedule.parts()
    }

    fn load(&mut self, saved: Vec<RecordBatch>) -> Result<()> {
        saved.iter().try_for_each(|part| self.schedule.restore(part))
    }
}
