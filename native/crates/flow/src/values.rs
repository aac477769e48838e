//! Constant rows (VALUES, generate_series): they come with the first step and never change.

use millrace_base::Result;

use crate::change::ChangeBatch;
use crate::node::Operator;

pub(crate) struct Constant {
    pub rows: Option<ChangeBatch>,
}

impl Operator for Constant {
    fn step(&mut self, _inputs: Vec<Option<ChangeBatch>>, _now_us: i64) -> Result<Option<ChangeBatch>> {
        Ok(self.rows.take())
    }
}
