//! What is written comes back, through every way to read it; damage is found, whatever byte it strikes.

use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::{Int32Builder, ListBuilder, MapBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int64Type};
use arrow_array::*;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use millrace_base::{Code, Epoch, FileKind, RelationId, Storage};
use millrace_kernels::encodings::Values;
use millrace_kernels::scan;
use millrace_plan::Literal;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;
use crate::MemoryStorage;

/// So little that blocks are driven out.
const CACHE: usize = 100_000;

const FOLDER: &str = "segments";

fn seed() -> StdRng {
    let seed: u64 = std::env::var("SEED").ok().and_then(|s| s.parse().ok()).unwrap_or_else(rand::random);
    eprintln!("SEED={seed}");
    StdRng::seed_from_u64(seed)
}

fn key(relation: u32) -> SegmentKey {
    SegmentKey { relation: RelationId(relation), partition: 1, kind: SegmentKind::Rows }
}

fn pick<T>(rng: &mut StdRng, len: usize, nulls: u32, mut value: impl FnMut(&mut StdRng) -> T) -> Vec<Option<T>> {
    (0..len).map(|_| if rng.random_ratio(nulls, 10) { None } else { Some(value(rng)) }).collect()
}

/// A column of every stored type.
fn columns(rng: &mut StdRng, len: usize, nulls: u32, style: u32) -> Vec<(&'static str, ArrayRef)> {
    let mut last = rng.random_range(-5000..5000i64);
    let ints: Vec<Option<i64>> = pick(rng, len, nulls, |rng| match style {
        0 => 42,
        1 => {
            last += rng.random_range(0..100);
            last
        }
        2 => [i64::MIN, -1, 0, i64::MAX][rng.random_range(0..4)],
        3 => rng.random_range(-1000..1000),
        _ => rng.random(),
    });
    let text = |rng: &mut StdRng| match style {
        0 => "same".to_string(),
        1 | 3 => format!("city {}", rng.random_range(0..20)),
        _ => ["", "é", "\u{10ffff}", "abc"][rng.random_range(0..4)].repeat(rng.random_range(0..30)),
    };
    let double = |rng: &mut StdRng| match style {
        0 | 1 | 3 => f64::from(rng.random_range(-100_000..100_000)) / 100.0,
        2 => [f64::NAN, -0.0, 0.0, f64::NEG_INFINITY, f64::MAX, 5e-324][rng.random_range(0..6)],
        _ => f64::from_bits(rng.random()),
    };
    let texts = StringArray::from(pick(rng, len, nulls, text));
    let mut lists = ListBuilder::new(Int32Builder::new());
    let mut maps = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
    for value in &ints {
        for at in 0..value.map_or(0, |v| v.unsigned_abs() % 4) as i32 {
            if at == 2 {
                lists.values().append_null()
            } else {
                lists.values().append_value(at)
            }
            maps.keys().append_value(format!("k{at}"));
            maps.values().append_value(at);
        }
        lists.append(value.is_some());
        maps.append(value.is_some()).unwrap();
    }
    let structs = StructArray::from(vec![
        (Arc::new(Field::new("n", DataType::Utf8, true)), Arc::new(texts.clone()) as ArrayRef),
        (Arc::new(Field::new("l", lists_type(), true)), Arc::new(lists.finish_cloned()) as ArrayRef),
    ]);
    let decimals = Decimal128Array::from(pick(rng, len, nulls, |rng| i128::from(rng.random::<i64>()) * 1_000_003));
    let uuids = pick(rng, len, nulls, |rng| rng.random::<u128>().to_le_bytes());
    let intervals = pick(rng, len, nulls, |rng| {
        arrow::datatypes::IntervalMonthDayNano::new(rng.random(), rng.random_range(-3..3), rng.random())
    });
    vec![
        ("bigint", Arc::new(Int64Array::from(ints.clone()))),
        ("double", Arc::new(Float64Array::from(pick(rng, len, nulls, double)))),
        ("text", Arc::new(texts)),
        ("boolean", Arc::new(BooleanArray::from(pick(rng, len, nulls, |rng| rng.random::<bool>())))),
        ("smallint", Arc::new(Int16Array::from(pick(rng, len, nulls, |rng| rng.random::<i16>())))),
        ("integer", Arc::new(Int32Array::from(pick(rng, len, nulls, |rng| rng.random::<i32>())))),
        ("real", Arc::new(Float32Array::from(pick(rng, len, nulls, |rng| f32::from_bits(rng.random()))))),
        ("numeric", Arc::new(decimals.with_precision_and_scale(38, 4).unwrap())),
        ("bytea", Arc::new(BinaryArray::from_iter(pick(rng, len, nulls, |rng| text(rng).into_bytes())))),
        ("uuid", Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(uuids.into_iter(), 16).unwrap())),
        ("date", Arc::new(Date32Array::from(pick(rng, len, nulls, |rng| rng.random::<i32>())))),
        ("time", Arc::new(Time64MicrosecondArray::from(ints.clone()))),
        ("timestamp", Arc::new(TimestampMicrosecondArray::from(ints.clone()))),
        ("timestamptz", Arc::new(TimestampMicrosecondArray::from(ints).with_timezone("UTC"))),
        ("interval", Arc::new(IntervalMonthDayNanoArray::from(intervals))),
        ("list", Arc::new(lists.finish())),
        ("map", Arc::new(maps.finish())),
        ("struct", Arc::new(structs)),
    ]
}

