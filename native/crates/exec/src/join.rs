//! Hash join of every kind. The right input is read whole and indexed by its keys; the left one streams past it. A
//! residual condition is part of the match: it is checked on candidate pairs before outer rows are padded with NULL.

use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow_schema::SchemaRef;
use millrace_base::Result;
use millrace_base::limits::BATCH_ROWS;
use millrace_expr::{Evaluator, Projection};
use millrace_kernels::{GroupTable, JoinIndex, NO_ROW, unmatchable};
use millrace_plan::{DataType, Expr, JoinKey, JoinKind, Rel};

use crate::operator::{Input, Operator, Query, anonymous_schema, batch_of, build};
use crate::table::{collect, gather};

/// Left rows that are looked up at a time: many matches a row stay a bounded list.
const PROBE_ROWS: usize = 1024;

pub(crate) struct Join<'a> {
    query: &'a Query<'a>,
    kind: JoinKind,
    left: Input<'a>,
    right: Option<Input<'a>>,
    right_schema: SchemaRef,
    left_keys: Projection,
    right_keys: Projection,
    /// By key: whether a NULL matches a NULL.
    nulls_equal: Vec<bool>,
    residual: Option<Evaluator>,
    pair_schema: SchemaRef,
    schema: SchemaRef,
    left_types: Vec<DataType>,
    built: Option<Built>,
    probe: Option<Probe>,
    /// Of the left batch in work, what has not been looked up yet.
    rest: Option<RecordBatch>,
    /// Right rows that have been looked at for padding, once the left input has ended.
    padded: Option<usize>,
}

/// The right input.
struct Built {
    rows: RecordBatch,
    lookup: Lookup,
    /// For right and full joins: which rows have matched.
    matched: Vec<bool>,
}

enum Lookup {
    Pairs(JoinIndex),
    /// For semi and anti joins without a residual it is enough to know the keys.
    Keys(GroupTable),
    /// No keys: every row pairs with every row.
    Every,
}

/// A piece of the left input in work.
struct Probe {
    rows: RecordBatch,
    pairs: Candidates,
    next: usize,
    matched: Vec<bool>,
}

enum Candidates {
    Listed {
        left: Vec<u32>,
        right: Vec<u32>,
    },
    /// Pair number n is left row n / right rows, right row n % right rows.
    Product {
        right_rows: usize,
    },
}

impl<'a> Join<'a> {
    pub fn new(
        query: &'a Query<'a>,
        kind: JoinKind,
        (left, right): (&'a Rel, &'a Rel),
        keys: &[JoinKey],
        residual: Option<&Expr>,
    ) -> Result<Self> {
        let (left_types, right_types) = (query.types(left)?, query.types(right)?);
        let both: Vec<DataType> = left_types.iter().chain(&right_types).copied().collect();
        let left_exprs: Vec<Expr> = keys.iter().map(|k| k.left.clone()).collect();
        let right_exprs: Vec<Expr> = keys.iter().map(|k| k.right.clone()).collect();
        let pair_schema = anonymous_schema(&both);
        let left_only = matches!(kind, JoinKind::Semi | JoinKind::Anti);
        Ok(Self {
            query,
            kind,
            left: build(left, query)?,
            right: Some(build(right, query)?),
            right_schema: anonymous_schema(&right_types),
            left_keys: query.projection(&left_exprs, &left_types)?,
            right_keys: query.projection(&right_exprs, &right_types)?,
            nulls_equal: keys.iter().map(|k| k.nulls_equal).collect(),
            residual: residual.map(|r| query.evaluator(r, &both)).transpose()?,
            schema: if left_only { anonymous_schema(&left_types) } else { pair_schema.clone() },
            pair_schema,
            left_types,
            built: None,
            probe: None,
            rest: None,
            padded: None,
        })
    }

    fn is_left_only(&self) -> bool {
        matches!(self.kind, JoinKind::Semi | JoinKind::Anti)
    }

