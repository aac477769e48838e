//! The rows that are written: events as an auction site sends them, and records of one value.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use millrace_base::{RelationId, Storage};
use millrace_log::{Commit, Durability, Log, LogOptions, RelationRows};
use millrace_plan::{CatalogChange, ColumnDef, DataType, Definition, DefinitionKind, arrow_schema};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

pub const STREAM: RelationId = RelationId(1);
/// Bytes of an event's values.
pub const EVENT_BYTES: usize = 4 * 8 + 40 + 60 + 8;
const SEED: u64 = 20_261_104;

pub fn columns(of: &[(&str, DataType)]) -> Vec<ColumnDef> {
    of.iter()
        .map(|&(name, data_type)| ColumnDef { name: name.into(), data_type, nullable: true, default: None })
        .collect()
}

pub fn event_columns() -> Vec<ColumnDef> {
    use DataType::{Bigint, Text, Timestamp};
    let big = |name| (name, Bigint);
    columns(&[
        big("auction"),
        big("bidder"),
        big("price"),
        big("sequence"),
        ("url", Text),
        ("extra", Text),
        ("at", Timestamp),
    ])
}

pub fn batch(columns: &[ColumnDef], arrays: Vec<ArrayRef>) -> Result<RecordBatch, Box<dyn Error>> {
    let fields: Vec<_> = columns.iter().map(ColumnDef::field).collect();
    Ok(RecordBatch::try_new(Arc::new(arrow_schema(&fields)), arrays)?)
}

fn letters(random: &mut StdRng, len: usize) -> String {
    (0..len).map(|_| char::from(random.random_range(b'a'..=b'z'))).collect()
}

/// Batches of events, all different.
pub fn events(batches: usize, rows: usize) -> Result<Vec<RecordBatch>, Box<dyn Error>> {
    let mut random = StdRng::seed_from_u64(SEED);
    let columns = event_columns();
    (0..batches)
        .map(|number| {
            let first = (number * rows) as i64;
            let mut ints = |below: i64| -> ArrayRef {
                Arc::new((0..rows).map(|_| random.random_range(0..below)).collect::<Int64Array>())
            };
            let (auction, bidder, price) = (ints(100_000), ints(1_000_000), ints(10_000_000));
            let sequence: ArrayRef = Arc::new((0..rows as i64).map(|row| first + row).collect::<Int64Array>());
            let mut texts = |prefix: &str, len: usize| -> ArrayRef {
                let text = |_| Some(format!("{prefix}{}", letters(&mut random, len - prefix.len())));
                Arc::new((0..rows).map(text).collect::<StringArray>())
            };
            let (url, extra) = (texts("https://auctions.example/item/", 40), texts("", 60));
            let at: ArrayRef = Arc::new(
                (0..rows as i64)
                    .map(|row| Some(1_790_000_000_000_000 + (first + row) * 100))
                    .collect::<TimestampMicrosecondArray>(),
            );
            batch(&columns, vec![auction, bidder, price, sequence, url, extra, at])
        })
        .collect()
}

pub fn create(id: RelationId, columns: Vec<ColumnDef>) -> CatalogChange {
    let object = DefinitionKind::Stream { columns, watermark: None, options: BTreeMap::new() };
    let name = format!("stream {}", id.0);
    CatalogChange::Create {
        definition: Definition {
            id,
            name,
            schema: millrace_plan::PUBLIC.into(),
            sql: String::new(),
            object,
            depends_on: vec![],
        },
    }
}

pub fn rows(relation: RelationId, batch: RecordBatch) -> Commit {
    let part = RelationRows { relation, partition: 0, batch, weights: None };
    Commit { rows: vec![part], ..Commit::default() }
}

/// A database in `folder`, which is emptied, with one stream.
pub fn fresh(
    folder: &Path,
    storage: Arc<dyn Storage>,
    durability: Durability,
    columns: Vec<ColumnDef>,
) -> Result<Log, Box<dyn Error>> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    let log = Log::open(Some(folder), LogOptions { storage, ..LogOptions::real(durability) }, Box::new(|_| {}))?;
    log.commit(Commit { catalog: vec![create(STREAM, columns)], ..Commit::default() })?.wait()?;
    Ok(log)
}
