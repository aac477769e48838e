//! Random commits that are valid for the state they meet, and some that are not.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use millrace_base::{Code, Epoch, RelationId};
use millrace_log::{Durability, GroupOffset, SinkProgress, SourceOffset};
use millrace_plan::{
    CatalogChange, ColumnDef, DataType, Definition, DefinitionKind, KafkaSink, KafkaSource, StartupMode,
};

use crate::chance::Dice;
use crate::model::{Plain, PlainCommit, PlainRelation, PlainRows};
use crate::value::{Row, TYPES, Value, any_value};

const RELATIONS_MAX: usize = 7;

/// How large commits are in this run.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    pub parts_max: usize,
    pub rows_max: usize,
    pub partitions: usize,
    /// All commits are of one size: what a crash has left of an earlier one can begin just behind a later one.
    pub alike: bool,
}

impl Sizes {
    pub fn any(dice: &mut Dice) -> Self {
        Self {
            parts_max: dice.below(3) + 1,
            rows_max: *dice.pick(&[1, 3, 10, 40]),
            partitions: *dice.pick(&[1, 1, 3]),
            alike: dice.percent(12),
        }
    }
}

fn columns(dice: &mut Dice) -> Vec<ColumnDef> {
    let count = dice.below(5) + 2;
    let column = |at: usize, data_type| ColumnDef { name: format!("c{at}"), data_type, nullable: true, default: None };
    (0..count)
        .map(|at| {
            // The first column always can be a key.
            column(at, if at == 0 { *dice.pick(&[DataType::Bigint, DataType::Text]) } else { *dice.pick(&TYPES) })
        })
        .collect()
}

fn definition(id: RelationId, now: &Plain, dice: &mut Dice) -> Definition {
    let columns = columns(dice);
    let readable: Vec<RelationId> = now.relations.keys().copied().collect();
    let object = match dice.below(8) {
        0..=2 => DefinitionKind::Stream { columns, watermark: None, options: BTreeMap::new() },
        3..=5 => {
            let primary_key = match dice.below(5) {
                0 => vec![],
                1 => vec![0, 1],
                _ => vec![0],
            };
            DefinitionKind::Table { columns, primary_key, options: BTreeMap::new() }
        }
        6 if !readable.is_empty() => DefinitionKind::Sink {
            from: *dice.pick(&readable),
            key: vec![0],
            kafka: KafkaSink { brokers: "b".into(), topic: "t".into(), properties: BTreeMap::new() },
        },
        _ => DefinitionKind::Source {
            columns,
            watermark: None,
            kafka: KafkaSource {
                brokers: "b".into(),
                topic: "t".into(),
                startup: StartupMode::Earliest,
                dead_letters: id,
                properties: BTreeMap::new(),
            },
            options: BTreeMap::new(),
        },
    };
    Definition {
        id,
        name: format!("r{}", id.0),
        schema: millrace_plan::PUBLIC.into(),
        sql: String::new(),
        object,
        depends_on: vec![],
    }
}

pub fn any_row(relation: &PlainRelation, dice: &mut Dice) -> Row {
    let mut row: Row = relation.columns.iter().map(|c| any_value(c.data_type, dice)).collect();
    // Keys are never NULL, and few enough to meet again.
    for &at in relation.key.iter().flatten() {
        row[at] = match relation.columns[at].data_type {
            DataType::Bigint => Value::Int(dice.below(40) as i64),
            DataType::Text => Value::Text(format!("key {}", dice.below(40))),
            _ => row[at].clone(),
        };
    }
    row
}

/// Deletes, updates and inserts that fit the table.
fn changes(relation: &PlainRelation, sizes: Sizes, dice: &mut Dice) -> Vec<(Row, i64)> {
    let live: Vec<&Row> = relation.live();
    let mut taken: BTreeSet<Row> = live.iter().map(|row| relation.key_of(row)).collect();
    let mut left: Vec<usize> = (0..live.len()).collect();
    dice.shuffle(&mut left);
    let has_key = relation.key.as_ref().is_some_and(|key| !key.is_empty());
    let mut out = Vec::new();
    for _ in 0..dice.below(sizes.rows_max) + 1 {
        let removes = dice.percent(if live.len() > 60 { 80 } else { 45 });
        let mut inserted = any_row(relation, dice);
        if removes && let Some(at) = left.pop() {
            let old = live[at];
            out.push((old.clone(), -1));
            if dice.percent(40) {
                taken.remove(&relation.key_of(old));
                continue; // a deletion
            }
            for &key in relation.key.iter().flatten() {
                inserted[key] = old[key].clone(); // an update
            }
            out.push((inserted, 1));
        } else if !has_key || taken.insert(relation.key_of(&inserted)) {
            out.push((inserted, 1));
        }
    }
    // The log takes deletions and insertions in any order.
    dice.shuffle(&mut out);
    out
}

fn part(id: RelationId, relation: &PlainRelation, sizes: Sizes, dice: &mut Dice) -> Option<PlainRows> {
    let rows = if relation.is_table() {
        changes(relation, sizes, dice)
    } else {
        (0..dice.below(sizes.rows_max) + 1).map(|_| (any_row(relation, dice), 1)).collect()
    };
    let partition = if relation.is_table() || sizes.partitions == 1 { 0 } else { dice.below(sizes.partitions) as u32 };
    (!rows.is_empty()).then_some(PlainRows { relation: id, partition, rows })
}

