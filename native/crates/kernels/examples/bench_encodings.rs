//! How fast columns are encoded, decoded and scanned: GB/s of the decoded column, one core.
#![expect(clippy::print_stdout, reason = "a benchmark prints")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, StringArray};
use millrace_kernels::encodings::{Encoded, Reader, Values, decode, encode};
use millrace_kernels::scan;

const ROWS: usize = 64 * 1024;
const ROUNDS: usize = 200;

fn main() {
    let mut state = 42u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut ints = |f: &mut dyn FnMut(u64, i64) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from((0..ROWS as i64).map(|i| f(random(), i)).collect::<Vec<_>>()))
    };
    let cities = ["Lisbon", "New York", "Saint-Remy-de-Provence", "Rome", "Kyoto", "Oslo", "Lagos"];
    let mut columns: Vec<(String, ArrayRef)> = vec![("constant".into(), ints(&mut |_, _| 7))];
    for bits in [4, 8, 12, 16, 20, 24, 32, 40, 64] {
        columns.push((format!("random {bits} bits"), ints(&mut |r, _| (r >> (64 - bits)) as i64)));
    }
    let mut time = 1_700_000_000_000_000;
    columns.push((
        "times".into(),
        ints(&mut |r, _| {
            time += (r % 200) as i64;
            time
        }),
    ));
    columns.push(("runs".into(), ints(&mut |_, i| (i / 300) * 1_000_003)));
    columns.push(("500 wide values".into(), ints(&mut |r, _| ((r % 500) as i64) << 40)));
    let prices: Vec<f64> = (0..ROWS).map(|i| ((i * 7919) % 50_000) as f64 / 100.0).collect();
    columns.push(("prices".into(), Arc::new(Float64Array::from(prices))));
    let names: Vec<&str> = (0..ROWS).map(|i| cities[i * i % 7]).collect();
    columns.push(("cities".into(), Arc::new(StringArray::from(names))));
    println!(
        "{:<18} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}",
        "GB/s", "bits/row", "encode", "decode", "sum", "min_max", "count", "filter"
    );
    for (name, column) in columns {
        let size = column.to_data().get_slice_memory_size().expect("arrays have a size") as f64;
        let mut bytes = Vec::new();
        let speed = |rounds: usize, work: &mut dyn FnMut()| {
            work();
            let start = Instant::now();
            (0..rounds).for_each(|_| work());
            size * rounds as f64 / start.elapsed().as_secs_f64() / 1e9
        };
        let written = speed(ROUNDS / 10, &mut || {
            bytes.clear();
            encode(&column, &mut bytes).expect("the type is stored");
        });
        let read = speed(ROUNDS, &mut || {
            black_box(decode(&mut Reader::new(&bytes), column.data_type(), ROWS).expect("just written"));
        });
        print!("{name:<18} {:>8.2} {written:>8.2} {read:>8.2}", bytes.len() as f64 * 8.0 / ROWS as f64);
        let encoded = Encoded::new(&bytes, column.data_type(), ROWS).expect("just written");
        if let Values::Integers(_) = encoded.values {
            let middle = column.as_any().downcast_ref::<Int64Array>().expect("integers").value(ROWS / 2);
            let each = |work: &dyn Fn(&scan::Integers<'_>)| {
                speed(ROUNDS, &mut || {
                    let encoded = Encoded::new(&bytes, column.data_type(), ROWS).expect("just written");
                    let Values::Integers(values) = &encoded.values else { unreachable!("integers stay integers") };
                    work(values);
                })
            };
            let sum = each(&|values| {
                black_box(scan::sum(values));
            });
            let ends = each(&|values| {
                black_box(scan::min_max(values));
            });
            let count = each(&|values| {
                black_box(scan::count_in(values, scan::Range::less(middle)));
            });
            let filter = each(&|values| {
                black_box(scan::in_range(values, scan::Range::less(middle)));
            });
            print!(" {sum:>8.2} {ends:>8.2} {count:>8.2} {filter:>8.2}");
        }
        println!();
    }
}
