//! LIMIT and OFFSET, with an order or without: the rows at some places of the order. A change that comes after the last
//! place gives nothing; any other gives the difference between the rows that were at these places and those that are.
//! Ties are ordered by the bytes of the whole row, so that the view does not depend on the order of arrival.
//! State: every row by its place in the order, as a row that goes lets the next one in. Where the input only grows,
//! the rows up to the last place are enough.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, SchemaRef};
use millrace_base::{Error, Result, limits::BATCH_ROWS};
use millrace_kernels::{BatchStore, NO_ROW, SortField, byte_keys, row_order};

use crate::change::{ChangeBatch, batch_of};
use crate::computed::Computed;
use crate::node::Operator;
use crate::saved::{Kept, change_of, split_integers, weighted};

/// The bytes of the order's keys, then those of the whole row.
type Place = Arc<[u8]>;

pub(crate) struct Order {
    pub keys: Vec<Computed>,
    pub fields: Vec<SortField>,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    slot: u32,
    weight: i64,
}

/// A row that is in the result, as often as its weight tells.
struct Shown {
    place: Place,
    slot: u32,
    weight: i64,
}

pub(crate) struct TopN {
    order: Order,
    offset: u64,
    limit: u64,
    append_only: bool,
    schema: SchemaRef,
    store: BatchStore,
    rows: BTreeMap<Place, Held>,
    shown: Vec<Shown>,
    /// How many rows there are in `shown`, copies counted.
    shown_rows: u64,
}

impl TopN {
    pub fn new(
        order: Order,
        limit: Option<u64>,
        offset: u64,
        append_only: bool,
        types: &[DataType],
        schema: SchemaRef,
    ) -> Self {
        let limit = limit.unwrap_or(u64::MAX);
        let store = BatchStore::new(types);
        Self {
            order,
            offset,
            limit,
            append_only,
            schema,
            store,
            rows: BTreeMap::new(),
            shown: Vec::new(),
            shown_rows: 0,
        }
    }

    fn places(&self, input: &ChangeBatch, now_us: i64) -> Result<Vec<Place>> {
        let keys = Computed::evaluate_all(&self.order.keys, &input.rows, now_us)?;
        let mut places: Vec<Vec<u8>> = if keys.is_empty() {
            vec![Vec::new(); input.len()]
        } else {
            byte_keys(&keys, &self.order.fields)?.into_iter().map(Vec::from).collect()
        };
        if input.rows.num_columns() > 0 {
            let whole = row_order(input.rows.columns())?;
            places.iter_mut().zip(whole.iter()).for_each(|(place, row)| place.extend_from_slice(row.as_ref()));
        }
        Ok(places.into_iter().map(Into::into).collect())
    }

    /// Adds the changes to the state. Gives the slots of rows that are gone, which are to be freed after the output.
    fn take_in(&mut self, input: &ChangeBatch, places: &[Place]) -> Result<Vec<u32>> {
        // A batch may bring a row's coming and going in any order, so only the sum tells.
        let mut new = Vec::new();
        for (row, place) in places.iter().enumerate() {
            let weight = input.weight(row);
            match self.rows.get_mut(place) {
                Some(kept) => kept.weight += weight,
                None => {
                    self.rows.insert(place.clone(), Held { slot: NO_ROW, weight });
                    new.push(row as u32);
                }
            }
        }
        let mut gone = Vec::new();
        for place in places {
            let Some(kept) = self.rows.get(place) else { continue };
            match kept.weight.cmp(&0) {
                Ordering::Less => {
                    return Err(Error::internal("a limit was told to forget a row that it does not have"));
                }
                Ordering::Equal => {
                    if kept.slot != NO_ROW {
                        gone.push(kept.slot);
                    }
                    self.rows.remove(place);
                }
                Ordering::Greater => {}
            }
        }
        new.retain(|&row| self.rows.contains_key(&places[row as usize]));
        if !new.is_empty() {
            let slots = self.store.insert(input.rows.columns(), input.len(), Some(&new))?;
            for (&row, slot) in new.iter().zip(slots) {
                let kept = self.rows.get_mut(&places[row as usize]);
                kept.expect("rows without a place were left out above").slot = slot;
            }
        }
        Ok(gone)
    }

