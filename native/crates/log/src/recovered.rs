//! What the journal amounts to: catalog, tables, where streams' rows lie, offsets and progress. Built by replay on
//! open, then kept up by each commit with the same code.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::buffer::Buffer;
use arrow_schema::{Schema, SchemaRef};
use millrace_base::{Code, Epoch, Error, RelationId, Result};
use millrace_plan::{CatalogChange, ColumnDef, Definition, DefinitionKind, Field, arrow_schema};
use parking_lot::RwLock;

use crate::body::{BodyHead, RowsAt, decode_head, decode_rows, decode_weights};
use crate::commit::{RelationRows, SinkProgress, SourceOffset};
use crate::frame::FrameHeader;
use crate::journal::FrameRef;
use crate::table::TableState;

/// One commit's rows of a stream.
#[derive(Debug, Clone)]
pub struct EntryRef {
    pub frame: FrameRef,
    pub at: RowsAt,
}

#[derive(Clone)]
pub enum RelationData {
    Stream(Arc<RwLock<Vec<EntryRef>>>),
    Table(Arc<RwLock<TableState>>),
}

#[derive(Clone)]
pub struct Relation {
    pub schema: SchemaRef,
    pub data: RelationData,
}

#[derive(Default)]
pub struct State {
    pub definitions: BTreeMap<RelationId, Definition>,
    pub relations: HashMap<RelationId, Relation>,
    pub offsets: BTreeMap<(RelationId, i32), i64>,
    pub progress: BTreeMap<RelationId, Epoch>,
    pub id_max: u32,
    pub last_epoch: Epoch,
    pub last_time_us: i64,
}

/// All columns are nullable in memory: NOT NULL is checked where rows come in.
fn nullable_schema(columns: &[ColumnDef]) -> SchemaRef {
    let fields: Vec<Field> = columns.iter().map(|c| Field { nullable: true, ..c.field() }).collect();
    Arc::new(arrow_schema(&fields)) as Arc<Schema>
}

impl State {
    /// Applies a frame that is read back on open.
    pub fn replay(&mut self, header: &FrameHeader, frame: FrameRef, body: &Buffer) -> Result<()> {
        let head: BodyHead = decode_head(body)?;
        self.apply_catalog(&head.catalog)?;
        for at in &head.rows {
            let Some(relation) = self.relations.get(&at.relation) else { continue }; // dropped in the same commit
            match &relation.data {
                RelationData::Stream(entries) => entries.write().push(EntryRef { frame, at: at.clone() }),
                RelationData::Table(table) => {
                    let batch = decode_rows(body, at, relation.schema.clone(), None)?;
                    let weights = decode_weights(body, at)?;
                    table.write().apply(header.epoch, &batch, weights.as_deref())?;
                }
            }
        }
        self.apply_positions(&head.offsets, &head.progress);
        self.last_epoch = header.epoch;
        self.last_time_us = header.time_us;
        Ok(())
    }

    pub fn apply_catalog(&mut self, changes: &[CatalogChange]) -> Result<()> {
        for change in changes {
            match change {
                CatalogChange::Create { definition } => {
                    self.id_max = self.id_max.max(definition.id.0);
                    if let Some(relation) = relation_of(definition)? {
                        self.relations.insert(definition.id, relation);
                    }
                    self.definitions.insert(definition.id, definition.clone());
                }
                CatalogChange::Drop { id } => {
                    self.definitions.remove(id);
                    self.relations.remove(id);
                    self.offsets.retain(|(source, _), _| source != id);
                    self.progress.remove(id);
                }
            }
        }
        Ok(())
    }

    pub fn apply_positions(&mut self, offsets: &[SourceOffset], progress: &[SinkProgress]) {
        for offset in offsets {
            self.offsets.insert((offset.source, offset.partition), offset.next_offset);
        }
        for sink in progress {
            self.progress.insert(sink.sink, sink.epoch);
        }
    }

    /// That a commit's rows fit the relations that it names.
    pub fn check_rows(&self, part: &RelationRows) -> Result<()> {
        let Some(relation) = self.relations.get(&part.relation) else {
            return Err(Error::new(Code::UndefinedTable, format!("relation {} does not exist", part.relation.0)));
        };
        let types = |schema: &Schema| -> Vec<arrow_schema::DataType> {
            schema.fields().iter().map(|f| f.data_type().clone()).collect()
        };
        if types(&relation.schema) != types(&part.batch.schema()) {
            return Err(Error::internal(format!("rows for relation {} have other columns", part.relation.0)));
        }
        if part.weights.as_ref().is_some_and(|w| w.len() != part.batch.num_rows()) {
            return Err(Error::internal("weights of another number of rows"));
        }
        if part.weights.is_some() && matches!(relation.data, RelationData::Stream(_)) {
            return Err(Error::internal("a stream is append-only: its rows carry no weights"));
        }
        Ok(())
    }
}

/// The stored relation that a definition makes, if any.
fn relation_of(definition: &Definition) -> Result<Option<Relation>> {
    Ok(match &definition.object {
        DefinitionKind::Stream { columns, .. } | DefinitionKind::Source { columns, .. } => {
            Some(Relation { schema: nullable_schema(columns), data: RelationData::Stream(Arc::default()) })
        }
        DefinitionKind::Table { columns, primary_key, .. } => {
            let schema = nullable_schema(columns);
            let table = TableState::new(schema.clone(), primary_key)?;
            Some(Relation { schema, data: RelationData::Table(Arc::new(RwLock::new(table))) })
        }
        _ => None,
    })
}
