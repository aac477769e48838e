//! Unique indexes: the values that are there, for each index in memory. They are read from the table when an index is
//! first asked, and follow each commit after that. Writes run one after another, so what a statement was told still
//! holds when it commits.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use arrow_array::{Array, RecordBatch};
use arrow_schema::{Schema, SchemaRef};
use arrow_select::filter::filter_record_batch;
use millrace_base::{Code, Error, RelationId, Result};
use millrace_log::{Log, RelationRows, TableState};
use millrace_plan::DefinitionKind;
use parking_lot::Mutex;

use crate::catalog::{Catalog, Object};
use crate::effect::TableChange;
use crate::ipc;
use crate::statement::failed;

type Key = Box<[u8]>;

/// What is asked of one unique index.
pub struct UniqueIndex<'a> {
    pub id: RelationId,
    name: &'a str,
    table: RelationId,
    columns: Vec<usize>,
    /// Turns the index's columns into bytes, equal ones into equal bytes.
    encoder: TableState,
    schema: SchemaRef,
}

/// The unique indexes of a table.
pub fn indexes_of<'a>(catalog: &'a Catalog, table: RelationId) -> Result<Vec<UniqueIndex<'a>>> {
    catalog.constraints(table).iter().filter_map(|object| unique_index(catalog, object).transpose()).collect()
}

/// The object as a unique index; `None` if it is something else.
pub fn unique_index<'a>(catalog: &Catalog, object: &'a Object) -> Result<Option<UniqueIndex<'a>>> {
    let definition = &object.definition;
    let DefinitionKind::Index { table, columns, unique: true, .. } = &definition.object else { return Ok(None) };
    let rows = catalog.require(*table)?.schema().ok_or_else(|| Error::internal("an index of what has no rows"))?;
    let columns: Vec<usize> = columns.iter().map(|c| c.column as usize).collect();
    let fields: Vec<_> = columns.iter().map(|&c| rows.fields()[c].clone()).collect();
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    let all: Vec<u32> = (0..columns.len() as u32).collect();
    let encoder = TableState::new(schema.clone(), &all)?;
    Ok(Some(UniqueIndex { id: definition.id, name: &definition.name, table: *table, columns, encoder, schema }))
}

impl UniqueIndex<'_> {
    /// The key of each row; `None` where one of its values is NULL, as such rows differ from all others.
    pub fn keys(&self, rows: &RecordBatch) -> Result<Vec<Option<Key>>> {
        if rows.num_rows() == 0 {
            return Ok(Vec::new());
        }
        let columns: Vec<_> = self.columns.iter().map(|&c| rows.column(c).clone()).collect();
        let nulls: Vec<_> = columns.iter().filter_map(|c| c.logical_nulls()).collect();
        let keys = self.encoder.keys_of(&ipc::with_columns(&self.schema, columns, rows.num_rows())?)?;
        let has_null = |row: usize| nulls.iter().any(|n| n.is_null(row));
        Ok(keys.into_iter().enumerate().map(|(row, key)| (!has_null(row)).then_some(key)).collect())
    }

    fn violated(&self, rows: &RecordBatch, row: usize) -> Error {
        let message = format!("duplicate key value violates unique constraint \"{}\"", self.name);
        Error::new(Code::UniqueViolation, message)
            .with_detail(format!("Key {} already exists.", key_text(rows, &self.columns, row)))
    }
}

/// `(a, b)=(1, x)`, as PostgreSQL shows a key.
pub fn key_text(rows: &RecordBatch, columns: &[usize], row: usize) -> String {
    let schema = rows.schema();
    let names: Vec<&str> = columns.iter().map(|&c| schema.field(c).name().as_str()).collect();
    let values: Vec<String> = columns.iter().map(|&c| value_text(rows, c, row)).collect();
    format!("({})=({})", names.join(", "), values.join(", "))
}

pub fn value_text(rows: &RecordBatch, column: usize, row: usize) -> String {
    let options = arrow::util::display::FormatOptions::default().with_null("null");
    arrow::util::display::ArrayFormatter::try_new(rows.column(column), &options)
        .map_or_else(|_| "?".into(), |f| f.value(row).to_string())
}

