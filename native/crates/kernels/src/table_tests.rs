//! Group tables, join indexes, row stores and multisets against naive twins: the same random calls on both.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, Float64Array, Int64Array, IntervalMonthDayNanoArray, StringArray, cast::AsArray, types::Int64Type,
};
use arrow_buffer::IntervalMonthDayNano;
use arrow_schema::DataType;
use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::row_store::RowStore;
use crate::{
    Accumulator, AggregateKind, BatchStore, DistinctSet, GroupTable, JoinIndex, NO_ROW, RawColumn, RowFinder,
    SortField, byte_keys, consolidate, sort_order,
};

fn rng() -> StdRng {
    let seed: u64 = rand::rng().random();
    eprintln!("seed {seed}");
    StdRng::seed_from_u64(seed)
}

fn ints(rng: &mut StdRng, rows: usize) -> Vec<Option<i64>> {
    (0..rows).map(|_| (!rng.random_bool(0.1)).then(|| rng.random_range(-20..20))).collect()
}

fn texts(values: &[Option<i64>]) -> ArrayRef {
    Arc::new(StringArray::from_iter(
        values.iter().map(|v| v.map(|v| "long enough ".repeat((v & 3) as usize) + &v.to_string())),
    ))
}

#[test]
fn groups_are_their_keys_through_growth_and_release() {
    let mut rng = rng();
    for width in 0..4 {
        let types: Vec<DataType> = [DataType::Int64, DataType::Utf8, DataType::Int64][..width].to_vec();
        let types = if width == 3 { vec![DataType::Utf8] } else { types };
        let mut table = GroupTable::new(&types).unwrap();
        let mut twin: BTreeMap<Vec<Option<i64>>, u32> = BTreeMap::new();
        for _ in 0..200 {
            let rows = rng.random_range(0..30);
            let values: Vec<Vec<Option<i64>>> = types.iter().map(|_| ints(&mut rng, rows)).collect();
            let columns: Vec<ArrayRef> = types
                .iter()
                .zip(&values)
                .map(|(t, v)| if *t == DataType::Utf8 { texts(v) } else { Arc::new(Int64Array::from(v.clone())) })
                .collect();
            let key = |row: usize| values.iter().map(|v| v[row]).collect::<Vec<_>>();
            let known = table.find(&columns, rows).unwrap();
            (0..rows).for_each(|r| assert_eq!(known[r], twin.get(&key(r)).copied().unwrap_or(NO_ROW)));
            let ids = table.intern(&columns, rows).unwrap();
            for (row, &id) in ids.iter().enumerate() {
                assert_eq!(*twin.entry(key(row)).or_insert(id), id);
                assert!((id as usize) < table.capacity());
            }
            let mut all: Vec<u32> = twin.values().copied().collect();
            all.sort_unstable();
            all.dedup();
            assert_eq!((all.len(), table.len()), (twin.len(), twin.len()), "ids are apart");
            assert_eq!(table.keys(&ids).unwrap(), columns);
            while !twin.is_empty() && rng.random_bool(0.7) {
                let gone = twin.keys().nth(rng.random_range(0..twin.len())).unwrap().clone();
                table.release(twin.remove(&gone).unwrap());
            }
        }
    }
}

#[test]
fn zeros_and_nans_are_one_group_each() {
    let keys: ArrayRef = Arc::new(Float64Array::from(vec![0.0, -0.0, f64::NAN, -f64::NAN, 1.0]));
    for columns in [vec![keys.clone()], vec![keys.clone(), keys]] {
        let types: Vec<DataType> = columns.iter().map(|c| c.data_type().clone()).collect();
        assert_eq!(GroupTable::new(&types).unwrap().intern(&columns, 5).unwrap(), [0, 0, 1, 1, 2]);
    }
}

/// 1 month, 30 days, 720 hours; 29 days; NULL; 31 days less 24 hours; a month and a microsecond.
fn intervals() -> ArrayRef {
    let hour = 3_600_000_000_000;
    let of = |months, days, ns| Some(IntervalMonthDayNano::new(months, days, ns));
    Arc::new(IntervalMonthDayNanoArray::from(vec![
        of(1, 0, 0),
        of(0, 30, 0),
        of(0, 0, 720 * hour),
        of(0, 29, 0),
        None,
        of(0, 31, -24 * hour),
        of(1, 0, 1000),
    ]))
}