fn lists_type() -> DataType {
    DataType::List(Arc::new(Field::new_list_field(DataType::Int32, true)))
}

fn schema_of(columns: &[(&str, ArrayRef)]) -> SchemaRef {
    let field = |(name, column): &(&str, ArrayRef)| Field::new(*name, column.data_type().clone(), true);
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

/// Equal to the bit: NaN and the sign of zero must come back.
fn same(a: &RecordBatch, b: &RecordBatch) -> bool {
    let column = |(a, b): (&ArrayRef, &ArrayRef)| match a.data_type() {
        DataType::Float32 => {
            let bits = |x: &ArrayRef| -> Vec<_> {
                x.as_primitive::<Float32Type>().iter().map(|v| v.map(f32::to_bits)).collect()
            };
            bits(a) == bits(b)
        }
        DataType::Float64 => {
            let bits = |x: &ArrayRef| -> Vec<_> {
                x.as_primitive::<Float64Type>().iter().map(|v| v.map(f64::to_bits)).collect()
            };
            bits(a) == bits(b)
        }
        _ => a == b,
    };
    a.num_rows() == b.num_rows() && a.schema() == b.schema() && a.columns().iter().zip(b.columns()).all(column)
}

/// Random rows of every type in a segment, their commits, and all of them as one batch.
fn write(
    writer: &mut FileWriter,
    rng: &mut StdRng,
    rows: usize,
    relation: u32,
) -> (SegmentId, RecordBatch, Vec<CommitRun>) {
    let (mut batches, mut runs) = (Vec::new(), Vec::new());
    let schema = schema_of(&columns(rng, 0, 0, 0));
    writer.begin(key(relation), &schema, 1000).unwrap();
    let (style, nulls) = (rng.random_range(0..5), [0, 3, 10][rng.random_range(0..3)]);
    let (mut left, mut epoch) = (rows, 0);
    while left > 0 {
        let count = rng.random_range(1..=left.min(300));
        let parts = columns(rng, count, nulls, style);
        let batch = RecordBatch::try_new(schema.clone(), parts.into_iter().map(|(_, c)| c).collect()).unwrap();
        epoch += rng.random_range(1..3);
        let run = CommitRun { epoch: Epoch(epoch), time_us: epoch as i64 * 1000, rows: count as u32 };
        writer.append(&batch, &[run]).unwrap();
        batches.push(batch);
        runs.push(run);
        left -= count;
    }
    let all = arrow_select::concat::concat_batches(&schema, &batches).unwrap();
    (writer.end().unwrap(), all, runs)
}

fn whole(scan: SegmentScan, schema: &SchemaRef) -> millrace_base::Result<RecordBatch> {
    let batches: millrace_base::Result<Vec<RecordBatch>> = scan.map(|found| found.map(|(_, batch)| batch)).collect();
    Ok(arrow_select::concat::concat_batches(schema, &batches?).unwrap())
}

#[test]
fn what_is_written_comes_back() {
    let mut rng = seed();
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    for number in 1..12u64 {
        let path = segment_path(Path::new(FOLDER), number);
        let block_rows = [64, 1000, 1024, 5000][rng.random_range(0..4)];
        let mut writer = FileWriter::create(storage.clone(), &path, number).unwrap().with_block_rows(block_rows);
        let written: Vec<_> = (0..3)
            .map(|relation| {
                let rows = [0, 1, 700, 5000][rng.random_range(0..4)];
                write(&mut writer, &mut rng, rows, relation)
            })
            .collect();
        let file = writer.finish().unwrap();
        assert_eq!(file.segments.len(), 3);
        let pool = Arc::new(FilePool::new(storage.clone(), Path::new(FOLDER), CACHE));
        for (id, all, runs) in written {
            let segment = pool.segment(id).unwrap();
            assert_eq!((segment.meta().rows, segment.meta().first_offset), (all.num_rows() as u64, 1000));
            assert_eq!(segment.runs().unwrap().as_ref(), runs);
            segment.verify().unwrap();
            let count = all.num_columns();
            let mut first = 0;
            for block in &segment.meta().blocks {
                let rows = all.slice(first, block.rows as usize);
                let nulls: Vec<usize> = rows.columns().iter().map(|column| column.null_count()).collect();
                let told: Vec<usize> = block.columns.iter().map(|column| column.nulls as usize).collect();
                assert_eq!(told, nulls);
                assert!(block.columns.iter().all(|column| column.distinct <= block.rows));
                first += block.rows as usize;
            }
            assert_eq!(first, all.num_rows());
            for _ in 0..10 {
                let projection: Vec<usize> = (0..rng.random_range(1..6)).map(|_| rng.random_range(0..count)).collect();
                let wanted = all.project(&projection).unwrap();
                let from = rng.random_range(0..=all.num_rows());
                let len = rng.random_range(0..=all.num_rows() - from);
                let scan = segment.scan(&projection, &[], from as u64..(from + len) as u64);
                let read: usize = scan
                    .map(|found| {
                        let (first, batch) = found.unwrap();
                        assert!(same(&batch, &wanted.slice(first as usize, batch.num_rows())));
                        batch.num_rows()
                    })
                    .sum();
                assert_eq!(read, len);
                if all.num_rows() > 0 {
                    let rows: Vec<u64> = (0..20).map(|_| rng.random_range(0..all.num_rows() as u64)).collect();
                    let places = UInt64Array::from(rows.clone());
                    let taken = arrow_select::take::take_record_batch(&wanted, &places).unwrap();
                    assert!(same(&segment.take(&rows, &projection).unwrap(), &taken));
                }
            }
            assert!(segment.take(&[all.num_rows() as u64], &[0]).is_err());
        }
    }
}

#[test]
fn distinct_values_are_told_about() {
    let rows = 64 << 10;
    let mut rng = seed();
    let mut told = |distinct: i64| {
        let values: Int64Array = (0..rows).map(|_| rng.random_range(0..distinct) * 1_000_003).collect();
        stats::distinct(&values)
    };
    // A sample of 1,024 has seen each of a few many times.
    for few in [1, 2, 10, 100] {
        assert_eq!(i64::from(told(few)), few);
    }
    // Of many the estimate is within a third; of values that hardly repeat it is known that they are many.
    assert!((660..1_330).contains(&told(1_000)), "{} of 1,000", told(1_000));
    assert!(told(1 << 40) > 20_000);
    let texts: StringArray = (0..rows).map(|n| Some(format!("card {}", n % 7))).collect();
    assert_eq!(stats::distinct(&texts), 7);
}

#[test]
fn no_wanted_row_is_pruned() {
    let mut rng = seed();
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let (mut skipped, mut number) = (0, 0);
    for _ in 0..30 {
        number += 1;
        let path = segment_path(Path::new(FOLDER), number);
        let mut writer = FileWriter::create(storage.clone(), &path, number).unwrap().with_block_rows(64);
        let (id, all, _) = write(&mut writer, &mut rng, 600, 7);
        writer.finish().unwrap();
        let segment = Arc::new(FilePool::new(storage.clone(), Path::new(FOLDER), CACHE)).segment(id).unwrap();
        let ops = [BoundOp::Less, BoundOp::LessOrEqual, BoundOp::Equal, BoundOp::GreaterOrEqual, BoundOp::Greater];
        for op in ops {
            let row = rng.random_range(0..all.num_rows());
            let literals = [
                (0, Literal::Bigint { value: all.column(0).as_primitive::<Int64Type>().value(row) }),
                (1, Literal::Double { value: all.column(1).as_primitive::<Float64Type>().value(row) }),
                (2, Literal::Text { value: all.column(2).as_string::<i32>().value(row).into() }),
            ];
            for (column, literal) in literals {
                let bound = Bound::compare(column, all.column(column).data_type(), op, &literal).unwrap();
                // PostgreSQL's order of doubles: NaN is equal to itself and above all others.
                let order = |at: usize| match &literal {
                    Literal::Bigint { value } => all.column(0).as_primitive::<Int64Type>().value(at).cmp(value),
                    Literal::Double { value } => {
                        let other = all.column(1).as_primitive::<Float64Type>().value(at);
                        other.partial_cmp(value).unwrap_or(other.is_nan().cmp(&value.is_nan()))
                    }
                    Literal::Text { value } => all.column(2).as_string::<i32>().value(at).cmp(value.as_str()),
                    _ => unreachable!("the literals above"),
                };
                let wanted = (0..all.num_rows()).filter(|&at| {
                    all.column(column).is_valid(at)
                        && match op {
                            BoundOp::Less => order(at).is_lt(),
                            BoundOp::LessOrEqual => order(at).is_le(),
                            BoundOp::Equal => order(at).is_eq(),
                            BoundOp::GreaterOrEqual => order(at).is_ge(),
                            _ => order(at).is_gt(),
                        }
                });
                let mut kept = vec![false; all.num_rows()];
                for found in segment.scan(&[], &[bound], 0..600) {
                    let (first, batch) = found.unwrap();
                    kept[first as usize..first as usize + batch.num_rows()].fill(true);
                }
                wanted.for_each(|at| assert!(kept[at], "{literal:?} {op:?} row {at}"));
                skipped += kept.iter().filter(|kept| !**kept).count();
            }
        }
        for (op, null) in [(BoundOp::IsNull, true), (BoundOp::IsNotNull, false)] {
            let kept: usize = segment
                .scan(&[5], &[Bound { column: 5, op, value: None }], 0..600)
                .map(|f| f.unwrap().1.num_rows())
                .sum();
            let wanted = (0..600).filter(|&at| all.column(5).is_null(at) == null).count();
            assert!(kept >= wanted);
        }
    }
    assert!(skipped > 0, "nothing was ever pruned");
    assert!(Bound::compare(0, &DataType::Int64, BoundOp::Equal, &Literal::Date { value: 1 }).is_none());
    let numeric = Literal::Numeric { value: "-1.50".into(), precision: 10, scale: 2 };
    let bound = Bound::compare(0, &DataType::Decimal128(12, 2), BoundOp::Equal, &numeric).unwrap();
    assert_eq!(bound.value, Some(Stat::Wide(-150)));
    assert!(Bound::compare(0, &DataType::Decimal128(12, 3), BoundOp::Equal, &numeric).is_none());
}

/// A file of a few rows, and what is in it.
fn small(storage: &Arc<dyn Storage>) -> (Vec<u8>, Vec<RecordBatch>) {
    let mut rng = StdRng::seed_from_u64(7);
    let path = segment_path(Path::new(FOLDER), 1);
    let mut writer = FileWriter::create(storage.clone(), &path, 1).unwrap().with_block_rows(8);
    let written: Vec<_> = (0..2).map(|relation| write(&mut writer, &mut rng, 12, relation).1).collect();
    writer.finish().unwrap();
    let file = storage.open(&path, FileKind::Read).unwrap();
    let mut bytes = vec![0; file.len().unwrap() as usize];
    file.read_exact_at(&mut bytes, 0).unwrap();
    (bytes, written)
}

/// Reads all of a file's segments.
fn read_all(bytes: &[u8]) -> millrace_base::Result<Vec<RecordBatch>> {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let path = segment_path(Path::new(FOLDER), 1);
    storage.open(&path, FileKind::ReadWrite).unwrap().write_all_at(bytes, 0).unwrap();
    let pool = Arc::new(FilePool::new(storage, Path::new(FOLDER), CACHE));
    (0..2)
        .map(|index| {
            let segment = pool.segment(SegmentId { file: 1, index })?;
            segment.runs()?;
            let all: Vec<usize> = (0..segment.schema().fields().len()).collect();
            let read = whole(segment.scan(&all, &[], 0..u64::MAX), segment.schema());
            // A full check notices whatever a reader does.
            assert_eq!(segment.verify().is_err(), read.is_err());
            read
        })
        .collect()
}

#[test]
fn every_flipped_bit_and_every_cut_is_found() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let (bytes, written) = small(&storage);
    assert!(read_all(&bytes).unwrap().iter().zip(&written).all(|(a, b)| same(a, b)));
    for len in 0..bytes.len() {
        assert_eq!(read_all(&bytes[..len]).unwrap_err().code, Code::DataCorrupted, "cut at {len}");
    }
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut broken = bytes.clone();
            broken[at] ^= 1 << bit;
            let error = read_all(&broken).unwrap_err();
            assert_eq!(error.code, Code::DataCorrupted, "bit {bit} of byte {at}");
            assert!(error.message.contains("0000000000000001.seg"), "{}", error.message);
        }
    }
    let longer = [bytes.as_slice(), &[0]].concat();
    assert_eq!(read_all(&longer).unwrap_err().code, Code::DataCorrupted);
}

