//! A database in memory: the ledger, the tables, and where the rows of streams lie.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Weak};

use arrow::buffer::Buffer;
use arrow_schema::{Schema, SchemaRef};
use millrace_base::{Code, Epoch, Error, RelationId, Result};
use millrace_plan::{CatalogChange, ColumnDef, Definition, DefinitionKind, Field, arrow_schema};
use parking_lot::RwLock;

use crate::commit::{Commit, RelationRows};
use crate::journal::FrameRef;
use crate::journal::body::{BodyHead, decode_head, decode_rows, decode_weights};
use crate::ledger::{Delta, Ledger};
use crate::stream::{EntryRef, StreamState};
use crate::table::TableState;

#[derive(Clone)]
pub enum RelationData {
    Stream(Arc<RwLock<StreamState>>),
    Table(Arc<TableState>),
}

#[derive(Clone)]
pub struct Relation {
    pub schema: SchemaRef,
    pub data: RelationData,
}

#[derive(Default)]
pub struct State {
    pub ledger: Ledger,
    /// In their order, so that what goes over all of them does the same each time.
    pub relations: BTreeMap<RelationId, Relation>,
    /// Tables whose drop is not sealed yet.
    pub dropped: BTreeMap<RelationId, Arc<TableState>>,
    /// Relations whose drop is on its way to the journal, with its epoch: until it is durable they can be read.
    pub dropping: HashMap<RelationId, (Epoch, Relation)>,
    /// Epoch and time of the commits that are not sealed yet.
    pub commits: Vec<(Epoch, i64)>,
}

/// All columns are nullable in memory: NOT NULL is checked where rows come in.
pub fn nullable_schema(columns: &[ColumnDef]) -> SchemaRef {
    let fields: Vec<Field> = columns.iter().map(|c| Field { nullable: true, ..c.field() }).collect();
    Arc::new(arrow_schema(&fields)) as Arc<Schema>
}

impl State {
    /// Applies a frame that is read back on open.
    pub fn replay(&mut self, frame: FrameRef, body: &Buffer) -> Result<()> {
        let head: BodyHead = decode_head(body)?;
        let (epoch, time_us) = (frame.epoch, frame.time_us);
        self.make_relations(&head.catalog, epoch)?;
        self.dropping.clear(); // a frame is durable
        for at in &head.rows {
            let Some(relation) = self.relations.get(&at.relation) else { continue }; // dropped in the same commit
            match &relation.data {
                RelationData::Stream(stream) => {
                    let first_offset = self.end_of(at.relation, at.partition);
                    let mut stream = stream.write();
                    let partition = stream.partitions.entry(at.partition).or_default();
                    partition.entries.push_back(EntryRef {
                        frame: frame.clone(),
                        at: at.clone(),
                        first_offset,
                        rows: Weak::new(),
                    });
                }
                RelationData::Table(table) => {
                    let batch = decode_rows(body, at, relation.schema.clone(), None)?;
                    let weights = decode_weights(body, at)?;
                    let deletes = weights.as_deref().is_some_and(|w| w.iter().all(|w| *w < 0));
                    if deletes && millrace_base::planted("deletes-not-replayed") {
                        continue;
                    }
                    table.replay(epoch, &batch, weights)?;
                }
            }
        }
        let mut delta = Delta::of(&head);
        if millrace_base::planted("offsets-not-replayed") {
            delta.offsets.clear();
        }
        self.advance(epoch, time_us, &delta);
        for (stream, partition, start) in self.starts_of(&head.truncated) {
            stream.write().truncate(partition, start, epoch);
        }
        Ok(())
    }

    /// Takes the place of a state that commits which failed have changed; `sealed` is the epoch up to which this one was read
    /// from segments.
    pub fn inherit(&self, before: &Self, sealed: Epoch) {
        for (id, relation) in &self.relations {
            if let RelationData::Table(table) = &relation.data
                && let Some(RelationData::Table(before)) = before.relations.get(id).map(|relation| &relation.data)
            {
                table.inherit(before, sealed);
            }
        }
    }

    /// A table, also one that is dropped and may still have to be sealed.
    pub fn table(&self, id: RelationId) -> Option<Arc<TableState>> {
        match self.relations.get(&id).map(|relation| &relation.data) {
            Some(RelationData::Table(table)) => Some(table.clone()),
            _ => self.dropped.get(&id).cloned(),
        }
    }

    /// All tables, those too that are dropped and may still have to be sealed.
    pub fn tables(&self) -> impl Iterator<Item = &Arc<TableState>> {
        let here = self.relations.values().filter_map(|relation| match &relation.data {
            RelationData::Table(table) => Some(table),
            RelationData::Stream(_) => None,
        });
        here.chain(self.dropped.values())
    }

