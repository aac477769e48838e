//! Groups, joins, orders and extremes of UUIDs, arrays and rows against naive twins: the same values as plain Rust.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::builder::{Float64Builder, ListBuilder};
use arrow_array::{Array, ArrayRef, FixedSizeBinaryArray, Int64Array, StructArray};
use arrow_schema::{DataType, Field};
use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::row_store::RowStore;
use crate::{Accumulator, AggregateKind, GroupTable, RawColumn, SortField, canonical_map, sort_order};

/// Halves, so that a plain integer stands for a float; NULL is above every number. Zero comes as 0 and as -0.
type Halves = Option<Vec<Option<i64>>>;

fn rng() -> StdRng {
    let seed: u64 = rand::rng().random();
    eprintln!("seed {seed}");
    StdRng::seed_from_u64(seed)
}

fn any_list(rng: &mut StdRng) -> Halves {
    let element = |rng: &mut StdRng| (!rng.random_bool(0.2)).then(|| rng.random_range(-2..3));
    (!rng.random_bool(0.1)).then(|| (0..rng.random_range(0..4)).map(|_| element(rng)).collect())
}

fn lists(values: &[Halves], rng: &mut StdRng) -> ArrayRef {
    let mut builder = ListBuilder::new(Float64Builder::new());
    for value in values {
        for element in value.iter().flatten() {
            let negative_zero = rng.random_bool(0.5);
            let float = element.map(|n| if n == 0 && negative_zero { -0.0 } else { n as f64 / 2.0 });
            builder.values().append_option(float);
        }
        builder.append(value.is_some());
    }
    Arc::new(builder.finish())
}

fn rows_of(list: ArrayRef, numbers: &[Option<i64>]) -> ArrayRef {
    let fields = vec![Field::new("l", list.data_type().clone(), true), Field::new("n", DataType::Int64, true)];
    Arc::new(StructArray::new(fields.into(), vec![list, Arc::new(Int64Array::from(numbers.to_vec()))], None))
}

/// What orders as SQL does: NULL last.
fn key(value: &Halves) -> (bool, Vec<(bool, i64)>) {
    let elements = value.iter().flatten().map(|n| (n.is_none(), n.unwrap_or(0))).collect();
    (value.is_none(), elements)
}

#[test]
fn groups_of_arrays_and_of_rows_are_their_values() {
    let mut rng = rng();
    let list = lists(&[], &mut rng).data_type().clone();
    let row = rows_of(lists(&[], &mut rng), &[]).data_type().clone();
    let mut by_list = GroupTable::new(&[list]).unwrap();
    let mut by_row = GroupTable::new(&[row, DataType::FixedSizeBinary(16)]).unwrap();
    let (mut list_twin, mut row_twin) = (BTreeMap::new(), BTreeMap::new());
    for _ in 0..100 {
        let values: Vec<Halves> = (0..rng.random_range(1..40)).map(|_| any_list(&mut rng)).collect();
        let numbers: Vec<Option<i64>> =
            values.iter().map(|_| rng.random_bool(0.8).then(|| rng.random_range(0..3))).collect();
        let uuids: Vec<[u8; 16]> = values.iter().map(|_| [rng.random_range(0..2); 16]).collect();
        let column = lists(&values, &mut rng);
        for (at, id) in by_list.intern(std::slice::from_ref(&column), values.len()).unwrap().into_iter().enumerate() {
            assert_eq!(*list_twin.entry(values[at].clone()).or_insert(id), id, "{:?}", values[at]);
        }
        let uuid: ArrayRef = Arc::new(FixedSizeBinaryArray::try_from_iter(uuids.iter()).unwrap());
        if !values.is_empty() {
            let keys = [rows_of(column, &numbers), uuid];
            for (at, id) in by_row.intern(&keys, values.len()).unwrap().into_iter().enumerate() {
                let twin = (values[at].clone(), numbers[at], uuids[at]);
                assert_eq!(*row_twin.entry(twin).or_insert(id), id);
            }
        }
    }
    assert_eq!((by_list.len(), by_row.len()), (list_twin.len(), row_twin.len()));
}

