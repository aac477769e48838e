//! Catalog objects. A definition is stored in the journal with the SQL that made it, and is all that the engine
//! needs to run the object again after a restart.

use std::collections::BTreeMap;

use millrace_base::RelationId;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::expr::Expr;
use crate::rel::Rel;
use crate::types::{DataType, Field};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct ColumnDef {
    pub name: String,
    pub data_type: DataType,
    pub nullable: bool,
    /// Bound without columns; absent means NULL.
    pub default: Option<Expr>,
}

impl ColumnDef {
    pub fn field(&self) -> Field {
        Field { name: self.name.clone(), data_type: self.data_type, nullable: self.nullable }
    }
}

/// WATERMARK FOR column AS column - delay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Watermark {
    pub column: u32,
    pub delay_us: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum StartupMode {
    Earliest,
    Latest,
}

/// JSON messages of a topic. Offsets are kept in the journal, not by Kafka.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct KafkaSource {
    pub brokers: String,
    pub topic: String,
    pub startup: StartupMode,
    /// The stream that takes messages that cannot be decoded.
    pub dead_letters: RelationId,
    /// Further client settings, `properties.…` without that prefix.
    pub properties: BTreeMap<String, String>,
}

/// FORMAT UPSERT ENCODE JSON: the key columns as JSON in the message key; a deleted row is a tombstone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct KafkaSink {
    pub brokers: String,
    pub topic: String,
    pub properties: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum DefinitionKind {
    Stream {
        columns: Vec<ColumnDef>,
        watermark: Option<Watermark>,
        options: BTreeMap<String, String>,
    },
    Table {
        columns: Vec<ColumnDef>,
        primary_key: Vec<u32>,
        options: BTreeMap<String, String>,
    },
    /// A stream that the engine fills from outside.
    Source {
        columns: Vec<ColumnDef>,
        watermark: Option<Watermark>,
        kafka: KafkaSource,
        /// Sources of an earlier release have none.
        #[serde(default)]
        options: BTreeMap<String, String>,
    },
    /// CREATE VIEW: expanded by the binder from its SQL; the engine only keeps it.
    View {
        columns: Vec<Field>,
    },
    MaterializedView {
        columns: Vec<Field>,
        query: Rel,
    },
    Sink {
        from: RelationId,
        key: Vec<u32>,
        kafka: KafkaSink,
    },
    Model {
        /// The ONNX file's bytes; empty where the catalog is listed.
        #[serde(with = "serde_bytes")]
        #[ts(type = "Uint8Array")]
        onnx: Vec<u8>,
        path: String,
        /// The number of features; filled by the engine when the model is made.
        inputs: u32,
    },
    /// CREATE INDEX and UNIQUE. A unique one is enforced: no two rows have equal values in its columns, of which none is NULL.
    Index {
        table: RelationId,
        columns: Vec<IndexColumn>,
        unique: bool,
        /// Made by a constraint of the table, and dropped with that only.
        constraint: bool,
    },
    /// CHECK: not false for any row of the table. Over all of its columns.
    Check {
        table: RelationId,
        predicate: Expr,
    },
    /// CREATE SCHEMA. `public` is there without.
    Schema {},
    /// GENERATED ALWAYS AS (…) STORED: what the column is in every row. Over all columns of the table; those that are
    /// generated too are NULL in it.
    Generated {
        table: RelationId,
        column: u32,
        expr: Expr,
    },
    /// GENERATED … AS IDENTITY and SERIAL: where a new row has NULL in the column, it gets the next number. How far numbers
    /// were given is stored under the object's own id, as a table of one row.
    Identity {
        table: RelationId,
        column: u32,
        /// Whether a statement may give other values only with OVERRIDING SYSTEM VALUE.
        always: bool,
        start: i64,
        /// Not 0.
        increment: i64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct IndexColumn {
    pub column: u32,
    pub descending: bool,
    pub nulls_first: bool,
}

/// The schema of what says nothing of one.
pub const PUBLIC: &str = "public";

fn public() -> String {
    PUBLIC.into()
}

impl DefinitionKind {
    /// Whether it has rows that are replaced and removed, apart from streams, which only grow.
    pub fn is_table(&self) -> bool {
        matches!(self, Self::Table { .. } | Self::Identity { .. })
    }

    /// What is stored of an identity column: no number that was given lies beyond `last`.
    pub fn identity_columns() -> Vec<ColumnDef> {
        vec![ColumnDef { name: "last".into(), data_type: DataType::Bigint, nullable: false, default: None }]
    }

    /// Puts other options in the place of a stream's, a source's or a table's; false for what has none.
    pub fn set_options(&mut self, new: BTreeMap<String, String>) -> bool {
        match self {
            Self::Stream { options, .. } | Self::Source { options, .. } | Self::Table { options, .. } => *options = new,
            _ => return false,
        }
        true
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    pub id: RelationId,
    pub name: String,
    /// The name of its schema. Those of an earlier release are in `public`.
    #[serde(default = "public")]
    pub schema: String,
    /// The statement that made it.
    pub sql: String,
    pub object: DefinitionKind,
    /// The objects that this one reads: they cannot be dropped before it.
    pub depends_on: Vec<RelationId>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "change", rename_all = "snake_case", deny_unknown_fields)]
pub enum CatalogChange {
    Create {
        definition: Definition,
    },
    Drop {
        id: RelationId,
    },
    /// The options of a stream, a source or a table from now on, those that stay the same included.
    SetOptions {
        id: RelationId,
        options: BTreeMap<String, String>,
    },
    /// Another definition for an object that is there, with the same id and kind; stored rows keep their types.
    Replace {
        definition: Definition,
    },
    /// The first rows of a table or stream that this statement makes. It is not stored: the commit has the rows.
    Fill {
        relation: RelationId,
        source: Rel,
    },
}
