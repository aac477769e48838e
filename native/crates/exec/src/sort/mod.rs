//! ORDER BY, with LIMIT as a top-N: each thread holds only the rows that can still be in the result. Where memory is
//! short, a thread writes what it has as a sorted run, and the runs are merged at the end (`runs`).

mod runs;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{ArrayRef, BooleanArray, Int64Array, UInt64Array};
use millrace_base::Result;
use millrace_base::limits::BATCH_ROWS;
use millrace_expr::lower::sort_fields;
use millrace_kernels::{SortField, key_bytes, key_column, rows_upto, top_n};
use millrace_plan::{DataType, Expr, Rel, SortKey};
use parking_lot::Mutex;

use crate::batch::{Batch, Column, PIECE_ROWS, join_batches};
use crate::control::Control;
use crate::inputs::Inputs;
use crate::lower::Query;
use crate::memory;
use crate::need::Need;
use crate::pipeline::{Branch, Emit, Sink, Source, Task, run};
use crate::spill::LazyFile;
use crate::wanted::{KeyFilter, TopBound, Wanted};

use runs::{Merge, Merged, Run, State};

struct Order {
    keys: Inputs,
    fields: Vec<SortField>,
    types: Vec<DataType>,
    need: Need,
    /// How many rows from the first on are wanted, those of the offset included.
    wanted: usize,
    /// The first key, by which rows are left out as soon as enough better ones are there.
    first_key: Inputs,
    top: Option<Arc<TopBound>>,
}

/// Rows that are held beyond those wanted before they are cut down; tests have few.
const PRUNE_ROWS: usize = if cfg!(test) { 64 } else { BATCH_ROWS };

/// Longer results are not worth the look at each row.
const TOP_MAX: usize = 1 << 16;

pub(crate) fn lower<'a>(
    query: &Query<'a>,
    input: &'a Rel,
    keys: &[SortKey],
    (limit, offset): (Option<u64>, u64),
    need: &Need,
    filters: &[KeyFilter],
) -> Result<Vec<Branch<'a>>> {
    let mut types = query.types(input)?;
    let exprs: Vec<Expr> = keys.iter().map(|k| k.expr.clone()).collect();
    let keys_of = Inputs::new(query, &exprs, &types)?;
    let wanted = limit.map_or(u64::MAX, |l| l.saturating_add(offset));
    if wanted == 0 || limit == Some(0) {
        return Ok(Vec::new());
    }
    let below = need.clone().and(keys_of.columns());
    let fields = sort_fields(keys);
    let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
    let top = fields.first().filter(|_| wanted <= TOP_MAX).map(|field| Arc::new(TopBound::new(*field)));
    // What is not wanted above is not wanted here, unless it takes the place of another among the first.
    let mut filters = if limit.is_none() && offset == 0 { filters.to_vec() } else { Vec::new() };
    if let (Some(top), Some(Expr::Column { index })) = (&top, exprs.first()) {
        filters.push(KeyFilter { column: *index as usize, wanted: Wanted::Top(top.clone()) });
    }
    let first_key = Inputs::new(query, &exprs[..exprs.len().min(1)], &types)?;
    let branches = query.lower(input, &below, &filters)?;
    // Behind the input's columns comes each row's place in the input: ties stay in input order.
    types.push(DataType::Bigint);
    let order = Order {
        keys: keys_of,
        fields,
        need: Need::of(types.len(), below.columns().chain([types.len() - 1])),
        types,
        wanted,
        first_key,
        top,
    };
    let control = &*query.control;
    let file = LazyFile::new(control.memory);
    let sinks = run(control, &branches, || {
        let held = memory::Held::none(control.memory);
        let runs = Vec::new();
        Ok(Held { order: &order, control, file: &file, batches: Vec::new(), rows: 0, held, worst: None, runs })
    })?;
    // What the operators below hold is not needed any more.
    drop(branches);
    if sinks.iter().any(|sink| !sink.runs.is_empty()) {
        let mut runs = Vec::new();
        for mut sink in sinks {
            sink.write_run()?;
            runs.append(&mut sink.runs);
        }
        let merge = Merge::of(control, runs)?;
        let left = limit.unwrap_or(u64::MAX);
        let state = Mutex::new(State { merge, skip: offset, left, number: 0 });
        return Ok(vec![Branch::of(Merged { control: query.control.clone(), state })]);
    }
    let mut held = memory::Held::none(control.memory);
    let mut batches: Vec<Batch> = Vec::new();
    for sink in sinks {
        batches.extend(sink.batches);
        held.join(sink.held);
    }
    let (all, order) = order.order(batches, control)?;
    held.shrink(held.bytes().saturating_sub(all.bytes() + order.len() * size_of::<u32>()));
    let from = usize::try_from(offset).unwrap_or(usize::MAX).min(order.len());
    Ok(vec![Branch::of(Sorted { all, order, from, next: AtomicUsize::new(0), _held: held })])
}

/// Rows and their order: whoever asks puts a piece of them together.
struct Sorted {
    all: Batch,
    order: Vec<u32>,
    /// Those before are not wanted.
    from: usize,
    next: AtomicUsize,
    _held: memory::Held,
}

impl Source for Sorted {
    fn next(&self) -> Result<Option<Task<'_>>> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let Some(rows) = self.order[self.from..].chunks(PIECE_ROWS).nth(number) else { return Ok(None) };
        let run = move |emit: &mut Emit<'_>| {
            let mut piece = self.all.take(rows)?;
            // The place.
            piece.columns.pop();
            emit(piece)
        };
        Ok(Some(Task { number: number as u64, run: Box::new(run) }))
    }

    fn width(&self) -> usize {
        (self.order.len() - self.from).div_ceil(PIECE_ROWS).max(1)
    }
}

