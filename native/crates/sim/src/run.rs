//! One run: a random history against one database on a simulated disk, checked against the model at every turn. All of it
//! follows from the seed.

mod reopen;
mod upkeep;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use millrace_base::{Clock, Code, Epoch, RelationId};
use millrace_log::{Durability, Log, Retention, Ticket};
use parking_lot::Mutex;

use crate::chance::Dice;
use crate::check::{allow, check_dropping, check_keys, check_ledger, check_rows};
use crate::clock::SimClock;
use crate::disk::SimDisk;
use crate::fault::{Fault, Op};
use crate::model::Model;
use crate::workload::{self, Sizes};

/// 2026-01-01.
const START_US: i64 = 1_767_225_600_000_000;

/// Hosts do set their clocks back, mostly by little.
const CLOCK_STEPS_US: [i64; 10] = [
    1,
    1000,
    60_000_000,
    60_000_000,
    60_000_000,
    86_400_000_000,
    86_400_000_000,
    -60_000_000,
    -3_600_000_000,
    -86_400_000_000_000,
];

#[derive(Debug, Clone, Copy)]
pub struct Options {
    pub seed: u64,
    /// Steps of the history.
    pub ops: usize,
    pub trace: bool,
}

#[derive(Debug)]
pub struct Failure {
    pub seed: u64,
    pub step: usize,
    pub what: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    pub epochs: u64,
    pub opens: u64,
    pub disk_operations: u64,
    /// Over everything that the disk holds at the end, to show that a seed repeats.
    pub fingerprint: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Commit,
    Group,
    Refused,
    Check,
    Close,
    Kill,
    Crash,
    CutPower,
    WriteFault,
    SyncFault,
    ReadFault,
    Full,
    Clock,
    Maintain,
    CutMaintenance,
    Retain,
    Horizon,
    Resume,
    Backup,
}

/// A step and how often it comes.
const STEPS: [(Step, u64); 19] = [
    (Step::Commit, 40),
    (Step::Group, 12),
    (Step::Refused, 4),
    (Step::Check, 5),
    (Step::Close, 3),
    (Step::Kill, 4),
    (Step::Crash, 6),
    (Step::CutPower, 4),
    (Step::WriteFault, 2),
    (Step::SyncFault, 2),
    (Step::ReadFault, 2),
    (Step::Full, 4),
    (Step::Clock, 5),
    (Step::Maintain, 10),
    (Step::CutMaintenance, 2),
    (Step::Retain, 4),
    (Step::Horizon, 8),
    (Step::Resume, 5),
    (Step::Backup, 1),
];

/// How the process came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Close,
    Kill,
    Crash,
}

struct Run {
    dice: Dice,
    disk: SimDisk,
    clock: Arc<SimClock>,
    model: Model,
    log: Option<Log>,
    durability: Durability,
    /// With the durability that each was promised.
    waiting: Vec<(Ticket, Durability)>,
    /// Epochs that `on_durable` has told of since the open.
    told: Arc<Mutex<Vec<Epoch>>>,
    /// A write has failed: no commit is taken until the next open.
    poisoned: bool,
    /// The last failure said that writing can go on when its cause is gone.
    resumable: bool,
    /// Epochs that are to be durable at a time on the clock.
    due: Vec<(Duration, u64)>,
    /// What an fsync has made durable: only that may testify for the frames behind it.
    synced: u64,
    /// The log's own retention is told once an open.
    retention: BTreeMap<RelationId, Retention>,
    /// The epoch that the open has shown: no transaction is older.
    opened_at: u64,
    /// Some fault was planned since the last open.
    faulty: bool,
    sizes: Sizes,
    steps: Vec<Step>,
    trace: bool,
    opens: u64,
}

