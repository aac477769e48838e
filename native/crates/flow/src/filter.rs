//! Keeps the changes whose row satisfies the predicate. Linear: weights pass through, so a retraction is filtered
//! exactly as its insertion was. No state.

use millrace_base::Result;
use millrace_expr::Evaluator;

use crate::change::ChangeBatch;
use crate::node::Operator;
use crate::saved::Kept;

pub(crate) struct Filter {
    pub predicate: Evaluator,
}

impl Operator for Filter {
    fn step(&mut self, mut inputs: Vec<Option<ChangeBatch>>, now_us: i64) -> Result<Option<ChangeBatch>> {
        let Some(input) = inputs.pop().flatten() else { return Ok(None) };
        let keep = self.predicate.select(&input.rows, now_us)?;
        input.filter(&keep)
    }

    fn kept(&mut self) -> Option<&mut dyn Kept> {
        None
    }
}
