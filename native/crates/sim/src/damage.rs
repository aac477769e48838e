//! Bit rot: on copies of a disk at rest, bits of durable files are flipped and sectors overwritten. The database must then
//! say which file is damaged, or answer rightly; it must never return a wrong row or panic.

use std::path::Path;
use std::sync::Arc;

use millrace_base::Code;
use millrace_log::{Durability, Log, LogOptions};

use crate::chance::{Dice, SimRng};
use crate::check::{allow, check_ledger, check_rows};
use crate::clock::SimClock;
use crate::disk::SimDisk;
use crate::inode::SECTOR_BYTES;
use crate::model::Model;

/// Damaged copies of each run.
const COPIES: usize = 4;

/// Damages one file; returns what was done, and whether it was a single bit.
fn damage(disk: &SimDisk, path: &Path, len: usize, dice: &mut Dice) -> (String, bool) {
    // Files end in zeros that were allocated ahead: where there is data, damage says more.
    let contents = disk.contents(path).unwrap_or_default();
    let used = contents.iter().rposition(|&byte| byte != 0).map_or(1, |last| last + 1);
    if dice.percent(75) {
        let end = if dice.percent(95) { used } else { len };
        let at = dice.below(end);
        let bit = dice.below(8);
        disk.damage(path, |bytes| bytes[at] ^= 1 << bit);
        return (format!("bit {bit} of byte {at} of {len} of {}", path.display()), true);
    }
    let start = dice.below(used) / SECTOR_BYTES * SECTOR_BYTES;
    let end = len.min(start + SECTOR_BYTES * (dice.below(3) + 1));
    let zeros = dice.percent(50);
    let mut noise = dice.fork();
    disk.damage(path, |bytes| {
        bytes[start..end].iter_mut().for_each(|byte| *byte = if zeros { 0 } else { noise.next() as u8 });
    });
    let with = if zeros { "zeros" } else { "noise" };
    (format!("{with} from byte {start} to {end} of {len} of {}", path.display()), false)
}

/// `disk` is at rest, with everything durable that `model` holds.
pub fn check_damage(disk: &SimDisk, model: &Model, dice: &mut Dice) -> Result<(), String> {
    let files = disk.files();
    for _ in 0..COPIES {
        let copy = disk.copy();
        let (path, len) = dice.pick(&files).clone();
        let (what, single) = damage(&copy, &path, len, dice);
        check_one(&copy, model, &path, single, dice).map_err(|why| format!("damage: {what}: {why}"))?;
    }
    Ok(())
}

fn check_one(disk: &SimDisk, model: &Model, path: &Path, single: bool, dice: &mut Dice) -> Result<(), String> {
    let options = LogOptions {
        storage: Arc::new(disk.clone()),
        clock: Arc::new(SimClock::new(0)),
        rng: Arc::new(SimRng::new(dice.next())),
        durability: Durability::Commit,
        background: false,
        ..LogOptions::memory()
    };
    let names_file = |error: &millrace_base::Error| {
        let name = path.file_name().expect("a file's name").to_string_lossy();
        let text = format!("{} {}", error.message, error.detail.as_deref().unwrap_or_default());
        // The last edit of a manifest cannot be told from one that was being written; what it has sealed is then missing
        // from the journal, or a segment that it gave up is, which says so.
        let of_manifest = path.extension().is_some_and(|e| e == "mf");
        let through_others = of_manifest && (text.contains(".wal") || text.contains("the file is missing"));
        if through_others || text.contains(&*name) {
            Ok(())
        } else {
            Err(format!("the error does not name the file: {text}"))
        }
    };
    let before: Vec<_> = disk.files();
    let log = match Log::open(None, options, Box::new(|_| {})) {
        Ok(log) => log,
        Err(error) if error.code == Code::DataCorrupted => {
            // Who repairs the file must find the others as they were.
            let after = disk.files();
            if let Some((gone, _)) = before.iter().find(|file| !after.contains(file)) {
                return Err(format!(
                    "\"{}\" was changed before the open failed with: {}",
                    gone.display(),
                    error.message
                ));
            }
            return names_file(&error);
        }
        Err(error) => return Err(format!("the open failed with {:?}: {}", error.code, error.message)),
    };
    let found = log.durable_epoch().0;
    // The newest commits cannot be told from ones that were being written when the power went.
    let least = if single { model.testified() } else { 0 };
    if found < least || found > model.now.epoch {
        return Err(format!("epoch {found} is the last, expected {least} to {}", model.now.epoch));
    }
    // Without the last edit of the manifest retention may not have dropped anything yet.
    let mut starts = model.starts.clone();
    if path.extension().is_some_and(|e| e == "mf") {
        for (&(id, partition), start) in &mut starts {
            let extents = log.extents(id);
            let found = extents.iter().find(|(p, _)| *p == partition).map(|(_, extent)| extent.start);
            *start = found.unwrap_or(*start).min(*start);
        }
    }
    let same = found == model.now.epoch && starts == model.starts;
    let state = if same { None } else { Some(model.at_with(found, &starts)) };
    let state = state.as_ref().unwrap_or(&model.now);
    allow(check_ledger(&log, state), &[])?;
    match allow(check_rows(&log, state, found, dice), &[Code::DataCorrupted])? {
        Some(error) => names_file(&error),
        None => Ok(()),
    }
}