/// Runs one seed.
pub fn run(options: Options) -> Result<Summary, Failure> {
    let mut dice = Dice::new(options.seed);
    let sizes = Sizes::any(&mut dice);
    // Each run does some things often and others never: bugs hide where many things happen at once, and also where
    // one thing happens again and again (Groce et al.: Swarm testing, 2012).
    let steps = STEPS.iter().flat_map(|&(step, weight)| {
        let often = match step {
            Step::Commit => 1,
            // Segments must be many before they are merged.
            Step::Maintain => *dice.pick(&[0, 1, 2, 4]),
            _ => *dice.pick(&[0, 1, 1, 2]),
        };
        vec![step; (weight * often) as usize]
    });
    let mut steps: Vec<Step> = steps.collect();
    if sizes.alike {
        steps.extend([Step::Crash; 10]);
        steps.extend([Step::Kill; 10]);
    }
    let mut run = Run {
        disk: SimDisk::new(dice.fork()),
        clock: Arc::new(SimClock::new(START_US)),
        model: Model::default(),
        log: None,
        durability: Durability::Commit,
        waiting: Vec::new(),
        told: Arc::default(),
        poisoned: false,
        resumable: false,
        due: Vec::new(),
        synced: 0,
        retention: BTreeMap::new(),
        opened_at: 0,
        faulty: false,
        sizes,
        steps,
        trace: options.trace,
        opens: 0,
        dice,
    };
    if options.trace {
        run.disk.trace();
    }
    let mut step = 0;
    let mut history = || -> Result<(), String> {
        run.open(End::Close)?;
        while step < options.ops {
            let next = *run.dice.pick(&run.steps);
            run.step(next).map_err(|what| format!("{next:?}: {what}"))?;
            step += 1;
        }
        run.finish()
    };
    history().map_err(|what| Failure { seed: options.seed, step, what })?;
    Ok(Summary {
        epochs: run.model.now.epoch,
        opens: run.opens,
        disk_operations: run.disk.operations(),
        fingerprint: run.disk.fingerprint(),
    })
}

impl Run {
    fn say(&self, what: impl FnOnce() -> String) {
        if self.trace {
            #[expect(clippy::print_stderr, reason = "asked for with --trace")]
            {
                eprintln!("  {}", what());
            }
        }
    }

    fn log(&self) -> &Log {
        self.log.as_ref().expect("open between steps")
    }

    /// Whether an operation may fail now.
    fn is_excused(&self) -> bool {
        self.disk.has_failed() || self.disk.is_without_power()
    }