#[test]
fn intervals_of_one_span_are_one_key_everywhere() {
    let keys = intervals();
    let kind = keys.data_type().clone();
    let groups = [0, 0, 0, 1, 2, 0, 3];
    for columns in [vec![keys.clone()], vec![keys.clone(), keys.clone()]] {
        let types: Vec<DataType> = columns.iter().map(|c| c.data_type().clone()).collect();
        let mut table = GroupTable::new(&types).unwrap();
        assert_eq!(table.intern(&columns, 7).unwrap(), groups);
        assert_eq!(table.find(&[columns[0].slice(2, 1), columns[0].slice(5, 1)][..types.len()], 1).unwrap(), [0]);
        assert_eq!(table.keys(&[0]).unwrap()[0].as_ref(), keys.slice(0, 1).as_ref(), "the canonical form");
    }
    let mut index = JoinIndex::new(std::slice::from_ref(&kind)).unwrap();
    index.insert(&[keys.slice(0, 4)], &[0, 1, 2, 3]).unwrap();
    assert_eq!(index.probe(&[keys.slice(4, 3)], 3).unwrap().stored, [2, 1, 0]);

    let field = SortField { descending: false, nulls_first: false };
    assert_eq!(sort_order(std::slice::from_ref(&keys), &[field], 7).unwrap(), [3, 0, 1, 2, 5, 6, 4]);
    let bytes = byte_keys(std::slice::from_ref(&keys), &[field]).unwrap();
    assert!(bytes[0] == bytes[1] && bytes[1] == bytes[2] && bytes[2] == bytes[5] && bytes[5] < bytes[6]);

    let mut distinct = DistinctSet::new(&kind).unwrap();
    assert_eq!(distinct.update(&[0; 7], &keys, None, None).unwrap(), [1, 0, 0, 1, 0, 0, 1]);
    assert_eq!(distinct.update(&[0; 7], &keys, None, Some(&[-1; 7])).unwrap(), [0, 0, 0, -1, 0, -1, -1]);

    // Among equal ones MIN takes the same one in whatever order they come.
    let reversed = arrow_select::take::take(&keys, &arrow_array::UInt32Array::from(vec![6, 5, 2, 1, 0]), None).unwrap();
    for (values, retractable) in [(keys.slice(0, 3), false), (reversed, true)] {
        let mut least = Accumulator::new(AggregateKind::Min, Some(&kind), &kind, retractable).unwrap();
        least.resize(1);
        let others = vec![0; values.len()];
        let weights: Vec<i64> = (0..values.len()).map(|row| i64::from(values.len() == 3 || row > 1)).collect();
        least.update(&others, Some(&values), None, Some(&weights)).unwrap();
        assert_eq!(least.finish(&[0]).unwrap().as_ref(), keys.slice(0, 1).as_ref());
    }
}

#[test]
fn an_index_finds_exactly_the_rows_with_the_key() {
    let mut rng = rng();
    let mut index = JoinIndex::new(&[DataType::Int64]).unwrap();
    let mut twin: BTreeMap<u32, Option<i64>> = BTreeMap::new();
    for _ in 0..300 {
        let count = rng.random_range(0..10);
        let fresh: Vec<u32> = (0..500).filter(|r| !twin.contains_key(r)).take(count).collect();
        let keys = ints(&mut rng, fresh.len());
        index.insert(&[Arc::new(Int64Array::from(keys.clone()))], &fresh).unwrap();
        twin.extend(fresh.into_iter().zip(keys));
        while !twin.is_empty() && rng.random_bool(0.75) {
            let gone = *twin.keys().nth(rng.random_range(0..twin.len())).unwrap();
            twin.remove(&gone);
            index.remove(gone);
        }
        let probes = ints(&mut rng, 8);
        let pairs = index.probe(&[Arc::new(Int64Array::from(probes.clone()))], 8).unwrap();
        let mut found: Vec<(u32, u32)> = pairs.probe.into_iter().zip(pairs.stored).collect();
        assert!(found.is_sorted_by_key(|p| p.0));
        found.sort_unstable();
        let expected: Vec<(u32, u32)> = (0..8u32)
            .flat_map(|p| {
                let key = probes[p as usize];
                twin.iter().filter(move |(_, k)| key.is_some() && **k == key).map(move |(r, _)| (p, *r))
            })
            .collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn slots_keep_their_rows() {
    let mut rng = rng();
    let mut store = RowStore::new(&[DataType::Int64, DataType::Utf8]).unwrap();
    let mut twin: BTreeMap<u32, Option<i64>> = BTreeMap::new();
    for _ in 0..150 {
        let values = ints(&mut rng, 200);
        let columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(values.clone())), texts(&values)];
        let raw = RawColumn::all(&columns).unwrap();
        let slots: Vec<u32> = (0..200).map(|row| store.insert(&raw, row).unwrap()).collect();
        for (slot, value) in slots.into_iter().zip(values) {
            assert!(twin.insert(slot, value).is_none(), "a slot was given twice");
        }
        while twin.len() > 300 {
            let gone = *twin.keys().nth(rng.random_range(0..twin.len())).unwrap();
            twin.remove(&gone);
            store.remove(gone);
        }
        assert_eq!(store.len(), twin.len());
        let slots: Vec<u32> = twin.keys().copied().chain([NO_ROW]).collect();
        let values: Vec<Option<i64>> = twin.values().copied().chain([None]).collect();
        let gathered = store.gather_all(&slots).unwrap();
        assert_eq!(gathered[0].as_primitive::<Int64Type>().iter().collect::<Vec<_>>(), values);
        assert_eq!(gathered[1].as_ref(), texts(&values).as_ref());
    }
    assert!(store.slots() <= 600, "freed slots are used again");
}

