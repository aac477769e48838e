//! The rows of one partition in order, with the measures over them.

use std::ops::Range;

use super::key::OrderKey;
use super::measure::{MeasureState, WindowValues};
use super::plan::{Exclude, Frame, FrameBound, FrameUnit, WindowPlan};

/// Positions of a frame's rows, from and to.
pub(crate) type Pieces = [(usize, usize); 3];

const NOTHING: (usize, usize) = (0, 0);

#[derive(Debug)]
pub struct Partition<K> {
    keys: Vec<K>,
    rows: Vec<u32>,
    pub(crate) measures: Vec<MeasureState>,
}

/// The first index at which `before` no longer holds, found by doubling steps from `hint`: frames are short.
fn gallop<K>(keys: &[K], hint: usize, before: impl Fn(&K) -> bool) -> usize {
    let (mut low, mut high) = (hint, hint);
    let mut step = 1;
    if hint < keys.len() && before(&keys[hint]) {
        low = hint + 1;
        loop {
            high = low.saturating_add(step).min(keys.len());
            if high == keys.len() || !before(&keys[high]) {
                break;
            }
            low = high + 1;
            step *= 2;
        }
    } else {
        while low > 0 {
            low = low.saturating_sub(step);
            if before(&keys[low]) {
                low += 1;
                break;
            }
            high = low;
            step *= 2;
        }
    }
    low + keys[low..high].partition_point(before)
}