#[test]
fn a_newer_format_is_named() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let (mut bytes, _) = small(&storage);
    bytes[8] = 2;
    let crc = crc32c::crc32c(&bytes[..20]);
    bytes[20..24].copy_from_slice(&crc.to_le_bytes());
    let error = read_all(&bytes).unwrap_err();
    assert_eq!(error.code, Code::FeatureNotSupported);
    assert!(error.message.contains("version 2"), "{}", error.message);
}

#[test]
fn a_retired_file_is_read_to_the_end() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let (_, written) = small(&storage);
    let path = segment_path(Path::new(FOLDER), 1);
    let pool = Arc::new(FilePool::new(storage.clone(), Path::new(FOLDER), CACHE));
    let segment = pool.segment(SegmentId { file: 1, index: 1 }).unwrap();
    pool.retire(1);
    let columns: Vec<usize> = (0..written[1].num_columns()).collect();
    assert!(same(&whole(segment.scan(&columns, &[], 0..12), segment.schema()).unwrap(), &written[1]));
    assert!(storage.exists(&path));
    drop(segment);
    assert!(!storage.exists(&path));
}

#[test]
fn kernels_compute_on_encoded_blocks() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let path = segment_path(Path::new(FOLDER), 1);
    let values: Vec<Option<i64>> = (0..100_000).map(|i| (i % 10 != 3).then_some(i * 7919 % 5000)).collect();
    let batch = RecordBatch::try_from_iter([("v", Arc::new(Int64Array::from(values.clone())) as ArrayRef)]).unwrap();
    let mut writer = FileWriter::create(storage.clone(), &path, 1).unwrap();
    writer.begin(key(1), &batch.schema(), 0).unwrap();
    writer.append(&batch, &[CommitRun { epoch: Epoch(1), time_us: 1, rows: 100_000 }]).unwrap();
    let id = writer.end().unwrap();
    writer.finish().unwrap();
    let segment = Arc::new(FilePool::new(storage, Path::new(FOLDER), CACHE)).segment(id).unwrap();
    assert_eq!(segment.meta().bounds(0), Some((Stat::Int(0), Stat::Int(4999))));
    let (mut sum, mut selected, mut start) = (0, 0, 0);
    for block in 0..segment.meta().blocks.len() {
        let column = segment.encoded(block, 0).unwrap();
        let view = column.view().unwrap();
        let Values::Integers(encoded) = &view.values else { panic!("integers") };
        sum += scan::sum(encoded);
        let rows = scan::spread(scan::in_range(encoded, scan::Range::less(100)), view.nulls.as_ref());
        assert_eq!(rows.len(), column.rows());
        assert!(rows.set_indices().all(|at| values[start + at].is_some_and(|value| value < 100)));
        selected += rows.count_set_bits();
        start += column.rows();
    }
    assert_eq!(sum, values.iter().flatten().map(|&v| i128::from(v)).sum::<i128>());
    assert_eq!(selected, values.iter().flatten().filter(|&&v| v < 100).count());
}

