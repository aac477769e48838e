//! Constant rows (VALUES, generate_series): they come with the first step and never change.

use arrow_array::RecordBatch;
use millrace_base::Result;

use crate::change::ChangeBatch;
use crate::node::Operator;
use crate::saved::Kept;

pub(crate) struct Constant {
    pub rows: Option<ChangeBatch>,
}

impl Operator for Constant {
    fn step(&mut self, _inputs: Vec<Option<ChangeBatch>>, _now_us: i64) -> Result<Option<ChangeBatch>> {
        Ok(self.rows.take())
    }

    fn kept(&mut self) -> Option<&mut dyn Kept> {
        Some(self)
    }
}

/// That the rows have come.
impl Kept for Constant {
    fn save(&self) -> Result<Vec<RecordBatch>> {
        Ok(Vec::new())
    }

    fn load(&mut self, _saved: Vec<RecordBatch>) -> Result<()> {
        self.rows = None;
        Ok(())
    }
}