/// What an open transaction has done to the values of the indexes.
#[derive(Default)]
pub struct Pending {
    by_index: BTreeMap<RelationId, Moved>,
}

#[derive(Default)]
struct Moved {
    gone: HashSet<Key>,
    come: HashSet<Key>,
}

impl Pending {
    pub fn clear(&mut self) {
        self.by_index.clear();
    }

    pub fn absorb(&mut self, catalog: &Catalog, change: &TableChange) -> Result<()> {
        for index in indexes_of(catalog, change.relation)? {
            let moved = self.by_index.entry(index.id).or_default();
            for key in index.keys(&change.old)?.into_iter().flatten() {
                if !moved.come.remove(&key) {
                    moved.gone.insert(key);
                }
            }
            moved.come.extend(index.keys(&change.new)?.into_iter().flatten());
        }
        Ok(())
    }
}

/// What a commit does to one index.
struct Delta {
    index: RelationId,
    gone: Vec<Key>,
    come: Vec<Key>,
}

/// What a commit does to the indexes of the tables that it changes.
#[derive(Default)]
pub struct Deltas(Vec<Delta>);

#[derive(Default)]
pub struct Uniques {
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    /// Of the log's state that the values were read from.
    resumed: u64,
    by_index: BTreeMap<RelationId, HashSet<Key>>,
}

impl Held {
    fn of(&mut self, log: &Log, index: &UniqueIndex<'_>) -> Result<&mut HashSet<Key>> {
        if self.resumed != log.resumed() {
            self.by_index.clear();
            self.resumed = log.resumed();
        }
        match self.by_index.entry(index.id) {
            Entry::Occupied(found) => Ok(found.into_mut()),
            Entry::Vacant(place) => Ok(place.insert(read(log, index)?)),
        }
    }
}

/// The values that a table holds now; two equal ones are an error of CREATE INDEX.
fn read(log: &Log, index: &UniqueIndex<'_>) -> Result<HashSet<Key>> {
    let mut keys = HashSet::new();
    for batch in log.table(index.table)?.latest()? {
        add_distinct(index, &batch?, &mut keys)?;
    }
    Ok(keys)
}

fn add_distinct(index: &UniqueIndex<'_>, rows: &RecordBatch, keys: &mut HashSet<Key>) -> Result<()> {
    for (row, key) in index.keys(rows)?.into_iter().enumerate() {
        if key.is_some_and(|key| !keys.insert(key)) {
            let message = format!("could not create unique index \"{}\"", index.name);
            return Err(Error::new(Code::UniqueViolation, message)
                .with_detail(format!("Key {} is duplicated.", key_text(rows, &index.columns, row))));
        }
    }
    Ok(())
}

/// That a new index is unique over rows that are not in the log yet.
pub fn check_distinct(index: &UniqueIndex<'_>, rows: &RecordBatch) -> Result<()> {
    add_distinct(index, rows, &mut HashSet::new())
}

impl Uniques {
    /// Reads an index that is being made, or refuses it.
    pub fn check_new(&self, log: &Log, index: &UniqueIndex<'_>) -> Result<()> {
        self.held.lock().of(log, index).map(|_| ())
    }

    /// Refuses a statement's change of a table. `pending` is what its transaction did before.
    pub fn check(&self, log: &Log, catalog: &Catalog, change: &TableChange, pending: Option<&Pending>) -> Result<()> {
        if change.new.num_rows() == 0 {
            return Ok(());
        }
        for index in indexes_of(catalog, change.relation)? {
            let gone: HashSet<Key> = index.keys(&change.old)?.into_iter().flatten().collect();
            let taken = self.taken(log, &index, &change.new, pending)?;
            let mut seen = HashSet::new();
            for (row, key) in index.keys(&change.new)?.into_iter().enumerate() {
                let Some(key) = key else { continue };
                if (taken[row] && !gone.contains(&key)) || !seen.insert(key) {
                    return Err(index.violated(&change.new, row));
                }
            }
        }
        Ok(())
    }

