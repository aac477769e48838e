//! The savepoints of a transaction: places in the sequence of its effects. To go back to one is to do again what came
//! before it, so that a transaction without savepoints keeps nothing twice, and one with them pays only when it goes back.

use millrace_base::{Code, Error, Result};

use crate::effect::Effect;

/// Savepoints of one transaction.
const SAVEPOINTS_MAX: usize = 100_000;

#[derive(Default)]
pub struct Savepoints {
    /// All that was done before the first one.
    base: Effect,
    /// What was done since, statement by statement.
    since: Vec<Effect>,
    /// Of each savepoint, how many of these came before it.
    marks: Vec<usize>,
}

impl Savepoints {
    pub fn any(&self) -> bool {
        !self.marks.is_empty()
    }

    /// `base` is what was done so far, for the first one.
    pub fn push(&mut self, base: Option<Effect>) -> Result<()> {
        if self.marks.len() >= SAVEPOINTS_MAX {
            let message = format!("the transaction has {SAVEPOINTS_MAX} savepoints");
            return Err(
                Error::new(Code::InsufficientResources, message).with_hint("RELEASE those that are not needed.")
            );
        }
        if let Some(base) = base {
            (self.base, self.since) = (base, Vec::new());
        }
        self.marks.push(self.since.len());
        Ok(())
    }

    pub fn note(&mut self, effect: Option<Effect>) {
        self.since.extend(effect);
    }

    /// What was done before the savepoint, in order. It stays, those after it go.
    pub fn back_to(&mut self, savepoint: u32) -> Result<Vec<Effect>> {
        let mark = self.mark(savepoint)?;
        self.marks.truncate(savepoint as usize + 1);
        self.since.truncate(mark);
        Ok(std::iter::once(&self.base).chain(&self.since).cloned().collect())
    }

    /// The savepoint and those after it go; what was done stays.
    pub fn release(&mut self, savepoint: u32) -> Result<()> {
        self.mark(savepoint)?;
        self.marks.truncate(savepoint as usize);
        if self.marks.is_empty() {
            *self = Self::default();
        }
        Ok(())
    }

    fn mark(&self, savepoint: u32) -> Result<usize> {
        self.marks
            .get(savepoint as usize)
            .copied()
            .ok_or_else(|| Error::new(Code::InvalidSavepoint, format!("savepoint {savepoint} does not exist")))
    }
}
