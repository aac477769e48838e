//! How a run's process ends, and the opens after it, some of which fail.

use std::sync::Arc;
use std::time::Duration;

use millrace_base::Code;
use millrace_log::{Durability, Log, LogOptions};

use super::{End, Run};
use crate::chance::SimRng;
use crate::damage::check_damage;
use crate::fault::Op;

const RETRIES_MAX: usize = 3;

impl Run {
    pub(super) fn reopen(&mut self, end: End) -> Result<(), String> {
        let faulty = self.dice.percent(25);
        self.reopen_with(end, faulty)
    }

    /// `faulty`: with opens that fail.
    pub(super) fn reopen_with(&mut self, end: End, faulty: bool) -> Result<(), String> {
        if end == End::Close {
            self.flush()?;
        }
        self.stop(end)?;
        let mut end = end;
        for _ in 0..RETRIES_MAX {
            if !faulty || self.dice.percent(20) {
                break;
            }
            if self.dice.percent(50) {
                self.cut_power();
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
        self.due.clear();
        self.retention.clear();
        self.told.lock().clear();
        Ok(())
    }

    pub(super) fn open(&mut self, end: End) -> Result<(), String> {
        if !self.try_open(end)? {
            return Err("an open failed without a fault".into());
        }
        self.after_open(end)
    }

    fn log_options(&mut self) -> LogOptions {
        self.durability = if self.dice.percent(if self.sizes.alike { 30 } else { 80 }) {
            Durability::Commit
        } else if self.dice.percent(50) {
            Durability::None
        } else {
            Durability::Interval(Duration::from_secs(30))
        };
        LogOptions {
            storage: Arc::new(self.disk.clone()),
            clock: self.clock.clone(),
            rng: Arc::new(SimRng::new(self.dice.next())),
            durability: self.durability,
            background: false,
            journal_file_bytes: *self.dice.pick(&[1000, 1000, 8_000, 60_000, 64 << 20]),
            own_file_bytes: *self.dice.pick(&[0, 500, 3_000, 1 << 20]),
            cache_bytes: 10_000,
            ..LogOptions::real(self.durability)
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
        // Shown to readers from now on, so it may not go away any more.
        self.model.promised = found;
        self.synced = found;
        self.opened_at = found;
        self.poisoned = false;
        self.faulty = false;
        self.settle_starts();
        self.check_tolerant().map(|_| ())
    }

    /// The last checks of a run: a quiet close, and damage to copies of what it leaves behind.
    pub(super) fn finish(&mut self) -> Result<(), String> {
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
