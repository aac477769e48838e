//! Messages a second of the JSON decoder on one core, beside arrow-json's tape decoder on the same messages.
//! `cargo run --release -p millrace-connect --example decode_rate [MESSAGES]` prints one JSON object (bench reads it).

use std::sync::Arc;
use std::time::Instant;

use arrow_schema::{Field, Schema};
use millrace_connect::JsonDecoder;
use millrace_plan::{ColumnDef, DataType};

const ROWS_A_BATCH: usize = 8192;
const ROUNDS: usize = 5;

fn main() {
    let count: usize = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let columns: Vec<ColumnDef> = [
        ("swipe_id", DataType::Bigint),
        ("card_id", DataType::Bigint),
        ("amount", DataType::Numeric { precision: 12, scale: 2 }),
        ("currency", DataType::Text),
        ("merchant", DataType::Text),
        ("city", DataType::Text),
        ("lat", DataType::Double),
        ("lon", DataType::Double),
        ("ts", DataType::Timestamptz),
    ]
    .map(|(name, data_type)| ColumnDef { name: name.to_owned(), data_type, nullable: true, default: None })
    .into();
    let messages: Vec<String> = (0..ROWS_A_BATCH).map(message).collect();
    let bytes: usize = messages.iter().map(String::len).sum();

    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(decode(&columns, &messages, count / ROUNDS));
        theirs.push(decode_arrow_json(&columns, &messages, count / ROUNDS));
    }
    let per_message = bytes as f64 / messages.len() as f64;
    let (ours, theirs) = (median(ours), median(theirs));
    let line = serde_json::json!({
        "messages": count, "bytes_a_message": per_message.round(), "messages_a_second": ours.round(),
        "megabytes_a_second": (ours * per_message / 1e6).round(), "arrow_json_messages_a_second": theirs.round(),
    });
    #[expect(clippy::print_stdout, reason = "the result of the program")]
    {
        println!("{line}");
    }
}

fn message(row: usize) -> String {
    format!(
        r#"{{"swipe_id":{},"card_id":{},"amount":{}.{:02},"currency":"EUR","merchant":"m-{}","city":"Nürnberg","lat":49.45{},"lon":11.07{},"ts":"2026-03-01T12:{:02}:{:02}.{:03}Z"}}"#,
        1_000_000 + row,
        row * 7 % 5000,
        row % 300,
        row % 100,
        row % 1000,
        row % 89,
        row % 97,
        row / 60 % 60,
        row % 60,
        row % 1000
    )
}

fn decode(columns: &[ColumnDef], messages: &[String], count: usize) -> f64 {
    let mut decoder = JsonDecoder::new(columns).expect("the columns are plain");
    let start = Instant::now();
    let mut done = 0;
    while done < count {
        for message in messages {
            decoder.push(message.as_bytes()).expect("the message is a row");
        }
        done += std::hint::black_box(decoder.finish()).num_rows();
    }
    done as f64 / start.elapsed().as_secs_f64()
}

fn decode_arrow_json(columns: &[ColumnDef], messages: &[String], count: usize) -> f64 {
    // Without its zone database, which is not built in, arrow-json knows offsets only.
    let layout = |data_type: DataType| match data_type {
        DataType::Timestamptz => {
            arrow_schema::DataType::Timestamp(arrow_schema::TimeUnit::Microsecond, Some("+00:00".into()))
        }
        other => other.to_arrow(),
    };
    let fields: Vec<Field> = columns.iter().map(|c| Field::new(&c.name, layout(c.data_type), true)).collect();
    let mut decoder = arrow_json::ReaderBuilder::new(Arc::new(Schema::new(fields)))
        .with_batch_size(messages.len())
        .build_decoder()
        .expect("the columns are plain");
    let start = Instant::now();
    let mut done = 0;
    while done < count {
        for message in messages {
            decoder.decode(message.as_bytes()).expect("the message is a row");
        }
        done += std::hint::black_box(decoder.flush().expect("rows").expect("rows")).num_rows();
    }
    done as f64 / start.elapsed().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
