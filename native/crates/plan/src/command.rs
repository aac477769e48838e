//! What TypeScript can ask of the engine.

use millrace_base::RelationId;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::definition::CatalogChange;
use crate::expr::Expr;
use crate::rel::Rel;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ConflictAction {
    /// SQLSTATE 23505.
    Error,
    DoNothing,
    /// The new row replaces the one with its key.
    Replace,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    pub column: u32,
    pub value: Expr,
}

/// The head of an append of Arrow IPC rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Append {
    pub relation: RelationId,
    pub on_conflict: ConflictAction,
}

/// One request. `version` is `PLAN_VERSION` of the writer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// Result: Arrow with these column names.
    Query {
        version: u32,
        root: Rel,
        names: Vec<String>,
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
    },
    /// Expressions are over all columns of the table.
    Update {
        version: u32,
        relation: RelationId,
        assignments: Vec<Assignment>,
        predicate: Option<Expr>,
    },
    Delete {
        version: u32,
        relation: RelationId,
        predicate: Option<Expr>,
    },
    /// All or nothing, in one commit.
    Ddl {
        version: u32,
        changes: Vec<CatalogChange>,
    },
}
