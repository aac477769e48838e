//! Scans of sealed integers on one thread, beside memory: a plain sum over the same rows as they are in memory.

use std::sync::Arc;
use std::time::Instant;

use arrow_array::{ArrayRef, Int64Array};
use millrace_base::RealStorage;
use millrace_kernels::encodings::Values;
use millrace_kernels::scan;
use millrace_log::Durability;
use millrace_log::segment::{FilePool, Segment, Stat};
use millrace_plan::DataType;

use crate::append::Window;
use crate::events::{batch, columns, fresh};
use crate::figures::figure;
use crate::{Job, Outcome};

/// More than the columns take: "cached" means here.
const CACHE: usize = 4 << 30;
const BATCH_ROWS: usize = 64 * 1024;
/// The part of what memory gives.
const OF_MEMORY: f64 = 0.8;
const COLUMNS: [&str; 3] = ["id", "medium", "large"];

/// The same in SQL: id is i, medium (i * 2654435761) % 1000003, large medium * 9000000011.
fn value(column: usize, i: i64) -> i64 {
    let medium = i * 2_654_435_761 % 1_000_003;
    [i, medium, medium * 9_000_000_011][column]
}

/// Keeps one row in ten.
const RANGES: [fn(i64) -> i64; 3] = [|rows| rows / 10, |_| 100_000, |_| 900_000_001_100_000];

pub fn scan(job: &Job) -> Outcome {
    let rows = job.amount as i64;
    let folder = job.folder.join("scan");
    let defs = columns(&COLUMNS.map(|name| (name, DataType::Bigint)));
    let log = fresh(&folder, Arc::new(RealStorage), Durability::None, defs.clone())?;
    let mut window = Window::new(&log);
    for from in (0..rows).step_by(BATCH_ROWS) {
        let range = from..rows.min(from + BATCH_ROWS as i64);
        let array = |column| -> ArrayRef { Arc::new(range.clone().map(|i| value(column, i)).collect::<Int64Array>()) };
        window.append(batch(&defs, (0..3).map(array).collect())?)?;
    }
    window.finish()?;
    log.checkpoint()?;
    let pool = Arc::new(FilePool::new(Arc::new(RealStorage), &folder.join("segments"), CACHE));
    let segments: Result<Vec<Segment>, _> = log.segments().iter().map(|entry| pool.segment(entry.id)).collect();
    let segments = segments?;
    let megabytes = rows as f64 * 8.0 / 1e6;
    for (column, name) in COLUMNS.iter().enumerate() {
        let plain: Vec<i64> = (0..rows).map(|i| value(column, i)).collect();
        let below = RANGES[column](rows);
        let expected = plain.iter().map(|&v| i128::from(v)).sum::<i128>();
        let kept = plain.iter().filter(|&&v| v < below).count();
        for turn in 0..=job.repeat {
            let (sum, memory) = timed(|| plain.iter().fold(0i64, |sum, &v| sum.wrapping_add(v)));
            if sum != expected as i64 {
                return Err("the plain sum is another".into());
            }
            let runs: [(&str, Run); 4] = [
                ("count", |segments, _, _| Ok(segments.iter().map(|s| i128::from(s.meta().rows)).sum())),
                ("sum", |segments, column, _| read(segments, column, i64::MAX, scan::sum)),
                ("min and max", |segments, column, _| ends(segments, column)),
                ("filter", |segments, column, below| {
                    read(segments, column, below, |values| scan::count_in(values, scan::Range::less(below)) as i128)
                }),
            ];
            let wanted = [rows.into(), expected, value_ends(&plain), kept as i128];
            for ((what, run), wanted) in runs.into_iter().zip(wanted) {
                let (found, seconds) = timed(|| run(&segments, column, below));
                if found? != wanted {
                    return Err(format!("{what} of {name} is another").into());
                }
                if turn == 0 {
                    continue; // It has read the file and compared the checksums.
                }
                let case = format!("scan {name}: {what}");
                figure(&case, "millrace", "time", "ms", "lower", seconds * 1e3, None);
                figure(&case, "sum over memory", "time", "ms", "lower", memory * 1e3, None);
                let goal = Some(OF_MEMORY);
                figure(&case, "millrace", "of memory bandwidth", "x", "higher", memory / seconds, goal);
            }
            if turn > 0 {
                let case = format!("scan {name}: sum");
                figure(&case, "memory", "sum bandwidth", "MB/s", "higher", megabytes / memory, None);
                let mut copy = vec![0i64; plain.len()];
                copy.copy_from_slice(&plain); // Touches the pages.
                let ((), seconds) = timed(|| copy.copy_from_slice(std::hint::black_box(&plain)));
                std::hint::black_box(&copy);
                figure(&case, "memory", "copy bandwidth", "MB/s", "higher", megabytes / seconds, None);
            }
        }
        let bytes: u64 =
            segments.iter().flat_map(|s| &s.meta().blocks).map(|b| u64::from(b.columns[column].bytes)).sum();
        let case = format!("scan {name}: sum");
        figure(&case, "millrace", "bits a value", "bits", "lower", bytes as f64 * 8.0 / rows as f64, None);
    }
    log.close();
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

type Run = fn(&[Segment], usize, i64) -> Result<i128, String>;

fn timed<T>(run: impl FnOnce() -> T) -> (T, f64) {
    let start = Instant::now();
    let result = std::hint::black_box(run());
    (result, start.elapsed().as_secs_f64())
}

/// Adds up what `each` says of every block that may have a value below `below`: the statistics tell, and it is read.
fn read(
    segments: &[Segment],
    column: usize,
    below: i64,
    each: impl Fn(&scan::Integers<'_>) -> i128,
) -> Result<i128, String> {
    let mut total = 0;
    for segment in segments {
        for (index, block) in segment.meta().blocks.iter().enumerate() {
            if matches!(block.columns[column].bounds, Some((Stat::Int(min), _)) if min >= below) {
                continue;
            }
            let encoded = segment.encoded(index, column).map_err(|e| e.message)?;
            let view = encoded.view().map_err(|why| why.0.to_string())?;
            let Values::Integers(values) = &view.values else { return Err("the column has no integers".into()) };
            total += each(values);
        }
    }
    Ok(total)
}

/// The statistics know it: nothing is read.
fn ends(segments: &[Segment], column: usize) -> Result<i128, String> {
    let mut found: Option<(i64, i64)> = None;
    for segment in segments {
        let Some((Stat::Int(min), Stat::Int(max))) = segment.meta().bounds(column) else {
            return Err("the column has no integer bounds".into());
        };
        found = Some(found.map_or((min, max), |(least, most)| (least.min(min), most.max(max))));
    }
    found.map(|(min, max)| i128::from(min) + i128::from(max)).ok_or("there are no rows".into())
}

fn value_ends(plain: &[i64]) -> i128 {
    let ends = plain.iter().min().zip(plain.iter().max());
    ends.map_or(0, |(&min, &max)| i128::from(min) + i128::from(max))
}
