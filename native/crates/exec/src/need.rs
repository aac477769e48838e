//! Which of a node's columns somebody above it reads. Columns that nobody reads are not unpacked, copied or held.

use std::ops::Range;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Need(Vec<bool>);

impl Need {
    pub fn all(columns: usize) -> Self {
        Self(vec![true; columns])
    }

    pub fn none(columns: usize) -> Self {
        Self(vec![false; columns])
    }

    pub fn of(columns: usize, read: impl IntoIterator<Item = usize>) -> Self {
        Self::none(columns).and(read)
    }

    /// These columns as well.
    pub fn and(mut self, read: impl IntoIterator<Item = usize>) -> Self {
        read.into_iter().for_each(|column| self.0[column] = true);
        self
    }

    pub fn slice(&self, columns: Range<usize>) -> Self {
        Self(self.0[columns].to_vec())
    }

    pub fn has(&self, column: usize) -> bool {
        self.0[column]
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn columns(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().filter(|(_, read)| **read).map(|(column, _)| column)
    }
}