#[test]
fn arrays_are_ordered_element_by_element() {
    let mut rng = rng();
    for descending in [false, true] {
        let values: Vec<Halves> = (0..300).map(|_| any_list(&mut rng)).collect();
        let field = SortField { descending, nulls_first: descending };
        let order = sort_order(&[lists(&values, &mut rng)], &[field], values.len()).unwrap();
        let mut want: Vec<u32> = (0..values.len() as u32).collect();
        want.sort_by(|&a, &b| {
            let (a, b) = (key(&values[a as usize]), key(&values[b as usize]));
            if descending { b.cmp(&a) } else { a.cmp(&b) }
        });
        assert_eq!(order, want, "descending {descending}");
        for (kind, best) in [
            (AggregateKind::Min, values.iter().flatten().min_by_key(|v| key(&Some(v.to_vec())))),
            (AggregateKind::Max, values.iter().flatten().max_by_key(|v| key(&Some(v.to_vec())))),
        ] {
            let column = lists(&values, &mut rng);
            let data_type = column.data_type().clone();
            let mut extreme = Accumulator::new(kind, Some(&data_type), &data_type, false).unwrap();
            extreme.resize(1);
            extreme.update(&vec![0; values.len()], Some(&column), None, None).unwrap();
            let found = extreme.finish(&[0]).unwrap();
            let wanted = lists(&[best.cloned()], &mut rng);
            assert_eq!(crate::comparable_bytes(&found).unwrap(), crate::comparable_bytes(&wanted).unwrap());
        }
    }
}

#[test]
fn a_store_gives_back_the_very_values() {
    let mut rng = rng();
    let values: Vec<Halves> = (0..100).map(|_| any_list(&mut rng)).collect();
    let numbers: Vec<Option<i64>> = values.iter().map(|_| rng.random_bool(0.7).then(|| rng.random())).collect();
    let uuids = (0..values.len()).map(|at| (at % 5 != 0).then_some([at as u8; 16]));
    let columns = [
        lists(&values, &mut rng),
        rows_of(lists(&values, &mut rng), &numbers),
        Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(uuids, 16).unwrap()) as ArrayRef,
    ];
    let types: Vec<DataType> = columns.iter().map(|c| c.data_type().clone()).collect();
    let mut store = RowStore::new(&types).unwrap();
    let raw = RawColumn::all(&columns.iter().map(|c| c.slice(10, 80)).collect::<Vec<_>>()).unwrap();
    let slots: Vec<u32> = (0..80).map(|row| store.insert(&raw, row).unwrap()).collect();
    for (found, column) in store.gather_all(&slots).unwrap().iter().zip(&columns) {
        assert_eq!(found.as_ref(), column.slice(10, 80).as_ref());
    }
}

#[test]
fn maps_have_their_keys_once_and_in_order() {
    use arrow_array::builder::{Int64Builder, MapBuilder, StringBuilder};
    let mut builder = MapBuilder::new(None, StringBuilder::new(), Int64Builder::new());
    for (key, value) in [("b", 1), ("a", 2), ("b", 3)] {
        builder.keys().append_value(key);
        builder.values().append_value(value);
    }
    builder.append(true).unwrap();
    builder.append(false).unwrap();
    builder.append(true).unwrap();
    let map = canonical_map(&builder.finish()).unwrap();
    assert_eq!((map.value_offsets(), map.is_null(1)), (&[0, 2, 2, 2][..], true));
    assert_eq!(map.keys().as_ref(), &arrow_array::StringArray::from(vec!["a", "b"]) as &dyn Array);
    assert_eq!(map.values().as_ref(), &Int64Array::from(vec![2, 3]) as &dyn Array);
}
