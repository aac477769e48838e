//! What TypeScript can ask of the engine.

use millrace_base::RelationId;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::consumer::{PartitionOffset, Position, Seek};
use crate::definition::CatalogChange;
use crate::expr::Expr;
use crate::inspection::Inspection;
use crate::rel::Rel;

/// What becomes of a new row whose primary key is there already.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum ConflictAction {
    /// SQLSTATE 23505.
    Error,
    DoNothing,
    /// The new row replaces the one with its key; of several new rows with one key the last wins.
    Replace,
    /// The row that is there gets the assigned columns where `predicate` is true and stays as it is elsewhere. Expressions
    /// are over all columns of the row that is there, followed by all columns of the new row (`excluded`). A key that comes
    /// twice in one statement is SQLSTATE 21000. Only updated and added rows are counted.
    Update {
        assignments: Vec<Assignment>,
        predicate: Option<Expr>,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    pub column: u32,
    pub value: Expr,
}

/// The head of an append of Arrow IPC rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Append {
    pub relation: RelationId,
    pub on_conflict: ConflictAction,
    /// As in `Command`.
    pub transaction: Option<u64>,
}

/// One request. `version` is `PLAN_VERSION` of the writer. `transaction` is the number that `Begin` gave: the statement
/// reads that transaction's snapshot and its own writes, and what it writes waits for `Commit`; without it a statement is
/// a transaction of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// Result: Arrow with these column names.
    Query {
        version: u32,
        root: Rel,
        names: Vec<String>,
        transaction: Option<u64>,
    },
    /// As a query, then its changes. Batches carry `epoch` and `weight` beside the rows.
    Subscribe {
        version: u32,
        root: Rel,
        names: Vec<String>,
        snapshot: bool,
    },
    /// `source` gives every column of the relation, in order.
    Insert {
        version: u32,
        relation: RelationId,
        source: Rel,
        on_conflict: ConflictAction,
        transaction: Option<u64>,
    },
    /// Expressions are over all columns of the table.
    Update {
        version: u32,
        relation: RelationId,
        assignments: Vec<Assignment>,
        predicate: Option<Expr>,
        transaction: Option<u64>,
    },
    Delete {
        version: u32,
        relation: RelationId,
        predicate: Option<Expr>,
        transaction: Option<u64>,
    },
    /// All rows of these tables and streams go, in one commit. A stream's offsets go on where they were.
    Truncate {
        version: u32,
        relations: Vec<RelationId>,
        transaction: Option<u64>,
    },
    /// Takes the snapshot. Answered with the transaction's number.
    Begin {
        version: u32,
        read_only: bool,
    },
    /// One commit with all that the transaction wrote; SQLSTATE 40001 if another one was first. The number ends either way.
    Commit {
        version: u32,
        transaction: u64,
    },
    Rollback {
        version: u32,
        transaction: u64,
    },
    /// A further savepoint of the transaction; they are counted from 0.
    Savepoint {
        version: u32,
        transaction: u64,
    },
    /// Forgets what the transaction wrote since the savepoint, and the savepoints after it; SQLSTATE 3B001 if there is none.
    RollbackTo {
        version: u32,
        transaction: u64,
        savepoint: u32,
    },
    /// Forgets the savepoint and those after it, and keeps what was written.
    Release {
        version: u32,
        transaction: u64,
        savepoint: u32,
    },
    /// All or nothing, in one commit.
    Ddl {
        version: u32,
        changes: Vec<CatalogChange>,
    },
    /// Seals what is in the journal now; answered when its segments are durable.
    Checkpoint {
        version: u32,
    },
    /// Lets the clock of a database that was opened with one of its own go on; answered when what that brings about is durable.
    /// SQLSTATE 55000 of one that goes by the system's.
    AdvanceClock {
        version: u32,
        by_us: u64,
    },
    /// A consistent copy in a folder that must be empty or not exist.
    Backup {
        version: u32,
        path: String,
    },
    /// What the engine knows of itself, as rows: run and cancelled as a query is.
    Inspect {
        version: u32,
        what: Inspection,
    },
    /// A new member of a consumer group, which gets a share of the stream's partitions. It reads the listed columns.
    ConsumerOpen {
        version: u32,
        group: String,
        stream: RelationId,
        columns: Vec<u32>,
        /// Where partitions are read from for which the group has committed nothing.
        from: Position,
    },
    /// Keeps the offsets that the group reads next, durably. `member` is who commits, and must still own the partitions.
    ConsumerCommit {
        version: u32,
        group: String,
        stream: RelationId,
        member: u64,
        offsets: Vec<PartitionOffset>,
        transaction: Option<u64>,
    },
    /// Moves a group that has no members now, durably; SQLSTATE 55006 if it has some.
    ConsumerSeek {
        version: u32,
        group: String,
        stream: RelationId,
        seek: Seek,
    },
    /// Forgets the places of a group that has no members now, durably; SQLSTATE 55006 if it has some, 42704 if there is no
    /// such group.
    ConsumerDrop {
        version: u32,
        group: String,
        stream: RelationId,
        if_exists: bool,
    },
    /// UPDATE, DELETE and MERGE whose rows a query finds. `source` gives for each row what happens (an INTEGER: 1 insert,
    /// 2 update, 3 delete; anything else nothing), all columns of the row that is there, all columns of the new row, and
    /// further columns that only `Returning` reads. Rows that are equal in a table without a primary key share one fate.
    Modify {
        version: u32,
        relation: RelationId,
        source: Rel,
        /// What a second row for the same target row is: SQLSTATE 21000, or nothing.
        refuse_repeats: bool,
        transaction: Option<u64>,
    },
    /// A write, and rows of what it did: `exprs` are over all columns of the row that came (of DELETE: that went), followed
    /// by the further columns of `Modify`.
    Returning {
        version: u32,
        write: Box<Command>,
        exprs: Vec<Expr>,
        names: Vec<String>,
    },
}

