//! All changes of all inputs. Linear; no state.

use millrace_base::Result;

use crate::change::ChangeBatch;
use crate::node::Operator;
use crate::saved::Kept;

pub(crate) struct UnionAll;

impl Operator for UnionAll {
    fn step(&mut self, inputs: Vec<Option<ChangeBatch>>, _now_us: i64) -> Result<Option<ChangeBatch>> {
        ChangeBatch::concat(inputs.into_iter().flatten().collect())
    }

    fn kept(&mut self) -> Option<&mut dyn Kept> {
        None
    }
}
