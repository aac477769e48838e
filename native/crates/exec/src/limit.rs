//! Leaves out the first rows and stops after some: an input is not asked for more than is needed.

use arrow_array::RecordBatch;
use millrace_base::Result;

use crate::operator::{Input, Operator, Query};

pub(crate) struct Limit<'a> {
    query: &'a Query<'a>,
    input: Input<'a>,
    skip: u64,
    left: u64,
}

impl<'a> Limit<'a> {
    pub fn new(query: &'a Query<'a>, input: Input<'a>, limit: Option<u64>, offset: u64) -> Self {
        Self { query, input, skip: offset, left: limit.unwrap_or(u64::MAX) }
    }
}

impl Operator for Limit<'_> {
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        if self.left == 0 {
            return Ok(None);
        }
        let Some(batch) = self.query.pull(&mut self.input)? else { return Ok(None) };
        let rows = batch.num_rows() as u64;
        let from = self.skip.min(rows);
        let taken = (rows - from).min(self.left);
        self.skip -= from;
        self.left -= taken;
        Ok(Some(if taken == rows { batch } else { batch.slice(from as usize, taken as usize) }))
    }
}