    /// The codes with which a read may fail now.
    fn excuses(&self) -> &'static [Code] {
        if self.is_excused() { &[Code::IoError] } else { &[] }
    }

    fn step(&mut self, step: Step) -> Result<(), String> {
        self.say(|| format!("{step:?}"));
        match step {
            Step::Commit => {
                self.submit()?;
                self.flush()
            }
            Step::Group => {
                for _ in 0..self.dice.within(1..6) {
                    self.submit()?;
                }
                // Nothing of them is shown yet, and what they drop still is.
                if self.dice.percent(30) {
                    self.check()?;
                }
                if self.dice.percent(80) { self.flush() } else { Ok(()) }
            }
            Step::Refused => self.submit_refused(),
            Step::Check => self.check(),
            Step::Close => self.reopen(End::Close),
            Step::Kill => self.reopen(End::Kill),
            Step::Crash => self.reopen(End::Crash),
            Step::CutMaintenance => self.cut_maintenance(),
            Step::Retain => self.retain(),
            Step::Horizon => self.raise_horizon(),
            Step::Resume => self.resume(),
            Step::Backup => self.backup(),
            Step::CutPower => {
                self.faulty = true;
                self.disk.cut_power_after(self.dice.within(1..20));
                Ok(())
            }
            Step::WriteFault => {
                let op = *self.dice.pick(&Op::WRITING);
                self.plan(op);
                Ok(())
            }
            Step::SyncFault => {
                self.plan(Op::Sync);
                Ok(())
            }
            Step::ReadFault => self.check_with_read_faults(),
            Step::Full => {
                if self.dice.percent(50) {
                    // Also where the space was allocated before, as on a file system that copies on write.
                    self.faulty = true;
                    let after = self.dice.below(3) as u32;
                    self.disk.plan(Fault { op: Op::Write, after, times: 1, no_space: true, whole: false });
                }
                self.disk.limit_growth(*self.dice.pick(&[0, 100, 3000, 300_000]));
                Ok(())
            }
            Step::Clock => {
                let by = *self.dice.pick(&CLOCK_STEPS_US);
                self.clock.shift(by);
                if self.dice.percent(70) { self.run_due() } else { Ok(()) }
            }
            Step::Maintain => self.maintain(),
        }
    }

    fn plan(&mut self, op: Op) {
        self.faulty = true;
        let dice = &mut self.dice;
        let after = if dice.percent(60) { 0 } else { dice.below(6) as u32 };
        let times = if dice.percent(70) { 1 } else { 1000 };
        self.disk.plan(Fault { op, after, times, no_space: dice.percent(30), whole: dice.percent(30) });
    }

    fn submit(&mut self) -> Result<(), String> {
        let mut commit = workload::commit(&self.model.now, self.sizes, &mut self.dice);
        commit.time_us = self.model.now.time_us.max(self.clock.now_us());
        let durability = commit.durability.unwrap_or(self.durability);
        match self.log().commit(commit.to_commit(&self.model.now)) {
            Ok(ticket) => {
                let expected = self.model.now.epoch + 1;
                if ticket.epoch().0 != expected {
                    return Err(format!("a commit got epoch {}, expected {expected}", ticket.epoch().0));
                }
                self.model.push(commit);
                self.waiting.push((ticket, durability));
                Ok(())
            }
            Err(_) if self.poisoned => Ok(()),
            Err(error) if self.is_excused() => {
                self.say(|| format!("refused: {}", error.message));
                // A rotation that failed with no commit beside it is first told here.
                self.note_poison(&error);
                Ok(())
            }
            // The journal's next file could not be begun, with no commit beside it that could have been told.
            Err(error) if self.faulty && is_poison(&error) => {
                self.note_poison(&error);
                Ok(())
            }
            Err(error) => Err(format!("a valid commit was refused with {:?}: {}", error.code, error.message)),
        }
    }

    fn submit_refused(&mut self) -> Result<(), String> {
        let Some((mut commit, code)) = workload::refused(&self.model.now, self.sizes, &mut self.dice) else {
            return Ok(());
        };
        commit.time_us = self.model.now.time_us;
        match self.log().commit(commit.to_commit(&self.model.now)) {
            Ok(_) => Err(format!("a commit was taken that {code:?} forbids")),
            Err(error) if error.code == code => Ok(()),
            Err(error) if self.poisoned || self.is_excused() || (self.faulty && is_poison(&error)) => {
                self.note_poison(&error);
                Ok(())
            }
            Err(error) => Err(format!("refused with {:?} ({}), expected {code:?}", error.code, error.message)),
        }
    }

    /// Lets the log write what waits, and takes the answers.
    fn flush(&mut self) -> Result<(), String> {
        let Some(first) = self.waiting.first().map(|(ticket, _)| ticket.epoch().0) else { return Ok(()) };
        if !self.poisoned {
            self.model.testify(first, self.synced);
        }
        self.log().run_pending();
        let mut failed = None;
        for (ticket, durability) in std::mem::take(&mut self.waiting) {
            let epoch = ticket.epoch();
            match ticket.wait() {
                Ok(answer) => {
                    if answer != epoch || failed.is_some() || self.poisoned {
                        return Err(format!("epoch {} was acknowledged as {} after {failed:?}", epoch.0, answer.0));
                    }
                    self.model.written = epoch.0;
                    if let Durability::Interval(every) = durability {
                        self.due.push((self.clock.elapsed() + every, epoch.0));
                    }
                    if durability == Durability::Commit {
                        // And with it all before it.
                        self.model.promised = epoch.0;
                        self.synced = epoch.0;
                    }
                }
                Err(error) => {
                    let code = matches!(error.code, Code::IoError | Code::DiskFull);
                    if !(code && (self.poisoned || self.is_excused())) {
                        return Err(format!("epoch {} failed with {:?}: {}", epoch.0, error.code, error.message));
                    }
                    self.note_poison(&error);
                    failed = Some(error.message);
                }
            }
        }
        if let Some(why) = &failed {
            self.say(|| format!("failed: {why}"));
        }
        self.poisoned |= failed.is_some();
        self.note_due();
        let told = std::mem::take(&mut *self.told.lock());
        let expected: Vec<Epoch> = (first..=self.model.written).map(Epoch).collect();
        if told != expected {
            return Err(format!("told of epochs {told:?}, expected {expected:?}"));
        }
        self.check_durable_epoch()
    }

    /// The journal thread wakes when something is due, whether there are commits or not.
    fn run_due(&mut self) -> Result<(), String> {
        if !self.waiting.is_empty() {
            return self.flush();
        }
        self.log().run_pending();
        self.note_due();
        Ok(())
    }

    /// What was due has been made durable, unless that failed.
    fn note_due(&mut self) {
        if self.poisoned || self.is_excused() {
            return;
        }
        let now = self.clock.elapsed();
        let done = self.due.iter().filter(|(due, _)| *due <= now).map(|(_, epoch)| *epoch).max();
        self.model.promised = self.model.promised.max(done.unwrap_or(0));
        self.due.retain(|(due, _)| *due > now);
    }

    fn note_poison(&mut self, error: &millrace_base::Error) {
        if !self.poisoned && is_poison(error) {
            self.poisoned = true;
            self.resumable = is_resumable(error);
        }
    }

    fn check_durable_epoch(&self) -> Result<(), String> {
        let (durable, expected) = (self.log().durable_epoch().0, self.model.written);
        if durable == expected { Ok(()) } else { Err(format!("shows epoch {durable}, expected {expected}")) }
    }

    fn check(&mut self) -> Result<(), String> {
        self.check_tolerant().map(|_| ())
    }

    /// Rows as of what may be shown; everything else as of the last commit that was taken.
    fn check_tolerant(&mut self) -> Result<Option<millrace_base::Error>, String> {
        self.check_durable_epoch()?;
        let as_of = self.model.written;
        let mut dice = self.dice.fork();
        let rows = check_rows(self.log(), &self.model.now, as_of, &mut dice);
        let error = allow(rows, self.excuses())?;
        if !self.waiting.is_empty() {
            let shown = self.model.at(as_of);
            allow(check_dropping(self.log(), &shown, &self.model.now, &mut dice), self.excuses())?;
        }
        allow(check_ledger(self.log(), &self.model.now), &[])?;
        let keys = check_keys(self.log(), &self.model.now, self.opened_at, &mut dice);
        let refused = allow(keys, self.excuses())?;
        Ok(error.or(refused))
    }

    /// Reads may fail; they may not lie, and they work again afterwards.
    fn check_with_read_faults(&mut self) -> Result<(), String> {
        let after = self.dice.below(12) as u32;
        self.disk.plan(Fault { op: Op::Read, after, times: 1, no_space: false, whole: false });
        let met = self.check_tolerant()?;
        self.say(|| format!("read with faults: {:?}", met.map(|e| e.message)));
        Ok(())
    }
}

/// Whether the log takes no more writes until it is opened again, or until the cause is gone.
fn is_poison(error: &millrace_base::Error) -> bool {
    let says = |words| error.hint.as_deref().is_some_and(|hint| hint.contains(words));
    says("until it is opened again") || is_resumable(error)
}

fn is_resumable(error: &millrace_base::Error) -> bool {
    error.hint.as_deref().is_some_and(|hint| hint.contains("Writes go on when the cause is gone"))
}
