//! One run: a random history against one database on a simulated disk, checked against the model at every turn. All of it
//! follows from the seed.

use std::sync::Arc;

use millrace_base::{Clock, Code, Epoch};
use millrace_log::{Durability, Log, LogOptions, Ticket};
use parking_lot::Mutex;

use crate::chance::{Dice, SimRng};
use crate::check::{allow, check_ledger, check_rows};
use crate::clock::SimClock;
use crate::damage::check_damage;
use crate::disk::SimDisk;
use crate::fault::{Fault, Op};
use crate::model::Model;
use crate::workload::{self, Sizes};

/// 2026-01-01.
const START_US: i64 = 1_767_225_600_000_000;
const RETRIES_MAX: usize = 3;

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
}

/// A step and how often it comes.
const STEPS: [(Step, u64); 14] = [
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
    (Step::Full, 2),
    (Step::Clock, 5),
    (Step::Maintain, 10),
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
    waiting: Vec<Ticket>,
    /// Epochs that `on_durable` has told of since the open.
    told: Arc<Mutex<Vec<Epoch>>>,
    /// A write has failed: no commit is taken until the next open.
    poisoned: bool,
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
        let often = if step == Step::Commit { 1 } else { *dice.pick(&[0, 1, 1, 2]) };
        vec![step; (weight * often) as usize]
    });
    let steps = steps.collect();
    let mut run = Run {
        disk: SimDisk::new(dice.fork()),
        clock: Arc::new(SimClock::new(START_US)),
        model: Model::default(),
        log: None,
        durability: Durability::Commit,
        waiting: Vec::new(),
        told: Arc::default(),
        poisoned: false,
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
                if self.dice.percent(80) { self.flush() } else { Ok(()) }
            }
            Step::Refused => self.submit_refused(),
            Step::Check => self.check(),
            Step::Close => self.reopen(End::Close),
            Step::Kill => self.reopen(End::Kill),
            Step::Crash => self.reopen(End::Crash),
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
                self.disk.limit_growth(*self.dice.pick(&[0, 100, 3000, 300_000]));
                Ok(())
            }
            Step::Clock => {
                let by = *self.dice.pick(&[1, 1000, 60_000_000, 86_400_000_000, -3_600_000_000, -86_400_000_000_000]);
                self.clock.shift(by);
                Ok(())
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
        match self.log().commit(commit.to_commit(&self.model.now)) {
            Ok(ticket) => {
                let expected = self.model.now.epoch + 1;
                if ticket.epoch().0 != expected {
                    return Err(format!("a commit got epoch {}, expected {expected}", ticket.epoch().0));
                }
                self.model.push(commit);
                self.waiting.push(ticket);
                Ok(())
            }
            Err(_) if self.poisoned => Ok(()),
            Err(error) if self.is_excused() => {
                self.say(|| format!("refused: {}", error.message));
                // A rotation that failed with no commit beside it is first told here.
                self.poisoned |= says_poisoned(&error);
                Ok(())
            }
            // The journal's next file could not be begun, with no commit beside it that could have been told.
            Err(error) if self.faulty && says_poisoned(&error) => {
                self.poisoned = true;
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
            Err(_) if self.poisoned || self.is_excused() => Ok(()),
            Err(error) if self.faulty && says_poisoned(&error) => {
                self.poisoned = true;
                Ok(())
            }
            Err(error) => Err(format!("refused with {:?} ({}), expected {code:?}", error.code, error.message)),
        }
    }

    /// Lets the log write what waits, and takes the answers.
    fn flush(&mut self) -> Result<(), String> {
        let Some(first) = self.waiting.first().map(|ticket| ticket.epoch().0) else { return Ok(()) };
        if !self.poisoned {
            let durable = if self.durability == Durability::Commit { self.log().durable_epoch().0 } else { 0 };
            self.model.testify(first, durable);
        }
        self.log().run_pending();
        let mut failed = None;
        for ticket in std::mem::take(&mut self.waiting) {
            let epoch = ticket.epoch();
            match ticket.wait() {
                Ok(answer) => {
                    if answer != epoch || failed.is_some() || self.poisoned {
                        return Err(format!("epoch {} was acknowledged as {} after {failed:?}", epoch.0, answer.0));
                    }
                    self.model.written = epoch.0;
                    if self.durability == Durability::Commit {
                        self.model.promised = epoch.0;
                    }
                }
                Err(error) => {
                    let code = matches!(error.code, Code::IoError | Code::DiskFull);
                    if !(code && (self.poisoned || self.is_excused())) {
                        return Err(format!("epoch {} failed with {:?}: {}", epoch.0, error.code, error.message));
                    }
                    failed = Some(error.message);
                }
            }
        }
        if let Some(why) = &failed {
            self.say(|| format!("failed: {why}"));
        }
        self.poisoned |= failed.is_some();
        let told = std::mem::take(&mut *self.told.lock());
        let expected: Vec<Epoch> = (first..=self.model.written).map(Epoch).collect();
        if told != expected {
            return Err(format!("told of epochs {told:?}, expected {expected:?}"));
        }
        self.check_durable_epoch()
    }

    fn check_durable_epoch(&self) -> Result<(), String> {
        let (durable, expected) = (self.log().durable_epoch().0, self.model.written);
        if durable == expected { Ok(()) } else { Err(format!("shows epoch {durable}, expected {expected}")) }
    }

    fn maintain(&mut self) -> Result<(), String> {
        if self.dice.percent(40) {
            self.log().request_rotation();
        }
        for _ in 0..self.dice.within(1..4) {
            match self.log().maintain() {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) if self.is_excused() || self.poisoned => {
                    self.say(|| format!("maintenance failed: {}", error.message));
                    break;
                }
                Err(error) => return Err(format!("maintenance failed with {:?}: {}", error.code, error.message)),
            }
        }
        Ok(())
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
        let excused = self.is_excused();
        let error = allow(rows, if excused { &[Code::IoError] } else { &[] })?;
        allow(check_ledger(self.log(), &self.model.now), &[])?;
        Ok(error)
    }

    /// Reads may fail; they may not lie, and they work again afterwards.
    fn check_with_read_faults(&mut self) -> Result<(), String> {
        let after = self.dice.below(12) as u32;
        self.disk.plan(Fault { op: Op::Read, after, times: 1, no_space: false, whole: false });
        let met = self.check_tolerant()?;
        self.say(|| format!("read with faults: {:?}", met.map(|e| e.message)));
        Ok(())
    }

    fn reopen(&mut self, end: End) -> Result<(), String> {
        if end == End::Close {
            self.flush()?;
        }
        self.stop(end)?;
        let faulty = self.dice.percent(25);
        let mut end = end;
        for _ in 0..RETRIES_MAX {
            if !faulty || !self.dice.percent(60) {
                break;
            }
            if self.dice.percent(50) {
                self.disk.cut_power_after(self.dice.within(1..12));
            } else {
                let op = *self.dice.pick(&Op::ALL);
                self.plan(op);
            }
            if self.try_open(end)? {
                self.disk.heal_faults_only();
                return self.after_open(end);
            }
            // A failed open is a process that has ended.
            end = if self.dice.percent(50) { End::Crash } else { End::Kill };
            if end == End::Crash { self.crash() } else { self.disk.kill() }
        }
        self.disk.heal();
        self.open(end)
    }

    fn crash(&mut self) {
        self.disk.crash();
        self.model.written = self.model.promised;
    }

    fn stop(&mut self, end: End) -> Result<(), String> {
        let log = self.log.take().expect("open between steps");
        let cut_before = self.disk.is_without_power();
        match end {
            End::Close => {
                log.close();
                drop(log);
                if !self.poisoned && !self.is_excused() {
                    self.model.promised = self.model.written;
                }
                // Whoever lost power meanwhile did not close.
                if self.disk.is_without_power() && !cut_before {
                    self.say(|| "the power went while closing".into());
                }
                self.disk.kill();
            }
            End::Kill => {
                self.disk.cut_power_after(0);
                drop(log);
                self.disk.kill();
            }
            End::Crash => {
                self.disk.cut_power_after(0);
                drop(log);
                self.crash();
            }
        }
        self.waiting.clear();
        self.told.lock().clear();
        Ok(())
    }

    fn open(&mut self, end: End) -> Result<(), String> {
        if !self.try_open(end)? {
            return Err("an open failed without a fault".into());
        }
        self.after_open(end)
    }

    fn log_options(&mut self) -> LogOptions {
        self.durability = if self.dice.percent(85) { Durability::Commit } else { Durability::None };
        LogOptions {
            storage: Arc::new(self.disk.clone()),
            clock: self.clock.clone(),
            rng: Arc::new(SimRng::new(self.dice.next())),
            durability: self.durability,
            background: false,
            journal_file_bytes: *self.dice.pick(&[1000, 8_000, 60_000, 64 << 20]),
            own_file_bytes: *self.dice.pick(&[0, 500, 3_000, 1 << 20]),
        }
    }

    /// False when it failed and may.
    fn try_open(&mut self, end: End) -> Result<bool, String> {
        let options = self.log_options();
        self.opens += 1;
        let told = self.told.clone();
        let opened = Log::open(None, options, Box::new(move |c| told.lock().push(c.epoch)));
        match opened {
            Ok(log) => {
                self.log = Some(log);
                Ok(true)
            }
            Err(error) => {
                self.say(|| format!("open after {end:?} failed: {}", error.message));
                let code = matches!(error.code, Code::IoError | Code::DiskFull);
                let excused = self.is_excused();
                if code && excused {
                    return Ok(false);
                }
                let detail = error.detail.unwrap_or_default();
                Err(format!("the open after {end:?} failed with {:?}: {} {detail}", error.code, error.message))
            }
        }
    }

    /// What is there again must be a prefix of what was handed in, and no shorter than promised.
    fn after_open(&mut self, end: End) -> Result<(), String> {
        let found = self.log().durable_epoch().0;
        let all = self.model.now.epoch;
        let least = self.model.written;
        self.say(|| format!("open after {end:?}: epoch {found}, at least {least}, at most {all}"));
        if found < least {
            return Err(format!("after {end:?} epoch {found} is the last, but {least} was promised (of {all})"));
        }
        if found > all {
            return Err(format!("after {end:?} epoch {found} is the last, but only {all} were handed in"));
        }
        self.model.truncate(found);
        self.model.written = found;
        self.poisoned = false;
        self.faulty = false;
        if self.durability == Durability::Commit {
            // Shown to readers from now on, so it may not go away any more.
            self.model.promised = found;
        }
        self.check_tolerant().map(|_| ())
    }

    /// The last checks of a run: a quiet close, and damage to copies of what it leaves behind.
    fn finish(&mut self) -> Result<(), String> {
        self.flush()?;
        self.reopen(End::Crash)?;
        self.disk.heal();
        self.check()?;
        self.stop(End::Close)?;
        self.crash();
        self.open(End::Crash)?;
        self.stop(End::Close)?;
        self.crash();
        check_damage(&self.disk, &self.model, &mut self.dice)
    }
}

/// Whether the log takes no more writes until it is opened again.
fn says_poisoned(error: &millrace_base::Error) -> bool {
    error.hint.as_deref().is_some_and(|hint| hint.contains("until it is opened again"))
}