/// A commit that the log must take.
pub fn commit(now: &Plain, sizes: Sizes, dice: &mut Dice) -> PlainCommit {
    let mut out = if sizes.alike { commit_alike(now, dice) } else { any_commit(now, sizes, dice) };
    if dice.percent(10) {
        out.durability = Some(*dice.pick(&[
            Durability::Commit,
            Durability::None,
            Durability::Interval(Duration::from_millis(1)),
            Durability::Interval(Duration::from_secs(90)),
        ]));
    }
    out
}

/// One row of numbers for the one stream.
fn commit_alike(now: &Plain, dice: &mut Dice) -> PlainCommit {
    let mut out = PlainCommit::default();
    let Some((&id, _)) = now.relations.first_key_value() else {
        let column = ColumnDef { name: "n".into(), data_type: DataType::Bigint, nullable: true, default: None };
        let object = DefinitionKind::Stream { columns: vec![column], watermark: None, options: BTreeMap::new() };
        let definition = Definition {
            id: RelationId(1),
            name: "alike".into(),
            schema: millrace_plan::PUBLIC.into(),
            sql: String::new(),
            object,
            depends_on: vec![],
        };
        out.catalog.push(CatalogChange::Create { definition });
        return out;
    };
    let row = vec![Value::Int(dice.next() as i64)];
    out.rows.push(PlainRows { relation: id, partition: 0, rows: vec![(row, 1)] });
    out
}

fn any_commit(now: &Plain, sizes: Sizes, dice: &mut Dice) -> PlainCommit {
    let mut out = PlainCommit::default();
    let few = now.definitions.len() < 2;
    if few || (now.definitions.len() < RELATIONS_MAX && dice.percent(8)) {
        let id = RelationId(now.id_max + 1);
        let definition = definition(id, now, dice);
        out.catalog.push(CatalogChange::Create { definition });
    }
    let mut dropped = None;
    if now.definitions.len() > 3 && dice.percent(5) {
        let ids: Vec<RelationId> = now.definitions.keys().copied().collect();
        let id = *dice.pick(&ids);
        out.catalog.push(CatalogChange::Drop { id });
        dropped = Some(id);
    }
    let mut relations: Vec<(RelationId, &PlainRelation)> =
        now.relations.iter().map(|(&id, relation)| (id, relation)).filter(|(id, _)| Some(*id) != dropped).collect();
    dice.shuffle(&mut relations);
    let count = dice.below(sizes.parts_max + 1).max(1);
    out.rows = relations.iter().take(count).filter_map(|(id, relation)| part(*id, relation, sizes, dice)).collect();
    for (&id, stream) in now.relations.iter().filter(|(id, stream)| !stream.is_table() && Some(**id) != dropped) {
        let touched = out.rows.iter().any(|part| part.relation == id);
        if !touched && dice.percent(2) {
            out.truncated.push(id);
        } else if dice.percent(5) {
            let partition = dice.below(sizes.partitions) as u32;
            let next_offset = dice.percent(85).then(|| dice.below(stream.live().len() + 1) as u64);
            out.groups.push(GroupOffset {
                group: (*dice.pick(&["g", "h"])).into(),
                stream: id,
                partition,
                next_offset,
            });
        }
    }
    for definition in now.definitions.values().filter(|d| Some(d.id) != dropped) {
        match definition.object {
            DefinitionKind::Source { .. } if dice.percent(40) => {
                let partition = dice.below(3) as i32;
                let before = now.offsets.get(&(definition.id, partition)).copied().unwrap_or(0);
                let next_offset = before + dice.below(100) as i64 + 1;
                out.offsets.push(SourceOffset { source: definition.id, partition, next_offset });
            }
            DefinitionKind::Sink { .. } if dice.percent(40) => {
                out.progress.push(SinkProgress { sink: definition.id, epoch: Epoch(now.epoch) });
            }
            _ => {}
        }
    }
    out
}

/// A commit that the log must refuse with this code, leaving everything as it was.
pub fn refused(now: &Plain, sizes: Sizes, dice: &mut Dice) -> Option<(PlainCommit, Code)> {
    let mut out = commit(now, sizes, dice);
    if dice.percent(30) {
        // Rows for a table, twice the same new key; everything before them is in order.
        let id = RelationId(now.id_max + 2);
        let key = ColumnDef { name: "k".into(), data_type: DataType::Bigint, nullable: true, default: None };
        let object = DefinitionKind::Table { columns: vec![key], primary_key: vec![0], options: BTreeMap::new() };
        let definition = Definition {
            id,
            name: "twice".into(),
            schema: millrace_plan::PUBLIC.into(),
            sql: String::new(),
            object,
            depends_on: vec![],
        };
        out.catalog.push(CatalogChange::Create { definition });
        let row = vec![Value::Int(1)];
        out.rows.push(PlainRows { relation: id, partition: 0, rows: vec![(row.clone(), 1), (row, 1)] });
        return Some((out, Code::UniqueViolation));
    }
    // A key that is taken, in the last part.
    let used: BTreeSet<RelationId> = out.rows.iter().map(|part| part.relation).collect();
    let dropped = |id: &RelationId| out.catalog.iter().any(|c| matches!(c, CatalogChange::Drop { id: d } if d == id));
    let keyed = |relation: &PlainRelation| relation.key.as_ref().is_some_and(|key| !key.is_empty());
    let (&relation, table) = now
        .relations
        .iter()
        .find(|(id, table)| keyed(table) && !used.contains(id) && !dropped(id) && !table.live().is_empty())?;
    let live = table.live();
    let row = (*dice.pick(&live)).clone();
    out.rows.push(PlainRows { relation, partition: 0, rows: vec![(row, 1)] });
    Some((out, Code::UniqueViolation))
}