#[test]
fn batches_keep_their_rows() {
    let mut rng = rng();
    let mut store = BatchStore::new(&[DataType::Int64, DataType::Utf8]);
    let mut twin: BTreeMap<u32, Option<i64>> = BTreeMap::new();
    for round in 0..400 {
        // Single rows, small batches and large ones; all rows, most of them, a few.
        let rows = [1, 1, 1, 40, 3000][rng.random_range(0..5)];
        let values = ints(&mut rng, rows);
        let columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(values.clone())), texts(&values)];
        let share = [1.0, 0.9, 0.2][round % 3];
        let chosen: Vec<u32> = (0..rows as u32).filter(|_| rng.random_bool(share)).collect();
        let slots = store.insert(&columns, rows, (share < 1.0).then_some(&chosen)).unwrap();
        let chosen = if share < 1.0 { chosen } else { (0..rows as u32).collect() };
        if round % 2 == 0 {
            let copies: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(values.clone()))];
            store.share(&slots, &copies).unwrap();
        }
        assert_eq!(slots.len(), chosen.len());
        let raw = RawColumn::all(&columns).unwrap();
        for (slot, row) in slots.into_iter().zip(chosen) {
            assert!(twin.insert(slot, values[row as usize]).is_none(), "a slot was given twice");
            assert!(store.same(slot, &raw, row as usize));
            assert_eq!(store.is_valid(0, slot), values[row as usize].is_some());
            assert_eq!(store.sortable(0, slot), values[row as usize].unwrap_or(store.word(0, slot)));
        }
        let keep = rng.random_range(0..6000);
        let mut order: Vec<u32> = twin.keys().copied().collect();
        while order.len() > keep {
            let gone = order.swap_remove(rng.random_range(0..order.len()));
            twin.remove(&gone);
            store.remove(gone).unwrap();
        }
        assert_eq!(store.len(), twin.len());
        let slots: Vec<u32> = twin.keys().copied().chain([NO_ROW]).collect();
        let values: Vec<Option<i64>> = twin.values().copied().chain([None]).collect();
        let gathered = store.gather_all(&slots).unwrap();
        assert_eq!(gathered[0].as_primitive::<Int64Type>().iter().collect::<Vec<_>>(), values);
        assert_eq!(gathered[1].as_ref(), texts(&values).as_ref());

        let finder = RowFinder::new(&store);
        let probe: Vec<u32> = twin.keys().copied().take(3).collect();
        let raw = RawColumn::all(&store.gather_all(&probe).unwrap()).unwrap();
        for (row, hash) in RowFinder::hashes_of(&raw, probe.len()).into_iter().enumerate() {
            let found = finder.find(&store, &raw, row, hash).expect("a stored row is found");
            assert_eq!(twin[&found], twin[&probe[row]]);
        }
    }
    assert!(store.slots() <= 9000, "freed slots are used again");
}

#[test]
fn rows_may_be_listed_in_any_order() {
    let mut store = BatchStore::new(&[DataType::Int64]);
    let values: ArrayRef = Arc::new(Int64Array::from_iter_values(0..6));
    let mut listed = vec![5, 0, 3, 1, 4, 2];
    for _ in 0..3 {
        let slots = store.insert(std::slice::from_ref(&values), 6, Some(&listed)).unwrap();
        let rows = store.gather(0, &slots).unwrap();
        assert_eq!(
            rows.as_primitive::<Int64Type>().values(),
            &listed.iter().map(|&r| i64::from(r)).collect::<Vec<_>>()
        );
        // Slots that come back, and fresh ones beside them.
        slots[..3].iter().for_each(|&slot| store.remove(slot).unwrap());
        listed.rotate_left(1);
    }
    assert_eq!((store.len(), store.slots()), (9, 12));
}

#[test]
fn consolidation_adds_up() {
    let mut rng = rng();
    for _ in 0..200 {
        let values = ints(&mut rng, 20);
        let weights: Vec<i64> = (0..20).map(|_| rng.random_range(-2..3)).collect();
        let columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(values.clone())), texts(&values)];
        let mut sums: BTreeMap<Option<i64>, i64> = BTreeMap::new();
        values.iter().zip(&weights).for_each(|(value, weight)| *sums.entry(*value).or_default() += weight);
        sums.retain(|_, sum| *sum != 0);
        let kept = consolidate(&columns, &weights).unwrap();
        let (rows, kept) = kept.unwrap_or_else(|| ((0..20).collect(), weights.clone()));
        let kept: BTreeMap<Option<i64>, i64> = rows.iter().map(|&r| values[r as usize]).zip(kept).collect();
        assert_eq!(kept, sums);
    }
}