    /// For each row whether its value is there.
    pub fn taken(
        &self,
        log: &Log,
        index: &UniqueIndex<'_>,
        rows: &RecordBatch,
        pending: Option<&Pending>,
    ) -> Result<Vec<bool>> {
        let mut held = self.held.lock();
        let there = held.of(log, index)?;
        let moved = pending.and_then(|pending| pending.by_index.get(&index.id));
        let taken = |key: &Key| match moved {
            Some(moved) => moved.come.contains(key) || (there.contains(key) && !moved.gone.contains(key)),
            None => there.contains(key),
        };
        Ok(index.keys(rows)?.iter().map(|key| key.as_ref().is_some_and(taken)).collect())
    }

    /// What a commit will do.
    pub fn deltas(&self, catalog: &Catalog, rows: &[RelationRows]) -> Result<Deltas> {
        let mut deltas = Vec::new();
        for part in rows {
            for index in indexes_of(catalog, part.relation)? {
                let keys = index.keys(&part.batch)?;
                let (mut gone, mut come) = (Vec::new(), Vec::new());
                for (row, key) in keys.into_iter().enumerate() {
                    let Some(key) = key else { continue };
                    let goes = part.weights.as_ref().is_some_and(|weights| weights[row] < 0);
                    if goes { gone.push(key) } else { come.push(key) }
                }
                deltas.push(Delta { index: index.id, gone, come });
            }
        }
        Ok(Deltas(deltas))
    }

    /// Refuses a commit whose values another transaction has taken meanwhile; asked where commits are put in order.
    pub fn check_commit(&self, log: &Log, catalog: &Catalog, deltas: &Deltas) -> Result<()> {
        let mut held = self.held.lock();
        for delta in &deltas.0 {
            let object = catalog.require(delta.index)?;
            let Some(index) = unique_index(catalog, object)? else { continue };
            let there = held.of(log, &index)?;
            let gone: HashSet<&Key> = delta.gone.iter().collect();
            if delta.come.iter().any(|key| there.contains(key) && !gone.contains(key)) {
                let message = format!("duplicate key value violates unique constraint \"{}\"", index.name);
                return Err(Error::new(Code::UniqueViolation, message)
                    .with_detail("Another transaction has added an equal value since this one began."));
            }
        }
        Ok(())
    }

    /// Follows a commit that is in its place.
    pub fn apply(&self, deltas: Deltas) {
        let mut held = self.held.lock();
        for Delta { index, gone, come } in deltas.0 {
            let Some(there) = held.by_index.get_mut(&index) else { continue };
            for key in &gone {
                there.remove(key);
            }
            there.extend(come);
        }
    }

    /// Forgets indexes that are dropped.
    pub fn forget(&self, dropped: &[RelationId]) {
        self.held.lock().by_index.retain(|id, _| !dropped.contains(id));
    }
}

/// The rows of which each has a value of its own that is not there yet: those that ON CONFLICT DO NOTHING adds.
pub fn without_conflicts(
    uniques: &Uniques,
    log: &Log,
    catalog: &Catalog,
    (table, mut rows): (RelationId, RecordBatch),
    pending: Option<&Pending>,
) -> Result<RecordBatch> {
    let indexes = indexes_of(catalog, table)?;
    if indexes.is_empty() {
        return Ok(rows);
    }
    let mut keep = vec![true; rows.num_rows()];
    let mut asked = Vec::with_capacity(indexes.len());
    for index in &indexes {
        asked.push((index.keys(&rows)?, uniques.taken(log, index, &rows, pending)?));
    }
    let mut seen: Vec<HashSet<&Key>> = vec![HashSet::new(); indexes.len()];
    for (row, keep) in keep.iter_mut().enumerate() {
        let conflicts = |(n, (keys, taken)): (usize, &(Vec<Option<Key>>, Vec<bool>))| {
            taken[row] || keys[row].as_ref().is_some_and(|key| seen[n].contains(key))
        };
        *keep = !asked.iter().enumerate().any(conflicts);
        if *keep {
            for (n, (keys, _)) in asked.iter().enumerate() {
                seen[n].extend(keys[row].as_ref());
            }
        }
    }
    if keep.contains(&false) {
        rows = filter_record_batch(&rows, &keep.into()).map_err(failed)?;
    }
    Ok(rows)
}
