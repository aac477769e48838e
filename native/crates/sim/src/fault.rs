//! Which operations of the disk are to fail: a fault waits for some operations of its kind to pass, then fails the next
//! ones.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    Read,
    Write,
    SetLen,
    Allocate,
    Sync,
    SyncFolder,
    Open,
    Create,
    List,
    Remove,
    Rename,
}

impl Op {
    /// Those that a full disk can fail as well.
    pub const WRITING: [Op; 5] = [Op::Write, Op::Allocate, Op::Sync, Op::SetLen, Op::SyncFolder];
    pub const ALL: [Op; 11] = [
        Op::Read,
        Op::Write,
        Op::SetLen,
        Op::Allocate,
        Op::Sync,
        Op::SyncFolder,
        Op::Open,
        Op::Create,
        Op::List,
        Op::Remove,
        Op::Rename,
    ];
}

#[derive(Debug, Clone, Copy)]
pub struct Fault {
    pub op: Op,
    /// Operations of this kind that still succeed.
    pub after: u32,
    /// How many fail then.
    pub times: u32,
    /// ENOSPC rather than EIO.
    pub no_space: bool,
    /// A write fails before its first byte, rather than after some.
    pub whole: bool,
}

#[derive(Debug, Clone, Default)]
pub struct Faults {
    planned: Vec<Fault>,
    failed: bool,
}

impl Faults {
    pub fn plan(&mut self, fault: Fault) {
        self.planned.push(fault);
    }

    pub fn has_failed(&self) -> bool {
        self.failed
    }

    /// An operation failed for another reason.
    pub fn note(&mut self, failed: bool) {
        self.failed |= failed;
    }

    /// The fault that meets this operation, if any.
    pub fn meet(&mut self, op: Op) -> Option<Fault> {
        let mut met = None;
        for fault in self.planned.iter_mut().filter(|fault| fault.op == op) {
            if fault.after > 0 {
                fault.after -= 1;
            } else if fault.times > 0 {
                fault.times -= 1;
                met = Some(*fault);
            }
        }
        self.failed |= met.is_some();
        met
    }
}
