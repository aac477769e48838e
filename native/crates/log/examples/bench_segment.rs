//! Segments of real size: bytes a column and speed of writing and reading. With the paths of Arrow IPC streams, their
//! rows are sealed (compare the sizes with what another writer makes of the same rows); without, made-up integers.
#![expect(clippy::print_stdout, reason = "a benchmark prints")]

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch};
use arrow_ipc::reader::StreamReader;
use millrace_base::{Epoch, RealStorage, RelationId, Storage};
use millrace_kernels::encodings::Values;
use millrace_kernels::scan;
use millrace_log::segment::{
    CommitRun, FilePool, FileWriter, Segment, SegmentId, SegmentKey, SegmentKind, segment_path,
};

const MIB: f64 = (1 << 20) as f64;

fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<String> = std::env::args().skip(1).collect();
    if paths.is_empty() {
        let mut state = 42u64;
        let mut random = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 33
        };
        let mut ints = |f: &mut dyn FnMut(u64, i64) -> i64| -> ArrayRef {
            Arc::new(Int64Array::from((0..20_000_000i64).map(|i| f(random(), i)).collect::<Vec<_>>()))
        };
        let columns = [
            ("id", ints(&mut |_, i| i)),
            ("small", ints(&mut |r, _| (r % 200) as i64)),
            ("medium", ints(&mut |r, _| (r % 1_000_000) as i64)),
            ("large", ints(&mut |r, i| ((r as i64) << 32) | i)),
        ];
        return measure("integers", &[RecordBatch::try_from_iter(columns)?]);
    }
    for path in paths {
        let batches: Result<Vec<RecordBatch>, _> = StreamReader::try_new(std::fs::File::open(&path)?, None)?.collect();
        measure(&path, &batches?)?;
    }
    Ok(())
}

fn measure(name: &str, batches: &[RecordBatch]) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let storage: Arc<dyn Storage> = Arc::new(RealStorage);
    let schema = batches[0].schema();
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let size = |column: &ArrayRef| column.to_data().get_slice_memory_size().unwrap_or(0);
    let memory: usize = batches.iter().flat_map(|batch| batch.columns()).map(size).sum();
    let start = Instant::now();
    let mut writer = FileWriter::create(storage.clone(), &segment_path(folder.path(), 1), 1)?;
    let key = SegmentKey { relation: RelationId(1), partition: 0, kind: SegmentKind::Rows };
    writer.begin(key, &schema, 0)?;
    for (batch, epoch) in batches.iter().zip(1..) {
        writer.append(batch, &[CommitRun { epoch: Epoch(epoch), time_us: 0, rows: batch.num_rows() as u32 }])?;
    }
    writer.end()?;
    writer.finish()?;
    let written = start.elapsed().as_secs_f64();
    let bytes = std::fs::metadata(segment_path(folder.path(), 1))?.len();
    println!(
        "{name}: {rows} rows, {:.1} MiB in memory, {bytes} bytes sealed ({:.2} a row)",
        memory as f64 / MIB,
        bytes as f64 / rows as f64
    );
    println!(
        "  written in {written:.2} s, {:.0} MiB/s, {:.2} M rows/s",
        memory as f64 / MIB / written,
        rows as f64 / written / 1e6
    );
    let pool = Arc::new(FilePool::new(storage, folder.path(), 1 << 30));
    let start = Instant::now();
    let segment = pool.segment(SegmentId { file: 1, index: 0 })?;
    println!("  opened in {:.0} us", start.elapsed().as_secs_f64() * 1e6);
    for (column, field) in schema.fields().iter().enumerate() {
        let size: u64 = segment.meta().blocks.iter().map(|block| u64::from(block.columns[column].bytes)).sum();
        let start = Instant::now();
        for found in segment.scan(&[column], &[], 0..rows as u64) {
            std::hint::black_box(found?);
        }
        let first = start.elapsed().as_secs_f64();
        let start = Instant::now();
        for found in segment.scan(&[column], &[], 0..rows as u64) {
            std::hint::black_box(found?);
        }
        let again = start.elapsed().as_secs_f64();
        print!(
            "  {:<12} {size:>10} bytes {:>6.2} bits/row; {:>5.0} M rows/s read first, {:>5.0} again",
            field.name(),
            size as f64 * 8.0 / rows as f64,
            rows as f64 / first / 1e6,
            rows as f64 / again / 1e6
        );
        let start = Instant::now();
        match sum_encoded(&segment, column)? {
            Some(_) => println!("; sum {:.0} M rows/s", rows as f64 / start.elapsed().as_secs_f64() / 1e6),
            None => println!(),
        }
    }
    let start = Instant::now();
    let all: Vec<usize> = (0..schema.fields().len()).collect();
    let points = 200;
    for point in 0..points {
        std::hint::black_box(segment.take(&[(point * 7919 * 7919) % rows as u64], &all)?);
    }
    println!("  a single row, all columns: {:.0} us", start.elapsed().as_secs_f64() * 1e6 / points as f64);
    Ok(())
}

fn sum_encoded(segment: &Segment, column: usize) -> Result<Option<i128>, Box<dyn Error>> {
    let mut sum = 0;
    for block in 0..segment.meta().blocks.len() {
        let encoded = segment.encoded(block, column)?;
        let view = encoded.view().map_err(|why| why.0)?;
        let Values::Integers(values) = &view.values else { return Ok(None) };
        sum += scan::sum(values);
    }
    Ok(Some(sum))
}