    fn pads_left(&self) -> bool {
        matches!(self.kind, JoinKind::Left | JoinKind::Full)
    }

    fn pads_right(&self) -> bool {
        matches!(self.kind, JoinKind::Right | JoinKind::Full)
    }

    fn build_right(&self, mut input: Input<'a>) -> Result<Built> {
        let rows = collect(self.query, &mut input, &self.right_schema)?;
        let keys = self.right_keys.evaluate(&rows, self.query.context.now_us)?;
        let types: Vec<_> = keys.iter().map(|k| k.data_type().clone()).collect();
        // The index: a hash slot and a link a row.
        self.query.hold(rows.num_rows() * 32)?;
        let lookup = if keys.is_empty() {
            Lookup::Every
        } else if self.is_left_only() && self.residual.is_none() {
            let mut table = GroupTable::new(&types)?;
            table.intern(&keys, rows.num_rows())?;
            Lookup::Keys(table)
        } else {
            let mut index = JoinIndex::with_nulls(&types, self.nulls_equal.clone())?;
            let numbers: Vec<u32> = (0..rows.num_rows() as u32).collect();
            index.insert(&keys, &numbers)?;
            Lookup::Pairs(index)
        };
        let matched = if self.pads_right() { vec![false; rows.num_rows()] } else { Vec::new() };
        Ok(Built { rows, lookup, matched })
    }

    /// Finds the candidates of a piece of the left input.
    fn look_up(&self, built: &Built, rows: RecordBatch) -> Result<Probe> {
        let count = rows.num_rows();
        let mut matched = vec![false; count];
        let keys = self.left_keys.evaluate(&rows, self.query.context.now_us)?;
        let pairs = match &built.lookup {
            Lookup::Every if self.is_left_only() && self.residual.is_none() => {
                matched.fill(built.rows.num_rows() > 0);
                Candidates::Listed { left: Vec::new(), right: Vec::new() }
            }
            Lookup::Every => Candidates::Product { right_rows: built.rows.num_rows() },
            Lookup::Keys(table) => {
                let nulls = unmatchable(&keys, &self.nulls_equal);
                let present = |row: usize| nulls.as_ref().is_none_or(|n| n.is_valid(row));
                for (row, &group) in table.find(&keys, count)?.iter().enumerate() {
                    matched[row] = group != NO_ROW && present(row);
                }
                Candidates::Listed { left: Vec::new(), right: Vec::new() }
            }
            Lookup::Pairs(index) => {
                let pairs = index.probe(&keys, count)?;
                Candidates::Listed { left: pairs.probe, right: pairs.stored }
            }
        };
        Ok(Probe { rows, pairs, next: 0, matched })
    }

    /// The next pairs of the piece in work that hold; `None` when there are no more.
    fn next_pairs(&self, built: &mut Built, probe: &mut Probe) -> Result<Option<RecordBatch>> {
        let (left, right): (Vec<u32>, Vec<u32>) = match &probe.pairs {
            Candidates::Listed { left, right } => {
                let end = (probe.next + BATCH_ROWS).min(left.len());
                (left[probe.next..end].to_vec(), right[probe.next..end].to_vec())
            }
            Candidates::Product { right_rows } => {
                let end = (probe.next + BATCH_ROWS).min(probe.rows.num_rows() * right_rows);
                (probe.next..end).map(|n| ((n / right_rows) as u32, (n % right_rows) as u32)).unzip()
            }
        };
        if left.is_empty() {
            return Ok(None);
        }
        probe.next += left.len();
        let mut columns = gather(probe.rows.columns(), &left)?;
        columns.extend(gather(built.rows.columns(), &right)?);
        let mut pairs = batch_of(&self.pair_schema, columns, left.len())?;
        let holds = match &self.residual {
            Some(residual) => residual.select(&pairs, self.query.context.now_us)?,
            None => BooleanArray::from(vec![true; left.len()]),
        };
        for pair in holds.values().set_indices() {
            probe.matched[left[pair] as usize] = true;
            if let Some(flag) = built.matched.get_mut(right[pair] as usize) {
                *flag = true;
            }
        }
        if holds.true_count() < left.len() {
            pairs = arrow_select::filter::filter_record_batch(&pairs, &holds).map_err(millrace_kernels::arrow_error)?;
        }
        Ok(Some(pairs))
    }