impl Order {
    /// The first rows wanted, in order.
    fn first(&self, batches: Vec<Batch>, control: &Control<'_>) -> Result<Batch> {
        let (all, order) = self.order(batches, control)?;
        all.take(&order)
    }

    /// All rows, and which of them are the first wanted, in order.
    fn order(&self, batches: Vec<Batch>, control: &Control<'_>) -> Result<(Batch, Vec<u32>)> {
        let mut all = join_batches(control, self.by_place(batches)?, &self.types, &self.need)?;
        let place = all.columns.len() - 1;
        if all.rows > 0 {
            let places = all.columns[place].flat()?;
            let places = places.as_primitive::<UInt64Type>().values();
            if !places.is_sorted() {
                let mut rows: Vec<u32> = (0..all.rows as u32).collect();
                rows.sort_unstable_by_key(|&row| places[row as usize]);
                all = all.take(&rows)?;
            }
        }
        let keys = self.keys.arrays(&all, control.now_us)?;
        control.check()?;
        let order = top_n(&keys, &self.fields, all.rows, self.wanted.min(all.rows), &|| control.check())?;
        Ok((all, order))
    }

    /// The batches by the places of their first rows: as they lay in the input, unless some were sorted before.
    fn by_place(&self, batches: Vec<Batch>) -> Result<Vec<Batch>> {
        let mut placed = Vec::with_capacity(batches.len());
        for batch in batches.into_iter().filter(|batch| batch.rows > 0) {
            let places = batch.columns[batch.columns.len() - 1].flat()?;
            placed.push((places.as_primitive::<UInt64Type>().value(0), batch));
        }
        placed.sort_by_key(|(place, _)| *place);
        Ok(placed.into_iter().map(|(_, batch)| batch).collect())
    }

    /// The keys of rows as bytes in their order; the place makes them differ.
    fn key_column(&self, rows: &Batch, control: &Control<'_>) -> Result<ArrayRef> {
        let mut keys = self.keys.arrays(rows, control.now_us)?;
        let places = rows.columns[rows.columns.len() - 1].flat()?;
        // They are far below the middle of 64 bits.
        let places = places.as_primitive::<UInt64Type>().values().iter().map(|&place| place as i64);
        keys.push(Arc::new(Int64Array::from_iter_values(places)));
        let mut fields = self.fields.clone();
        fields.push(SortField { descending: false, nulls_first: false });
        key_column(&keys, &fields)
    }
}

/// One thread's rows.
struct Held<'a> {
    order: &'a Order,
    control: &'a Control<'a>,
    file: &'a LazyFile,
    batches: Vec<Batch>,
    rows: usize,
    held: memory::Held,
    /// The key of the worst row that is held, once as many are held as are wanted: what comes after it is too bad.
    worst: Option<Vec<u8>>,
    /// What was written, in order each.
    runs: Vec<Run>,
}

/// While rows are sorted there are two of each, and for each its key and places.
fn bytes_to_sort(batch: &Batch) -> usize {
    const A_ROW: usize = 32;
    batch.bytes() * 2 + batch.rows * A_ROW
}

impl Held<'_> {
    fn write_run(&mut self) -> Result<()> {
        if self.batches.is_empty() {
            return Ok(());
        }
        let (all, order) = self.order.order(std::mem::take(&mut self.batches), self.control)?;
        self.rows = 0;
        let keys = |piece: &Batch| self.order.key_column(piece, self.control);
        self.runs.push(Run::write(self.control, &self.file.get()?, (&all, &order), keys)?);
        self.held.clear();
        Ok(())
    }
}

impl Sink for Held<'_> {
    fn push(&mut self, place: u64, mut batch: Batch) -> Result<ControlFlow<()>> {
        let places: ArrayRef = Arc::new(UInt64Array::from_iter_values(place..place + batch.rows as u64));
        batch.columns.push(Column::Flat(places));
        if let Some(top) = &self.order.top {
            let key = self.order.first_key.arrays(&batch, self.control.now_us)?.swap_remove(0);
            let keep = BooleanArray::new(Wanted::Top(top.clone()).select(&key)?, None);
            match keep.true_count() {
                0 => return Ok(ControlFlow::Continue(())),
                kept if kept < batch.rows => batch = batch.filter(&keep)?,
                _ => {}
            }
        }
        if let Some(worst) = &self.worst {
            let keys = self.order.keys.arrays(&batch, self.control.now_us)?;
            let keep = BooleanArray::new(rows_upto(&keys, &self.order.fields, worst)?, None);
            match keep.true_count() {
                0 => return Ok(ControlFlow::Continue(())),
                kept if kept < batch.rows => batch = batch.filter(&keep)?,
                _ => {}
            }
        }
        let bytes = bytes_to_sort(&batch);
        if !self.held.grow(bytes) {
            self.write_run()?;
            self.held.force(bytes);
        }
        self.rows += batch.rows;
        crate::batch::check_rows(self.rows)?;
        self.batches.push(batch);
        let prune_at = self.order.wanted.saturating_mul(2).saturating_add(PRUNE_ROWS);
        if self.rows >= prune_at {
            let kept = self.order.first(std::mem::take(&mut self.batches), self.control)?;
            self.held.clear();
            self.held.force(bytes_to_sort(&kept));
            self.rows = kept.rows;
            if let Some(top) = &self.order.top
                && kept.rows == self.order.wanted
            {
                let worst = kept.slice(kept.rows - 1, 1);
                top.improve(&self.order.first_key.arrays(&worst, self.control.now_us)?[0])?;
                let keys = self.order.keys.arrays(&worst, self.control.now_us)?;
                self.worst = Some(key_bytes(&keys, &self.order.fields, 0)?);
            }
            self.batches.push(kept);
        }
        Ok(ControlFlow::Continue(()))
    }
}