    /// The rows from `offset` on, `limit` of them.
    fn current(&self) -> Vec<Shown> {
        let (mut skip, mut left) = (self.offset, self.limit);
        let mut current = Vec::new();
        for (place, kept) in &self.rows {
            if left == 0 {
                break;
            }
            let copies = kept.weight as u64;
            let skipped = copies.min(skip);
            skip -= skipped;
            let taken = (copies - skipped).min(left);
            left -= taken;
            if taken > 0 {
                current.push(Shown { place: place.clone(), slot: kept.slot, weight: taken as i64 });
            }
        }
        current
    }

    fn emit(&self, before: &[Shown], after: &[Shown]) -> Result<Option<ChangeBatch>> {
        let (mut slots, mut weights) = (Vec::new(), Vec::new());
        let mut put = |slot: u32, weight: i64| {
            if weight != 0 {
                slots.push(slot);
                weights.push(weight);
            }
        };
        let (mut old, mut new) = (before.iter().peekable(), after.iter().peekable());
        loop {
            let order = match (old.peek(), new.peek()) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(o), Some(n)) => o.place.cmp(&n.place),
            };
            let gone = if order.is_le() { old.next() } else { None };
            let come = if order.is_ge() { new.next() } else { None };
            match (gone, come) {
                // The same row: it may have come back in another slot.
                (Some(o), Some(n)) => put(n.slot, n.weight - o.weight),
                (Some(o), None) => put(o.slot, -o.weight),
                (None, Some(n)) => put(n.slot, n.weight),
                (None, None) => {}
            }
        }
        if slots.is_empty() {
            return Ok(None);
        }
        let columns = self.store.gather_all(&slots)?;
        let rows = batch_of(&self.schema, columns, slots.len())?;
        Ok(Some(ChangeBatch { rows, weights: Some(weights.into()) }))
    }

    /// Frees the rows after the last place: where nothing goes, they never come in.
    fn forget_rest(&mut self) -> Result<()> {
        let Some(last) = self.shown.last().filter(|_| self.shown_rows == self.limit) else { return Ok(()) };
        let mut rest = self.rows.split_off(&last.place);
        let (place, kept) = rest.pop_first().expect("the last row that is shown is kept");
        self.rows.insert(place, kept);
        rest.into_values().try_for_each(|kept| self.store.remove(kept.slot))
    }
}

impl Operator for TopN {
    fn step(&mut self, mut inputs: Vec<Option<ChangeBatch>>, now_us: i64) -> Result<Option<ChangeBatch>> {
        let Some(input) = inputs.pop().flatten().filter(|_| self.limit > 0) else { return Ok(None) };
        if self.append_only && input.retracts() {
            return Err(Error::internal("a retraction reached a limit over rows that only come"));
        }
        let places = self.places(&input, now_us)?;
        let last = self.shown.last().filter(|_| self.shown_rows == self.limit).map(|shown| shown.place.clone());
        let reaches = last.is_none_or(|last| places.iter().any(|place| *place <= last));
        if !reaches && self.append_only {
            return Ok(None);
        }
        let gone = self.take_in(&input, &places)?;
        let mut output = None;
        if reaches {
            let after = self.current();
            output = self.emit(&self.shown, &after)?;
            self.shown_rows = after.iter().map(|shown| shown.weight as u64).sum();
            self.shown = after;
        }
        gone.into_iter().try_for_each(|slot| self.store.remove(slot))?;
        if self.append_only {
            self.forget_rest()?;
        }
        Ok(output)
    }

    fn kept(&mut self) -> Option<&mut dyn Kept> {
        Some(self)
    }
}

/// The rows in their order. Taken in again they are the same state, as it depends on the rows alone.
impl Kept for TopN {
    fn save(&self) -> Result<Vec<RecordBatch>> {
        let kept: Vec<Held> = self.rows.values().copied().collect();
        let part = |rows: &[Held]| {
            let slots: Vec<u32> = rows.iter().map(|kept| kept.slot).collect();
            weighted(self.store.gather_all(&slots)?, rows.iter().map(|kept| kept.weight).collect())
        };
        kept.chunks(BATCH_ROWS).map(part).collect()
    }

    fn load(&mut self, saved: Vec<RecordBatch>) -> Result<()> {
        for batch in saved {
            let mut columns = batch.columns().to_vec();
            let weights = split_integers(&mut columns)?;
            let rows = change_of(columns, weights, &self.schema)?;
            self.step(vec![Some(rows)], 0)?;
        }
        Ok(())
    }
}
