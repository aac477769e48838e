//! One condition on the rows of a scan, checked on as little as it takes.

use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_array::{Array, ArrayRef};
use arrow_buffer::BooleanBuffer;
use millrace_base::Result;
use millrace_expr::{Projection, is_volatile};
use millrace_kernels::encodings::Values;
use millrace_kernels::scan::{Range, in_range, spread};
use millrace_plan::{DataType, Expr};

use super::bounds::range_of;
use super::reader::{Reader, Selection};
use crate::lower::{KeyFilter, Query};
use crate::stages::definite;
use crate::wanted::Wanted;

pub(crate) struct Test {
    predicate: Projection,
    /// What it reads.
    columns: Vec<usize>,
    width: usize,
    fallible: bool,
    /// Whether equal values have equal answers.
    stable: bool,
    /// The same on one column of integers.
    range: Option<(usize, Range)>,
    /// Of a column of texts, which may come with a dictionary.
    text: bool,
}

impl Test {
    pub fn new(query: &Query<'_>, condition: &Expr, types: &[DataType]) -> Result<Self> {
        let predicate = query.projection(std::slice::from_ref(condition), types)?;
        let columns: Vec<usize> = predicate.columns().into_iter().collect();
        let text = matches!(columns.as_slice(), [one] if types[*one] == DataType::Text);
        Ok(Self {
            fallible: predicate.is_fallible(),
            stable: !is_volatile(condition),
            range: range_of(condition, types),
            width: types.len(),
            predicate,
            columns,
            text,
        })
    }

    pub fn is_fallible(&self) -> bool {
        self.fallible
    }

    /// Cheaper conditions come first.
    pub fn cost(&self) -> usize {
        match (&self.range, self.text) {
            (Some(_), _) => 0,
            (None, false) => self.columns.len() * 2,
            (None, true) => 3,
        }
    }

    pub fn apply(&self, reader: &mut Reader<'_>, selection: &mut Selection, now_us: i64) -> Result<()> {
        if let Some((column, range)) = self.range
            && let Some(bits) = encoded_range(reader, column, range)?
        {
            selection.keep(bits);
            return Ok(());
        }
        if let [column] = self.columns[..]
            && self.stable
            && !self.fallible
        {
            if self.text
                && let Some(dictionary) = reader.dictionary(column)?
                && dictionary.entries.len() <= selection.count()
            {
                let wanted = self.answer(&[(column, dictionary.entries.clone())], dictionary.entries.len(), now_us)?;
                let codes = dictionary.codes.values();
                let bits = match wanted.count_set_bits() {
                    0 => BooleanBuffer::new_unset(codes.len()),
                    1 => {
                        let only = wanted.set_indices().next().unwrap_or_default() as u32;
                        BooleanBuffer::collect_bool(codes.len(), |row| codes[row] == only)
                    }
                    _ => {
                        let wanted: Vec<bool> = wanted.iter().collect();
                        BooleanBuffer::collect_bool(codes.len(), |row| wanted[codes[row] as usize])
                    }
                };
                selection.keep(bits);
                return Ok(());
            }
            // What cannot fail may see rows that are gone.
            if !selection.is_sparse() {
                let whole = reader.whole(column)?;
                selection.keep(self.answer(&[(column, whole.clone())], whole.len(), now_us)?);
                return Ok(());
            }
        }
        let columns = self.columns.iter().map(|&column| Ok((column, reader.values(column, selection)?)));
        let columns: Vec<(usize, ArrayRef)> = columns.collect::<Result<_>>()?;
        selection.keep_selected(self.answer(&columns, selection.count(), now_us)?);
        Ok(())
    }

    fn answer(&self, columns: &[(usize, ArrayRef)], rows: usize, now_us: i64) -> Result<BooleanBuffer> {
        let mut sparse = vec![None; self.width];
        columns.iter().for_each(|(column, array)| sparse[*column] = Some(array.clone()));
        let answer = self.predicate.evaluate_sparse(sparse, rows, now_us)?;
        Ok(definite(answer[0].as_ref())?.values().clone())
    }
}

/// One bit a row, if the column is encoded as integers.
fn encoded_range(reader: &mut Reader<'_>, column: usize, range: Range) -> Result<Option<BooleanBuffer>> {
    let morsel = reader.morsel();
    let Some(encoded) = reader.encoded(column)? else { return Ok(None) };
    let view = encoded.view().map_err(|why| morsel.damaged(why.0))?;
    Ok(match &view.values {
        Values::Integers(values) => Some(spread(in_range(values, range), view.nulls.as_ref())),
        Values::None => Some(BooleanBuffer::new_unset(view.rows)),
        _ => None,
    })
}

/// Rows after which a filter of keys that keeps nearly all of them is given up.
const TRIED_ROWS: usize = 1 << 17;

/// Leaves out rows that an operator above does not want.
pub(crate) struct Unwanted {
    filter: KeyFilter,
    seen: AtomicUsize,
    kept: AtomicUsize,
}

impl Unwanted {
    pub fn new(filter: KeyFilter) -> Self {
        Self { filter, seen: AtomicUsize::new(0), kept: AtomicUsize::new(0) }
    }

    pub fn apply(&self, reader: &mut Reader<'_>, selection: &mut Selection) -> Result<()> {
        let (seen, kept) = (self.seen.load(Ordering::Relaxed), self.kept.load(Ordering::Relaxed));
        // A join finds out by itself: here it must save something.
        if matches!(self.filter.wanted, Wanted::Member(_)) && seen > TRIED_ROWS && kept > seen / 10 * 8 {
            return Ok(());
        }
        self.seen.fetch_add(selection.count(), Ordering::Relaxed);
        if selection.is_sparse() {
            let keys = reader.values(self.filter.column, selection)?;
            selection.keep_selected(self.filter.wanted.select(&keys)?);
        } else {
            let keys = reader.whole(self.filter.column)?;
            selection.keep(self.filter.wanted.select(&keys)?);
        }
        self.kept.fetch_add(selection.count(), Ordering::Relaxed);
        Ok(())
    }
}