/// Sums, extremes and filters over encoded blocks are those of the rows, whatever the encoding and wherever the NULLs are.
#[test]
fn kernels_on_encoded_blocks_pass_over_nulls() {
    let mut rng = seed();
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let mut nulls_seen = 0;
    for number in 1..60u64 {
        let path = segment_path(Path::new(FOLDER), number);
        let block_rows = [64, 1000, 1024][rng.random_range(0..3)];
        let mut writer = FileWriter::create(storage.clone(), &path, number).unwrap().with_block_rows(block_rows);
        let rows = [1, 700, 3000][rng.random_range(0..3)];
        let (id, all, _) = write(&mut writer, &mut rng, rows, 7);
        writer.finish().unwrap();
        let segment = Arc::new(FilePool::new(storage.clone(), Path::new(FOLDER), CACHE)).segment(id).unwrap();
        let mut start = 0;
        for block in 0..segment.meta().blocks.len() {
            let column = segment.encoded(block, 0).unwrap();
            let view = column.view().unwrap();
            let part = all.column(0).slice(start, column.rows());
            let plain: Vec<Option<i64>> = part.as_primitive::<Int64Type>().iter().collect();
            start += column.rows();
            nulls_seen += part.null_count();
            let Values::Integers(encoded) = &view.values else {
                assert!(matches!(view.values, Values::None) && plain.iter().all(Option::is_none));
                continue;
            };
            assert_eq!(scan::sum(encoded), plain.iter().flatten().map(|&v| i128::from(v)).sum::<i128>());
            let there = || plain.iter().flatten().copied();
            assert_eq!(scan::min_max(encoded), there().min().zip(there().max()));
            let constant = [0, 42, i64::MAX, there().next().unwrap_or(0)][rng.random_range(0..4)];
            type Test = fn(i64, i64) -> bool;
            let tests: [(scan::Range, Test); 4] = [
                (scan::Range::less(constant), |v, c| v < c),
                (scan::Range::greater_or_equal(constant), |v, c| v >= c),
                (scan::Range::equal(constant), |v, c| v == c),
                (scan::Range::not_equal(constant), |v, c| v != c),
            ];
            for (range, test) in tests {
                let wanted: Vec<bool> = plain.iter().map(|v| v.is_some_and(|v| test(v, constant))).collect();
                let found = scan::spread(scan::in_range(encoded, range), view.nulls.as_ref());
                assert_eq!(found.iter().collect::<Vec<_>>(), wanted, "{range:?}");
                assert_eq!(scan::count_in(encoded, range), wanted.iter().filter(|&&w| w).count(), "{range:?}");
            }
        }
        assert_eq!(start, rows);
    }
    assert!(nulls_seen > 1000, "{nulls_seen}");
}
