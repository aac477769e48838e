//! Real databases, small and always the same: the files that are damaged, and the ones beside them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arrow_array::builder::{Int64Builder, ListBuilder};
use arrow_array::{
    ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow_schema::{DataType as Arrow, Field, Schema};
use millrace_base::{Clock, Epoch, FileKind, RelationId, Result, Rng, Storage};
use millrace_log::segment::{CommitRun, FileWriter, SegmentKey, SegmentKind, segment_path};
use millrace_log::{
    Commit, Durability, GroupOffset, Log, LogOptions, MemoryStorage, RelationRows, SinkProgress, SourceOffset,
};
use millrace_plan::{CatalogChange, ColumnDef, DataType, Definition, DefinitionKind, arrow_schema};

pub const STREAM: RelationId = RelationId(1);
pub const TABLE: RelationId = RelationId(2);

/// A file by its path.
pub type Named = (PathBuf, Vec<u8>);

/// Time and chance that are the same at each run, so that the corpora are too.
struct Steady(AtomicU64);

impl Clock for Steady {
    fn now_us(&self) -> i64 {
        1_700_000_000_000_000 + self.0.fetch_add(1000, Ordering::Relaxed) as i64
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
}

impl Rng for Steady {
    fn next_u64(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

/// Opens what lies in memory, without threads.
pub fn open(storage: &Arc<MemoryStorage>, sealing: bool) -> Result<Log> {
    let options = LogOptions {
        storage: storage.clone(),
        clock: Arc::new(Steady(AtomicU64::new(0))),
        rng: Arc::new(Steady(AtomicU64::new(7))),
        background: false,
        journal_file_bytes: if sealing { 2048 } else { 1 << 30 },
        own_file_bytes: 1 << 20,
        cache_bytes: 1 << 20,
        ..LogOptions::real(Durability::Commit)
    };
    Log::open(None, options, Box::new(|_| {}))
}

fn columns() -> Vec<ColumnDef> {
    let column = |name: &str, data_type| ColumnDef { name: name.into(), data_type, nullable: true, default: None };
    vec![
        column("id", DataType::Bigint),
        column("text", DataType::Text),
        column("amount", DataType::Numeric { precision: 20, scale: 4 }),
        column("score", DataType::Double),
        column("at", DataType::Timestamptz),
        column("flag", DataType::Boolean),
    ]
}

/// One row for each id; what they hold is a function of it.
pub fn rows(ids: Range<i64>) -> RecordBatch {
    let fields: Vec<_> = columns().iter().map(ColumnDef::field).collect();
    let schema = Arc::new(arrow_schema(&fields));
    let ids: Vec<i64> = ids.collect();
    let texts = ids.iter().map(|id| (id % 7 != 0).then(|| "text ".repeat((id % 5) as usize)));
    let amounts = ids.iter().map(|id| (id % 4 != 0).then(|| i128::from(id * 10_007)));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(ids.iter().copied().collect::<Int64Array>()),
        Arc::new(texts.collect::<StringArray>()),
        Arc::new(amounts.collect::<Decimal128Array>().with_precision_and_scale(20, 4).expect("fits")),
        Arc::new(ids.iter().map(|id| *id as f64 / 8.0).collect::<Float64Array>()),
        Arc::new(ids.iter().map(|id| Some(id * 1_000_000)).collect::<TimestampMicrosecondArray>().with_timezone("UTC")),
        Arc::new(ids.iter().map(|id| (id % 3 != 0).then_some(id % 2 == 0)).collect::<BooleanArray>()),
    ];
    RecordBatch::try_new(schema, columns).expect("columns of the schema")
}

pub fn part(relation: RelationId, batch: RecordBatch, weights: Option<Vec<i64>>) -> RelationRows {
    RelationRows { relation, partition: 0, batch, weights: weights.map(Into::into) }
}

fn create() -> Commit {
    let definition = |id, name: &str, object| Definition {
        id,
        name: name.into(),
        schema: millrace_plan::PUBLIC.into(),
        sql: String::new(),
        object,
        depends_on: vec![],
    };
    let stream = DefinitionKind::Stream { columns: columns(), watermark: None, options: BTreeMap::new() };
    let table = DefinitionKind::Table { columns: columns(), primary_key: vec![0], options: BTreeMap::new() };
    let catalog = vec![
        CatalogChange::Create { definition: definition(STREAM, "s", stream) },
        CatalogChange::Create { definition: definition(TABLE, "t", table) },
    ];
    Commit { catalog, ..Commit::default() }
}

pub struct Database {
    pub files: Vec<Named>,
}

impl Database {
    pub fn make(sealed: bool) -> Self {
        let storage = Arc::new(MemoryStorage::default());
        let log = open(&storage, sealed).expect("an empty database");
        let commit = |commit: Commit| {
            let ticket = log.commit(commit).expect("a commit that fits");
            log.run_pending();
            ticket.wait().expect("memory takes every write");
            while sealed && log.maintain().expect("sealing in memory") {}
        };
        commit(create());
        for round in 0..if sealed { 24 } else { 6 } {
            let first = round * 10;
            let mut next = Commit {
                rows: vec![part(STREAM, rows(first..first + 4), None), part(TABLE, rows(first..first + 3), None)],
                offsets: vec![SourceOffset { source: STREAM, partition: 1, next_offset: first }],
                progress: vec![SinkProgress { sink: TABLE, epoch: Epoch(1) }],
                ..Commit::default()
            };
            let (group, next_offset) = ("g".to_string(), Some(first as u64));
            next.groups.push(GroupOffset { group, stream: STREAM, partition: 0, next_offset });
            commit(next);
            if round % 3 == 2 {
                // Of a row that lies in a segment by now, if there are any.
                let gone = rows(first - 20..first - 19);
                commit(Commit { rows: vec![part(TABLE, gone, Some(vec![-1]))], ..Commit::default() });
            }
        }
        log.close();
        Self { files: files_of(&storage) }
    }

    fn only(&self, extension: &str) -> PathBuf {
        let mut found = self.files.iter().filter(|(path, _)| path.extension().is_some_and(|e| e == extension));
        found.next_back().expect("the database has such a file").0.clone()
    }

    pub fn journal_path(&self) -> PathBuf {
        self.only("wal")
    }

    pub fn manifest_path(&self) -> PathBuf {
        self.only("mf")
    }

    /// A segment file that tells deaths of rows in another.
    pub fn deletes(&self) -> Named {
        let storage = storage(&self.files);
        let folder = Path::new("/memory/segments");
        let pool = Arc::new(millrace_log::segment::FilePool::new(storage, folder, 1 << 20));
        for (path, bytes) in &self.files {
            let Some(number) = path.file_stem().and_then(|s| s.to_str()?.parse::<u64>().ok()) else { continue };
            if path.extension().is_none_or(|e| e != "seg") {
                continue;
            }
            let file = pool.file(number).expect("a whole file");
            if file.meta.segments.iter().any(|s| matches!(s.key.kind, SegmentKind::Deletes { .. })) {
                return (path.clone(), bytes.clone());
            }
        }
        panic!("no segment tells of deaths");
    }

    /// The files, one of them replaced.
    pub fn with(&self, path: &Path, bytes: Vec<u8>) -> Vec<Named> {
        let others = self.files.iter().filter(|(other, _)| other != path).cloned();
        others.chain([(path.to_path_buf(), bytes)]).collect()
    }
}

fn files_of(storage: &MemoryStorage) -> Vec<Named> {
    let mut out = Vec::new();
    for folder in ["journal", "segments", "manifest"] {
        for path in storage.list(&Path::new("/memory").join(folder)).expect("memory") {
            let file = storage.open(&path, FileKind::Read).expect("memory");
            let mut bytes = vec![0; file.len().expect("memory") as usize];
            file.read_exact_at(&mut bytes, 0).expect("memory");
            if path.extension().is_some_and(|e| e != "spare") {
                out.push((path, bytes));
            }
        }
    }
    out.sort();
    out
}

pub fn storage(files: &[Named]) -> Arc<MemoryStorage> {
    let storage = MemoryStorage::default();
    for (path, bytes) in files {
        storage.open(path, FileKind::ReadWrite).and_then(|file| file.write_all_at(bytes, 0)).expect("memory");
    }
    Arc::new(storage)
}

/// An input that leaves checksums as they are.
pub fn input(file: &[u8]) -> Vec<u8> {
    [&[0], file].concat()
}

pub fn inputs(files: &[Named], extension: &str) -> Vec<Vec<u8>> {
    let named = files.iter().filter(|(path, _)| path.to_string_lossy().ends_with(extension));
    named.map(|(_, bytes)| input(bytes)).collect()
}

/// A segment file with columns of all kinds, nested ones too, and with data that each encoding is chosen for.
pub fn segment_file() -> Vec<u8> {
    let storage = Arc::new(MemoryStorage::default());
    let path = segment_path(Path::new("/segments"), 1);
    let mut lists = ListBuilder::new(Int64Builder::new());
    for row in 0..600 {
        (0..row % 4).for_each(|value| lists.values().append_value(value * row));
        lists.append(row % 11 != 0);
    }
    let numbers = |of: &dyn Fn(i64) -> Option<i64>| Arc::new((0..600).map(of).collect::<Int64Array>()) as ArrayRef;
    let words = (0..600).map(|row| (row % 13 != 0).then(|| ["Paris", "London", "Rome"][row % 3]));
    let unlike = (0..600).map(|row| format!("{}", (row as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    let parts: Vec<(&str, ArrayRef)> = vec![
        ("constant", numbers(&|_| Some(7))),
        ("rising", numbers(&|row| Some(1_000_000 + row * 3))),
        ("small", numbers(&|row| (row % 5 != 0).then_some(row * row % 97))),
        ("runs", numbers(&|row| Some(row / 100))),
        ("wide", numbers(&|row| Some(row.wrapping_mul(0x9e37_79b9_7f4a_7c15u64 as i64)))),
        ("words", Arc::new(words.collect::<StringArray>())),
        ("unlike", Arc::new(unlike.map(Some).collect::<StringArray>())),
        ("lists", Arc::new(lists.finish())),
    ];
    let fields: Vec<Field> = parts.iter().map(|(name, a)| Field::new(*name, a.data_type().clone(), true)).collect();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), parts.into_iter().map(|(_, a)| a).collect());
    let batch = batch.expect("columns of the schema");
    let mut writer = FileWriter::create(storage.clone(), &path, 1).expect("memory");
    let key = SegmentKey { relation: STREAM, partition: 0, kind: SegmentKind::Rows };
    writer.begin(key.clone(), &batch.schema(), 5).expect("a writer");
    let runs: Vec<CommitRun> =
        (0..6).map(|i| CommitRun { epoch: Epoch(i * i + 1), time_us: i as i64 * 10, rows: 100 }).collect();
    writer.append(&batch, &runs).expect("rows");
    writer.end().expect("a segment");
    // A second one without rows of that kind: files hold several.
    let few = Arc::new(Schema::new(vec![Field::new("flag", Arrow::Boolean, true)]));
    writer.begin(SegmentKey { partition: 1, ..key }, &few, 0).expect("a writer");
    let flags: BooleanArray = (0..9).map(|i| (i != 4).then_some(i % 2 == 0)).collect();
    let batch = RecordBatch::try_new(few, vec![Arc::new(flags)]).expect("columns of the schema");
    writer.append(&batch, &[CommitRun { epoch: Epoch(3), time_us: 4, rows: 9 }]).expect("rows");
    writer.end().expect("a segment");
    writer.finish().expect("a file");
    let file = storage.open(&path, FileKind::Read).expect("memory");
    let mut bytes = vec![0; file.len().expect("memory") as usize];
    file.read_exact_at(&mut bytes, 0).expect("memory");
    bytes
}
