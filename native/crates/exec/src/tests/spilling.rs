//! Queries with little memory: the same answers as with plenty, and nothing left behind, however they end.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};

use millrace_base::{Code, File, FileKind, Storage};
use millrace_plan::{AggregateFunction, Frame, FrameBound, FrameUnit, JoinKey, JoinKind, WindowCall, WindowFunction};

use super::parallel::{answer, in_order_within, plan, world};
use super::*;

/// Real files; writes fail or cancel the query when so many bytes have been written.
#[derive(Clone)]
struct Disk {
    left: Arc<AtomicI64>,
    cancel: Option<Arc<AtomicBool>>,
}

struct DiskFile(Box<dyn File>, Disk);

impl File for DiskFile {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_exact_at(buffer, offset)
    }
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if self.1.left.fetch_sub(bytes.len() as i64, Ordering::Relaxed) < bytes.len() as i64 {
            let Some(cancel) = &self.1.cancel else { return Err(io::Error::from_raw_os_error(28)) };
            cancel.store(true, Ordering::Relaxed);
        }
        self.0.write_all_at(bytes, offset)
    }
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }
    fn allocate(&self, offset: u64, len: u64) -> io::Result<()> {
        self.0.allocate(offset, len)
    }
    fn sync(&self) -> io::Result<()> {
        self.0.sync()
    }
}

impl Storage for Disk {
    fn open(&self, path: &Path, kind: FileKind) -> io::Result<Box<dyn File>> {
        Ok(Box::new(DiskFile(RealStorage.open(path, kind)?, self.clone())))
    }
    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        RealStorage.create_dir_all(path)
    }
    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        RealStorage.list(path)
    }
    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        RealStorage.remove(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealStorage.rename(from, to)
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        RealStorage.sync_dir(path)
    }
}

/// A memory whose files are in a folder of its own.
struct Small {
    folder: tempfile::TempDir,
    memory: Arc<Memory>,
}

impl Small {
    fn new(limit: usize) -> Self {
        Self::on(limit, RealStorage)
    }

    fn on(limit: usize, storage: impl Storage + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = SpillFolder::new(Arc::new(storage), Arc::new(SystemRng), folder.path().join("spill"));
        Self { memory: Arc::new(Memory::new(limit, files)), folder }
    }

    /// Nobody holds memory or a file any more.
    fn check_clean(&self) {
        assert_eq!(self.memory.held(), 0);
        let spill = self.folder.path().join("spill");
        assert!(!spill.exists() || spill.read_dir().unwrap().next().is_none());
        for open in Path::new("/proc/self/fd").read_dir().unwrap() {
            let target = std::fs::read_link(open.unwrap().path()).unwrap_or_default();
            assert!(!target.starts_with(&spill), "{target:?} is open");
        }
    }
}

#[test]
fn little_memory_changes_no_answer() {
    let mut random = random();
    let (alone, three) = (Workers::alone(), Workers::new(3));
    let (mut spilled, mut refused) = (0, 0);
    for round in 0..1200 {
        let mut world = world(&mut random);
        let rel = plan(&mut random);
        let expected = answer(&rel, &world, &alone);
        world.pieces = random.random();
        let small = Small::new([1, 5_000, 30_000, 100_000][round % 4]);
        match in_order_within(&rel, &world, &three, &small.memory) {
            Ok(mut found) => {
                found.sort();
                assert_eq!(found, expected, "round {round}: {rel:#?}");
            }
            // Some group or key has too many rows.
            Err(error) => {
                assert_eq!(error.code, Code::OutOfMemory, "{error:?}");
                refused += 1;
            }
        }
        spilled += usize::from(small.memory.spilled() > 0);
        small.check_clean();
    }
    eprintln!("{spilled} spilled, {refused} refused");
    assert!(spilled > 200, "only {spilled} of the plans needed files");
    assert!(refused < 120, "{refused} of the plans were refused");
}

#[test]
fn sorts_of_many_runs_are_sorted() {
    let mut random = random();
    for round in 0..60 {
        let count = random.random_range(0..6000);
        let input = rows(&mut random, count, 3, 10);
        let tables = tables(&mut random, &[(&input, 3)]);
        let keys = vec![key(0, random.random(), random.random()), key(1, random.random(), random.random())];
        let limit = random.random_bool(0.5).then(|| random.random_range(0..3000u64));
        let rel = Rel::Sort { input: scan(0, 3), keys, limit, offset: random.random_range(0..20) };
        let expected = run(&rel, &tables).unwrap();
        let small = Small::new([1, 20_000][round % 2]);
        // Ties too: they stay in the order of the input.
        assert_eq!(run_within(&rel, &tables, &small.memory).unwrap(), expected);
        assert!(small.memory.spilled() > 0 || count < 1500 || limit.is_some());
        small.check_clean();
    }
}