impl<K: OrderKey> Partition<K> {
    pub fn new(plan: &WindowPlan) -> Self {
        let measures = plan.measures.iter().map(|&m| MeasureState::new(m, &plan.input_types)).collect();
        Self { keys: Vec::new(), rows: Vec::new(), measures }
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Row ids in order.
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    pub fn keys(&self) -> &[K] {
        &self.keys
    }

    /// The positions of the rows with this key; where it would stand if there are none.
    pub fn positions(&self, key: &K) -> Range<usize> {
        let start = gallop(&self.keys, self.keys.len(), |k| k < key);
        start..gallop(&self.keys, start, |k| k <= key)
    }

    /// Replaces the contents: rows in order.
    pub fn fill(&mut self, plan: &WindowPlan, sorted: impl Iterator<Item = (K, u32)>, values: &impl WindowValues) {
        self.keys.clear();
        self.rows.clear();
        for (key, row) in sorted {
            self.keys.push(key);
            self.rows.push(row);
        }
        self.rebuild(plan, 0, values);
    }

    /// Adds rows, in order, after all that are there.
    pub fn append(&mut self, plan: &WindowPlan, sorted: impl Iterator<Item = (K, u32)>, values: &impl WindowValues) {
        let first = self.rows.len();
        for (key, row) in sorted {
            self.keys.push(key);
            self.rows.push(row);
        }
        self.rebuild(plan, first, values);
    }

    /// Takes out the rows at the positions `removed` (ascending) and puts in `inserted`: each before the row that is
    /// at its position now, ascending, rows at one position in their order.
    pub fn splice(
        &mut self,
        plan: &WindowPlan,
        removed: &[usize],
        inserted: &[(usize, K, u32)],
        values: &impl WindowValues,
    ) {
        let first = removed.first().copied().unwrap_or(usize::MAX).min(inserted.first().map_or(usize::MAX, |i| i.0));
        if first > self.rows.len() {
            return;
        }
        let tail_keys = self.keys.split_off(first);
        let tail_rows = self.rows.split_off(first);
        let (mut removed, mut inserted) = (removed.iter().peekable(), inserted.iter().peekable());
        for (offset, (key, row)) in tail_keys.into_iter().zip(tail_rows).enumerate() {
            let position = first + offset;
            while let Some((_, key, row)) = inserted.next_if(|i| i.0 <= position) {
                self.keys.push(key.clone());
                self.rows.push(*row);
            }
            if removed.next_if_eq(&&position).is_none() {
                self.keys.push(key);
                self.rows.push(row);
            }
        }
        for (_, key, row) in inserted {
            self.keys.push(key.clone());
            self.rows.push(*row);
        }
        self.rebuild(plan, first, values);
    }

    fn rebuild(&mut self, plan: &WindowPlan, from: usize, values: &impl WindowValues) {
        for (&measure, state) in plan.measures.iter().zip(&mut self.measures) {
            state.rebuild(measure, plan.input_types.get(measure.input), from, &self.rows, &self.keys, values);
        }
    }

    /// The rows (by position now) whose results may change when a row with this key is put in before `position`.
    pub fn reached_by_insert(&self, plan: &WindowPlan, position: usize, key: &K) -> Range<usize> {
        self.reached(plan, position, position, key)
    }

    /// The rows (by position now) whose results may change when the row at `position` is taken out, and that row.
    pub fn reached_by_remove(&self, plan: &WindowPlan, position: usize) -> Range<usize> {
        self.reached(plan, position, position + 1, &self.keys[position])
    }

    fn reached(&self, plan: &WindowPlan, low: usize, high: usize, key: &K) -> Range<usize> {
        let reach = plan.reach;
        let mut start = low.saturating_sub(reach.rows_ahead);
        let mut end = high.saturating_add(reach.rows_back).min(self.rows.len());
        if let Some((back, ahead)) = reach.range {
            let (lowest, highest) = (key.shift(-ahead), key.shift(back));
            start = start.min(gallop(&self.keys, low, |k| *k < lowest));
            end = end.max(gallop(&self.keys, low, |k| *k <= highest));
        }
        start..end
    }

    #[inline]
    pub(crate) fn first_peer(&self, position: usize) -> usize {
        let key = &self.keys[position];
        gallop(&self.keys, position, |k| k < key)
    }

    #[inline]
    pub(crate) fn bounds(&self, frame: Frame, position: usize) -> (usize, usize) {
        let len = self.rows.len();
        let (start, end) = match frame.unit {
            FrameUnit::Rows => {
                let back = |n: i64| position.saturating_sub(usize::try_from(n).unwrap_or(usize::MAX));
                let ahead = |n: i64| position.saturating_add(usize::try_from(n).unwrap_or(usize::MAX)).min(len);
                let start = match frame.start {
                    FrameBound::UnboundedPreceding => 0,
                    FrameBound::Preceding(n) => back(n),
                    FrameBound::CurrentRow => position,
                    FrameBound::Following(n) => ahead(n),
                    FrameBound::UnboundedFollowing => len,
                };
                let end = match frame.end {
                    FrameBound::UnboundedPreceding => 0,
                    FrameBound::Preceding(n) if n as usize > position => 0,
                    FrameBound::Preceding(n) => back(n) + 1,
                    FrameBound::CurrentRow => position + 1,
                    FrameBound::Following(n) => ahead(n.saturating_add(1)),
                    FrameBound::UnboundedFollowing => len,
                };
                (start, end)
            }
            FrameUnit::Range => {
                let key = &self.keys[position];
                let from = |distance: i64| {
                    let target = key.shift(distance);
                    gallop(&self.keys, position, |k| *k < target)
                };
                let to = |distance: i64| {
                    let target = key.shift(distance);
                    gallop(&self.keys, position, |k| *k <= target)
                };
                let start = match frame.start {
                    FrameBound::UnboundedPreceding => 0,
                    FrameBound::Preceding(n) => from(-n),
                    FrameBound::CurrentRow => from(0),
                    FrameBound::Following(n) => from(n),
                    FrameBound::UnboundedFollowing => len,
                };
                let end = match frame.end {
                    FrameBound::UnboundedPreceding => 0,
                    FrameBound::Preceding(n) => to(-n),
                    FrameBound::CurrentRow => to(0),
                    FrameBound::Following(n) => to(n),
                    FrameBound::UnboundedFollowing => len,
                };
                (start, end)
            }
            FrameUnit::Groups => {
                let peers = self.measures.iter().find_map(|measure| match measure {
                    MeasureState::Peers(peers) => Some(peers.as_slice()),
                    _ => None,
                });
                let peers = peers.expect("a plan with a GROUPS frame has the measure of peers");
                // Groups are numbered from 1 on; the first row of a group, or the end.
                let first = |group: i64| peers[1..].partition_point(|&own| i64::from(own) < group);
                let group = i64::from(peers[position + 1]);
                let start = match frame.start {
                    FrameBound::UnboundedPreceding => 0,
                    FrameBound::Preceding(n) => first(group.saturating_sub(n)),
                    FrameBound::CurrentRow => first(group),
                    FrameBound::Following(n) => first(group.saturating_add(n)),
                    FrameBound::UnboundedFollowing => len,
                };
                let end = match frame.end {
                    FrameBound::UnboundedPreceding => 0,
                    FrameBound::Preceding(n) => first(group.saturating_sub(n).saturating_add(1)),
                    FrameBound::CurrentRow => first(group + 1),
                    FrameBound::Following(n) => first(group.saturating_add(n).saturating_add(1)),
                    FrameBound::UnboundedFollowing => len,
                };
                (start, end)
            }
        };
        (start.min(end), end)
    }

    /// The frame without what it excludes: up to three pieces, in order; those that are not there are empty.
    #[inline]
    pub(crate) fn pieces(&self, frame: Frame, position: usize) -> Pieces {
        let (start, end) = self.bounds(frame, position);
        let without = |from: usize, to: usize| {
            let (from, to) = (from.clamp(start, end), to.clamp(start, end));
            [(start, from), (to, end)]
        };
        let peers = || {
            let key = &self.keys[position];
            (gallop(&self.keys, position, |k| k < key), gallop(&self.keys, position, |k| k <= key))
        };
        match frame.exclude {
            Exclude::NoOthers => [(start, end), NOTHING, NOTHING],
            Exclude::CurrentRow => {
                let [before, after] = without(position, position + 1);
                [before, after, NOTHING]
            }
            Exclude::Group => {
                let (from, to) = peers();
                let [before, after] = without(from, to);
                [before, after, NOTHING]
            }
            Exclude::Ties => {
                let (from, to) = peers();
                let [before, after] = without(from, to);
                let own = (position.clamp(start, end), (position + 1).clamp(start, end));
                [before, own, after]
            }
        }
    }
}
