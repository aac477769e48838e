//! Arrays of every stored type, their slices, and damage.

use std::sync::Arc;

use super::{Encoded, Reader, decode, encode};
use arrow_array::builder::{Int32Builder, ListBuilder, MapBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, ArrayRef, BooleanArray, FixedSizeBinaryArray, StructArray};
use arrow_array::{
    BinaryArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int16Array, Int32Array, Int64Array,
    IntervalMonthDayNanoArray, StringArray, Time64MicrosecondArray, TimestampMicrosecondArray, UInt64Array,
};
use arrow_buffer::{IntervalMonthDayNano, NullBuffer};
use arrow_schema::DataType;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

fn pick<T>(rng: &mut StdRng, len: usize, nulls: u32, mut value: impl FnMut(&mut StdRng) -> T) -> Vec<Option<T>> {
    (0..len).map(|_| if rng.random_ratio(nulls, 10) { None } else { Some(value(rng)) }).collect()
}

/// An array of every stored type; `style` says how its values vary.
fn arrays(rng: &mut StdRng, len: usize, nulls: u32, style: u32) -> Vec<ArrayRef> {
    let mut last = 0i64;
    let mut int = move |rng: &mut StdRng| match style {
        0 => 42,
        1 => {
            last += rng.random_range(0..100);
            last
        }
        2 => [i64::MIN, -1, 0, i64::MAX][rng.random_range(0..4)],
        3 => rng.random_range(-1000..1000),
        _ => rng.random(),
    };
    let text = |rng: &mut StdRng| -> String {
        match style {
            0 => "same".into(),
            1 | 3 => format!("city {}", rng.random_range(0..20)),
            _ => "é".repeat(rng.random_range(0..30)),
        }
    };
    let double = |rng: &mut StdRng| match style {
        0 => 1.5,
        1 | 3 => f64::from(rng.random_range(-100_000..100_000)) / 100.0,
        2 => [f64::NAN, -0.0, 0.0, f64::NEG_INFINITY, f64::MAX, 5e-324][rng.random_range(0..6)],
        _ => f64::from_bits(rng.random()),
    };
    let ints = pick(rng, len, nulls, &mut int);
    let mut lists = ListBuilder::new(Int32Builder::new());
    let mut maps = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
    for value in &ints {
        let elements = value.map(|v| (v.unsigned_abs() % 4) as i32);
        for at in 0..elements.unwrap_or(0) {
            if at % 3 == 2 {
                lists.values().append_null()
            } else {
                lists.values().append_value(at)
            }
            maps.keys().append_value(format!("k{at}"));
            maps.values().append_value(at);
        }
        lists.append(elements.is_some());
        maps.append(elements.is_some()).unwrap();
    }
    let strings = StringArray::from(pick(rng, len, nulls, text));
    let long = Int64Array::from(ints.clone());
    let fields = vec![
        (Arc::new(arrow_schema::Field::new("a", DataType::Int64, true)), Arc::new(long.clone()) as ArrayRef),
        (Arc::new(arrow_schema::Field::new("b", DataType::Utf8, true)), Arc::new(strings.clone()) as ArrayRef),
    ];
    let validity = NullBuffer::from((0..len).map(|_| !rng.random_ratio(nulls, 10)).collect::<Vec<_>>());
    let (fields, columns): (Vec<_>, Vec<_>) = fields.into_iter().unzip();
    let structs = StructArray::new(fields.into(), columns, Some(validity));
    let binary: Vec<Option<Vec<u8>>> = pick(rng, len, nulls, |rng| text(rng).into_bytes());
    let decimals = Decimal128Array::from(pick(rng, len, nulls, |rng| match style {
        4 => rng.random_range(-10i128.pow(37)..10i128.pow(37)),
        _ => i128::from(rng.random::<i32>()),
    }));
    let intervals =
        pick(rng, len, nulls, |rng| IntervalMonthDayNano::new(rng.random(), rng.random_range(-3..3), rng.random()));
    let uuids = pick(rng, len, nulls, |rng| rng.random::<u128>().to_le_bytes().to_vec());
    let uuids = FixedSizeBinaryArray::try_from_sparse_iter_with_size(uuids.into_iter(), 16).unwrap();
    vec![
        Arc::new(BooleanArray::from(pick(rng, len, nulls, |rng| rng.random::<bool>()))),
        Arc::new(Int16Array::from(pick(rng, len, nulls, |rng| rng.random::<i16>()))),
        Arc::new(Int32Array::from(pick(rng, len, nulls, |rng| rng.random::<i32>()))),
        Arc::new(long),
        Arc::new(UInt64Array::from(pick(rng, len, nulls, |rng| rng.random::<u64>()))),
        Arc::new(Float32Array::from(pick(rng, len, nulls, |rng| f32::from_bits(rng.random())))),
        Arc::new(Float64Array::from(pick(rng, len, nulls, double))),
        Arc::new(decimals.with_precision_and_scale(38, 4).unwrap()),
        Arc::new(strings),
        Arc::new(BinaryArray::from_iter(binary)),
        Arc::new(uuids),
        Arc::new(Date32Array::from(pick(rng, len, nulls, |rng| rng.random::<i32>()))),
        Arc::new(Time64MicrosecondArray::from(ints.clone())),
        Arc::new(TimestampMicrosecondArray::from(ints).with_timezone("UTC")),
        Arc::new(IntervalMonthDayNanoArray::from(intervals)),
        Arc::new(lists.finish()),
        Arc::new(maps.finish()),
        Arc::new(structs),
    ]
}