impl Command {
    pub fn version(&self) -> u32 {
        match self {
            Self::Query { version, .. }
            | Self::Subscribe { version, .. }
            | Self::Insert { version, .. }
            | Self::Update { version, .. }
            | Self::Delete { version, .. }
            | Self::Truncate { version, .. }
            | Self::Begin { version, .. }
            | Self::Commit { version, .. }
            | Self::Rollback { version, .. }
            | Self::Ddl { version, .. }
            | Self::Checkpoint { version }
            | Self::AdvanceClock { version, .. }
            | Self::Backup { version, .. }
            | Self::Inspect { version, .. }
            | Self::ConsumerOpen { version, .. }
            | Self::ConsumerCommit { version, .. }
            | Self::Savepoint { version, .. }
            | Self::RollbackTo { version, .. }
            | Self::Release { version, .. }
            | Self::ConsumerSeek { version, .. }
            | Self::Modify { version, .. }
            | Self::Returning { version, .. }
            | Self::ConsumerDrop { version, .. } => *version,
        }
    }

    /// The transaction that the command is a part of.
    pub fn transaction(&self) -> Option<u64> {
        match self {
            Self::Query { transaction, .. }
            | Self::Insert { transaction, .. }
            | Self::Update { transaction, .. }
            | Self::Delete { transaction, .. }
            | Self::Truncate { transaction, .. }
            | Self::Modify { transaction, .. }
            | Self::ConsumerCommit { transaction, .. } => *transaction,
            Self::Commit { transaction, .. }
            | Self::Rollback { transaction, .. }
            | Self::Savepoint { transaction, .. }
            | Self::RollbackTo { transaction, .. }
            | Self::Release { transaction, .. } => Some(*transaction),
            Self::Returning { write, .. } => write.transaction(),
            _ => None,
        }
    }
}