    /// The offset that the next row of a partition gets.
    pub fn end_of(&self, relation: RelationId, partition: u32) -> u64 {
        self.ledger.extents.get(&(relation, partition)).map_or(0, |e| e.end)
    }

    /// Takes the ledger to a commit's epoch.
    pub fn advance(&mut self, epoch: Epoch, time_us: i64, delta: &Delta) {
        self.ledger.apply(epoch, time_us, delta);
        self.commits.push((epoch, self.ledger.time_us));
    }

    /// What scans may see while `durable` is the newest epoch that is.
    pub fn readable(&self, id: RelationId, durable: Epoch) -> Option<&Relation> {
        let dropping = || self.dropping.get(&id).filter(|(epoch, _)| *epoch > durable).map(|(_, relation)| relation);
        self.relations.get(&id).or_else(dropping)
    }

    /// Makes and drops what a commit does.
    pub fn make_relations(&mut self, changes: &[CatalogChange], epoch: Epoch) -> Result<()> {
        for change in changes {
            match change {
                CatalogChange::Create { definition } => {
                    if let Some(relation) = relation_of(definition)? {
                        self.relations.insert(definition.id, relation);
                    }
                }
                CatalogChange::Drop { id } => {
                    let Some(relation) = self.relations.remove(id) else { continue };
                    // Until the drop is sealed too, what comes before it is replayed on the table's rows.
                    if let RelationData::Table(table) = &relation.data {
                        self.dropped.insert(*id, table.clone());
                    }
                    if !millrace_base::planted("drop-shown-early") {
                        self.dropping.insert(*id, (epoch, relation));
                    }
                }
                // Stored rows keep their types, and names of columns are the catalog's.
                CatalogChange::SetOptions { .. } | CatalogChange::Replace { .. } | CatalogChange::Fill { .. } => {}
            }
        }
        Ok(())
    }

    /// The partitions of streams that have just been truncated, and where they begin now.
    pub fn starts_of(&self, truncated: &[RelationId]) -> Vec<(Arc<RwLock<StreamState>>, u32, u64)> {
        let mut out = Vec::new();
        for id in truncated {
            let Some(RelationData::Stream(stream)) = self.relations.get(id).map(|r| &r.data) else { continue };
            let extents = self.ledger.extents.range((*id, 0)..=(*id, u32::MAX));
            out.extend(extents.map(|(&(_, number), extent)| (stream.clone(), number, extent.start)));
        }
        out
    }

    /// That a commit can be applied: nothing of it may fail once a part has been.
    pub fn check(&self, commit: &Commit) -> Result<()> {
        let mut made: HashMap<RelationId, Option<Relation>> = HashMap::new();
        for change in &commit.catalog {
            match change {
                CatalogChange::Create { definition } => made.insert(definition.id, relation_of(definition)?),
                CatalogChange::Drop { id } => made.insert(*id, None),
                CatalogChange::SetOptions { .. } | CatalogChange::Replace { .. } | CatalogChange::Fill { .. } => None,
            };
        }
        // A table refuses a change whole, so a commit of one change needs no second look at the keys.
        let several = commit.rows.len() > 1 || !commit.catalog.is_empty();
        let mut tables = HashSet::new();
        for part in &commit.rows {
            let relation = match made.get(&part.relation) {
                Some(made) => made.as_ref(),
                None => self.relations.get(&part.relation),
            };
            let Some(relation) = relation else {
                return Err(Error::new(Code::UndefinedTable, format!("relation {} does not exist", part.relation.0)));
            };
            check_rows(part, relation)?;
            if let RelationData::Table(table) = &relation.data
                && several
            {
                if !tables.insert(part.relation) {
                    return Err(Error::internal("a commit changes a table in two places"));
                }
                if !millrace_base::planted("half-applied-commit") {
                    table.check(&part.batch, part.weights.as_deref())?;
                }
            }
        }
        Ok(())
    }
}

/// That rows fit the relation that they are for.
fn check_rows(part: &RelationRows, relation: &Relation) -> Result<()> {
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

/// The stored relation that a definition makes, if any.
pub fn relation_of(definition: &Definition) -> Result<Option<Relation>> {
    Ok(match &definition.object {
        DefinitionKind::Stream { columns, .. } | DefinitionKind::Source { columns, .. } => {
            Some(Relation { schema: nullable_schema(columns), data: RelationData::Stream(Arc::default()) })
        }
        DefinitionKind::Table { columns, primary_key, .. } => {
            let schema = nullable_schema(columns);
            let table = TableState::new(schema.clone(), primary_key)?;
            Some(Relation { schema, data: RelationData::Table(Arc::new(table)) })
        }
        DefinitionKind::Identity { .. } => {
            let schema = nullable_schema(&DefinitionKind::identity_columns());
            let table = TableState::new(schema.clone(), &[])?;
            Some(Relation { schema, data: RelationData::Table(Arc::new(table)) })
        }
        _ => None,
    })
}