fn sum_over(partition: Vec<Expr>) -> Rel {
    let frame = Frame {
        unit: FrameUnit::Rows,
        start: FrameBound::UnboundedPreceding,
        end: FrameBound::CurrentRow,
        exclude: Default::default(),
    };
    let call = WindowCall {
        function: WindowFunction::Aggregate { aggregate: AggregateFunction::Sum },
        args: vec![column(2)],
        filter: None,
        frame,
        data_type: DataType::Numeric { precision: 38, scale: 0 },
    };
    Rel::Window { input: scan(0, 3), partition, order: vec![key(1, false, false)], calls: vec![call] }
}

#[test]
fn windows_are_computed_part_by_part() {
    let mut random = random();
    let mut input = rows(&mut random, 6000, 3, 300);
    // No partition of many rows.
    input.iter_mut().enumerate().for_each(|(at, row)| row[0] = row[0].or(Some(at as i64)));
    let tables = tables(&mut random, &[(&input, 3)]);
    let rel = sum_over(vec![column(0)]);
    let expected = sorted(run(&rel, &tables).unwrap());
    for limit in [1, 60_000] {
        let small = Small::new(limit);
        assert_eq!(sorted(run_within(&rel, &tables, &small.memory).unwrap()), expected);
        assert!(small.memory.spilled() > 0);
        small.check_clean();
    }
    // One partition of all rows cannot be cut.
    let small = Small::new(1);
    let error = run_within(&sum_over(vec![]), &tables, &small.memory).unwrap_err();
    assert_eq!(error.code, Code::OutOfMemory);
    assert!(error.hint.unwrap().contains("memory_limit"));
    small.check_clean();
}

/// A sort, a grouping and joins that need files when memory is little.
fn large() -> (Tables, Vec<Rel>) {
    let mut random = random();
    let (mut left, right) = (rows(&mut random, 8000, 3, 5000), rows(&mut random, 8000, 3, 5000));
    left.iter_mut().enumerate().for_each(|(at, row)| row[0] = row[0].or(Some(at as i64)));
    let tables = tables(&mut random, &[(&left, 3), (&right, 3)]);
    let keys = vec![JoinKey { left: column(0), right: column(0), nulls_equal: false }];
    let join = |kind| Rel::Join { kind, left: scan(0, 3), right: scan(1, 3), keys: keys.clone(), residual: None };
    let plans = vec![
        Rel::Sort { input: scan(0, 3), keys: vec![key(1, false, false)], limit: None, offset: 0 },
        Rel::Aggregate { input: scan(0, 3), group: vec![column(0), column(1)], aggregates: vec![] },
        join(JoinKind::Inner),
        join(JoinKind::Full),
        join(JoinKind::Anti),
        sum_over(vec![column(0)]),
    ];
    (tables, plans)
}

#[test]
fn a_full_disk_ends_the_query_only() {
    let (tables, plans) = large();
    for rel in &plans {
        for room in [0, 3000, 50_000] {
            let small = Small::on(1, Disk { left: Arc::new(AtomicI64::new(room)), cancel: None });
            let error = run_within(rel, &tables, &small.memory).unwrap_err();
            assert_eq!(error.code, Code::DiskFull, "{error:?}");
            assert!(error.hint.unwrap().contains("memory_limit"));
            small.check_clean();
        }
    }
    // So does a folder that cannot be made.
    let nowhere = SpillFolder::new(Arc::new(RealStorage), Arc::new(SystemRng), "/proc/no folder".into());
    let error = run_within(&plans[0], &tables, &Arc::new(Memory::new(1, nowhere))).unwrap_err();
    assert!(error.message.contains("/proc/no folder"), "{error:?}");
}

#[test]
fn a_cancelled_query_leaves_no_file() {
    let (tables, plans) = large();
    for rel in &plans {
        let cancel = Arc::new(AtomicBool::new(false));
        let left = Arc::new(AtomicI64::new(rand::random_range(0..60_000)));
        let small = Small::on(1, Disk { left, cancel: Some(cancel.clone()) });
        let workers = Workers::new(2);
        let context = ExecContext {
            now_us: 0,
            models: &NoModels,
            relations: &tables,
            cancel: &cancel,
            workers: &workers,
            memory: &small.memory,
        };
        assert_eq!(execute(rel, &tables, &context).unwrap_err().code, Code::QueryCanceled);
        small.check_clean();
    }
}

#[test]
fn a_folder_is_emptied() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spill");
    let files = SpillFolder::new(Arc::new(RealStorage), Arc::new(SystemRng), path.clone());
    files.empty().unwrap();
    assert!(!path.exists());
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join("7-0.tmp"), b"left by a killed process").unwrap();
    files.empty().unwrap();
    assert!(path.read_dir().unwrap().next().is_none());
}