/// Floats compare by their bits: NaN and the sign of zero must come back.
fn same(a: &dyn Array, b: &dyn Array) -> bool {
    match a.data_type() {
        DataType::Float32 => {
            let bits = |x: &dyn Array| -> Vec<_> {
                x.as_primitive::<Float32Type>().iter().map(|v| v.map(f32::to_bits)).collect()
            };
            bits(a) == bits(b)
        }
        DataType::Float64 => {
            let bits = |x: &dyn Array| -> Vec<_> {
                x.as_primitive::<Float64Type>().iter().map(|v| v.map(f64::to_bits)).collect()
            };
            bits(a) == bits(b)
        }
        _ => a == b,
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "a random test prints its seed")]
fn every_type_comes_back_and_damage_is_never_a_panic() {
    let seed: u64 = std::env::var("SEED").ok().and_then(|s| s.parse().ok()).unwrap_or_else(rand::random);
    println!("SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    for len in [0usize, 1, 2, 63, 64, 65, 500] {
        for nulls in [0, 3, 10] {
            for style in 0..5 {
                for array in arrays(&mut rng, len, nulls, style) {
                    // Slices have offsets of their own.
                    let array = array.slice(len / 3, len - len / 3);
                    let mut bytes = Vec::new();
                    encode(&array, &mut bytes).unwrap();
                    let mut reader = Reader::new(&bytes);
                    let back = decode(&mut reader, array.data_type(), array.len()).unwrap();
                    reader.finish().unwrap();
                    assert!(same(&back, &array), "{} {len} {nulls} {style}", array.data_type());
                    for _ in 0..8 {
                        let mut broken = bytes.clone();
                        let at = rng.random_range(0..broken.len());
                        broken[at] ^= 1 << rng.random_range(0..8);
                        // Any answer will do but a panic: the checksum is what tells damage.
                        let _ = decode(&mut Reader::new(&broken), array.data_type(), array.len());
                        if let Ok(encoded) = Encoded::new(&broken, array.data_type(), array.len())
                            && !array.is_empty()
                        {
                            let _ = encoded.take(&[0, array.len() as u32 / 2]);
                        }
                    }
                }
            }
        }
    }
}