    /// What the left rows of a finished piece give by themselves.
    fn finish_probe(&self, built: &Built, probe: &Probe) -> Result<Option<RecordBatch>> {
        let wanted = match self.kind {
            JoinKind::Semi => true,
            JoinKind::Anti | JoinKind::Left | JoinKind::Full => false,
            JoinKind::Inner | JoinKind::Right => return Ok(None),
        };
        let rows: Vec<u32> = (0..probe.matched.len() as u32).filter(|&r| probe.matched[r as usize] == wanted).collect();
        if rows.is_empty() {
            return Ok(None);
        }
        let mut columns = gather(probe.rows.columns(), &rows)?;
        if self.pads_left() {
            columns.extend(nulls(built.rows.columns().iter().map(|c| c.data_type().clone()), rows.len()));
        }
        batch_of(&self.schema, columns, rows.len()).map(Some)
    }

    /// The next right rows without a match, beside NULLs.
    fn next_padded(&mut self) -> Result<Option<RecordBatch>> {
        let (Some(from), Some(built)) = (self.padded, &self.built) else { return Ok(None) };
        let mut rows = Vec::with_capacity(BATCH_ROWS);
        let mut at = from;
        while at < built.matched.len() && rows.len() < BATCH_ROWS {
            if !built.matched[at] {
                rows.push(at as u32);
            }
            at += 1;
        }
        self.padded = Some(at);
        if rows.is_empty() {
            return Ok(None);
        }
        let mut columns: Vec<ArrayRef> = nulls(self.left_types.iter().map(|t| t.to_arrow()), rows.len()).collect();
        columns.extend(gather(built.rows.columns(), &rows)?);
        batch_of(&self.schema, columns, rows.len()).map(Some)
    }

    /// One step on: pairs, the end of a piece, or a new piece. `None` when the left input has ended.
    fn step(&mut self, built: &mut Built) -> Result<Option<Option<RecordBatch>>> {
        self.query.check_cancel()?;
        if let Some(mut probe) = self.probe.take() {
            if let Some(pairs) = self.next_pairs(built, &mut probe)? {
                self.probe = Some(probe);
                // Pairs of a semi or anti join only mark.
                return Ok(Some((!self.is_left_only()).then_some(pairs)));
            }
            return self.finish_probe(built, &probe).map(Some);
        }
        let Some(batch) = (match self.rest.take() {
            Some(batch) => Some(batch),
            None => self.query.pull(&mut self.left)?,
        }) else {
            return Ok(None);
        };
        let rows = batch.num_rows().min(PROBE_ROWS);
        if rows < batch.num_rows() {
            self.rest = Some(batch.slice(rows, batch.num_rows() - rows));
        }
        self.probe = Some(self.look_up(built, batch.slice(0, rows))?);
        Ok(Some(None))
    }
}

fn nulls(types: impl Iterator<Item = arrow_schema::DataType>, rows: usize) -> impl Iterator<Item = ArrayRef> {
    types.map(move |t| arrow_array::new_null_array(&t, rows))
}

impl Operator for Join<'_> {
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        if let Some(right) = self.right.take() {
            self.built = Some(self.build_right(right)?);
        }
        while self.padded.is_none() {
            let mut built = self.built.take().expect("made when the first batch was asked for");
            let step = self.step(&mut built);
            self.built = Some(built);
            match step? {
                Some(Some(batch)) if batch.num_rows() > 0 => return Ok(Some(batch)),
                Some(_) => {}
                None => self.padded = Some(0),
            }
        }
        self.next_padded()
    }
}
