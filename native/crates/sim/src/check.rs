//! Compares what the log says with what the model holds.

use std::collections::{BTreeMap, BTreeSet};

use millrace_base::{Code, Epoch, Error, RelationId};
use millrace_log::Log;
use millrace_plan::Definition;

use crate::chance::Dice;
use crate::model::{Plain, PlainRelation, Span};
use crate::value::{Row, from_batch};

/// Why a check ended early.
pub enum Trouble {
    /// The log answered with an error.
    Refused(Error),
    /// The log answered wrongly.
    Wrong(String),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Trouble::Refused(error)
    }
}

fn wrong<T>(what: impl Into<String>) -> Result<T, Trouble> {
    Err(Trouble::Wrong(what.into()))
}

fn describe(rows: &[Row]) -> String {
    let shown: Vec<String> = rows.iter().take(12).map(|row| format!("  {row:?}")).collect();
    format!("{} rows\n{}", rows.len(), shown.join("\n"))
}

fn differ(relation: RelationId, what: &str, found: &[Row], expected: &[Row]) -> Result<(), Trouble> {
    if found == expected {
        return Ok(());
    }
    let only = |these: &[Row], those: &[Row]| -> Vec<Row> {
        let mut left = those.to_vec();
        let mut out = Vec::new();
        for row in these {
            match left.iter().position(|other| other == row) {
                Some(at) => drop(left.swap_remove(at)),
                None => out.push(row.clone()),
            }
        }
        out
    };
    let (extra, missing) = (only(found, expected), only(expected, found));
    wrong(format!(
        "relation {} ({what}): found {}, expected {}; not expected: {}\nmissing: {}",
        relation.0,
        found.len(),
        expected.len(),
        describe(&extra),
        describe(&missing)
    ))
}

/// One scan with a random projection.
fn check_scan(
    log: &Log,
    id: RelationId,
    relation: &PlainRelation,
    (after, as_of, newest): (u64, u64, u64),
    dice: &mut Dice,
) -> Result<(), Trouble> {
    let count = relation.columns.len();
    let columns: Vec<u32> = match dice.below(3) {
        0 => (0..count as u32).collect(),
        1 => (0..count as u32).rev().filter(|_| dice.percent(50)).collect(),
        _ => vec![dice.below(count) as u32],
    };
    let project = |row: &Row| -> Row { columns.iter().map(|&c| row[c as usize].clone()).collect() };
    let mut expected: Vec<Row> = relation.rows(after, as_of, newest).map(project).collect();
    let mut found: Vec<Row> = Vec::new();
    let scan = log.scan_after(id, &columns, Epoch(after), Epoch(as_of))?;
    for batch in scan {
        let batch = batch?;
        if batch.num_columns() != columns.len() {
            return wrong(format!("relation {}: {} columns for {columns:?}", id.0, batch.num_columns()));
        }
        found.extend(from_batch(&batch));
    }
    if relation.is_table() || relation.partitions() > 1 {
        found.sort();
        expected.sort();
    }
    differ(
        id,
        &format!(
            "a {} with {} partitions, columns {columns:?}, epochs ({after}, {as_of}]",
            if relation.is_table() { "table" } else { "stream" },
            relation.partitions()
        ),
        &found,
        &expected,
    )
}

/// The rows of all relations at `as_of`, and once more at some epochs before it.
pub fn check_rows(log: &Log, state: &Plain, as_of: u64, dice: &mut Dice) -> Result<(), Trouble> {
    for (&id, relation) in &state.relations {
        check_scan(log, id, relation, (0, as_of, as_of), dice)?;
        if as_of > 0 && dice.percent(50) {
            // Of a table, versions before its horizon are gone; of a stream, what a truncation or retention has taken.
            let oldest = if relation.is_table() { log.table(id)?.horizon().0.min(as_of) } else { relation.gone(as_of) };
            check_scan(log, id, relation, (0, dice.within(oldest..as_of + 1), as_of), dice)?;
            if oldest > 0 {
                let early = Epoch(dice.within(0..oldest));
                if log.scan(id, &[0], early).err().is_none_or(|e| e.code != Code::ObjectNotInPrerequisiteState) {
                    return wrong(format!("relation {} can be read at epoch {}, before {oldest}", id.0, early.0));
                }
            }
        }
        for (partition, span) in relation.spans(as_of) {
            check_offsets(log, id, relation, (partition, span.end), as_of, dice)?;
        }
        if as_of > 0 && !relation.is_table() && dice.percent(50) {
            let after = dice.within(0..as_of);
            let upto = dice.within(after.max(relation.gone(as_of))..as_of + 1);
            check_scan(log, id, relation, (after, upto, as_of), dice)?;
        }
    }
    Ok(())
}

/// Relations whose drop is on its way to the journal: until it is durable they can be read.
pub fn check_dropping(log: &Log, shown: &Plain, newest: &Plain, dice: &mut Dice) -> Result<(), Trouble> {
    for (&id, relation) in shown.relations.iter().filter(|(id, _)| !newest.relations.contains_key(id)) {
        check_scan(log, id, relation, (0, shown.epoch, shown.epoch), dice)?;
        for (partition, span) in relation.spans(shown.epoch) {
            check_offsets(log, id, relation, (partition, span.end), shown.epoch, dice)?;
        }
    }
    Ok(())
}

/// One partition's rows from some offset on, as a consumer reads them.
fn check_offsets(
    log: &Log,
    id: RelationId,
    relation: &PlainRelation,
    (partition, end): (u32, u64),
    as_of: u64,
    dice: &mut Dice,
) -> Result<(), Trouble> {
    let from = if dice.percent(50) { 0 } else { dice.within(0..end + 1) };
    let columns: Vec<u32> = (0..relation.columns.len() as u32).collect();
    let mut found: Vec<(u64, u64, Row)> = Vec::new();
    for batch in log.read_from(id, partition, &columns, from, Epoch(as_of))? {
        let batch = batch?;
        let epochs = batch.runs.iter().flat_map(|run| std::iter::repeat_n(run.epoch.0, run.rows as usize));
        let rows = (batch.first_offset..).zip(epochs).zip(from_batch(&batch.rows));
        found.extend(rows.map(|((offset, epoch), row)| (offset, epoch, row)));
    }
    let expected: Vec<_> =
        relation.rows_from(partition, from, as_of).map(|(offset, epoch, row)| (offset, epoch, row.clone())).collect();
    if found == expected {
        return Ok(());
    }
    let places = |rows: &[(u64, u64, Row)]| rows.iter().map(|row| (row.0, row.1)).collect::<Vec<_>>();
    wrong(format!(
        "partition {partition} of stream {} read from offset {from} at epoch {as_of}: offsets and epochs {:?}, expected {:?}",
        id.0,
        places(&found),
        places(&expected)
    ))
}

/// The newest rows of tables by their keys, and whether these have changed after an epoch that is not before `since_min`.
pub fn check_keys(log: &Log, state: &Plain, since_min: u64, dice: &mut Dice) -> Result<(), Trouble> {
    let keyed = |relation: &&PlainRelation| relation.key.as_ref().is_some_and(|key| !key.is_empty());
    for (&id, relation) in state.relations.iter().filter(|(_, relation)| keyed(relation)) {
        let table = log.table(id)?;
        let probes: Vec<Row> = (0..4).map(|_| crate::workload::any_row(relation, dice)).collect();
        let mut live = relation.live();
        dice.shuffle(&mut live);
        let rows: Vec<&Row> = probes.iter().chain(live.iter().take(4).copied()).collect();
        let batch = crate::value::to_batch(&relation.schema, &rows);
        let keys: BTreeSet<Row> = rows.iter().map(|row| relation.key_of(row)).collect();
        let mut expected: Vec<Row> =
            relation.live().into_iter().filter(|row| keys.contains(&relation.key_of(row))).cloned().collect();
        let mut found = from_batch(&table.matching(&batch)?);
        found.sort();
        expected.sort();
        differ(id, "looked up by key", &found, &expected)?;
        if table.len() != relation.live().len() {
            return wrong(format!("table {} counts {} rows, expected {}", id.0, table.len(), relation.live().len()));
        }
        let since = dice.within(table.horizon().0.max(since_min).min(state.epoch)..state.epoch + 1);
        let expected = rows.iter().position(|row| relation.changed_after(&relation.key_of(row), since));
        let found = table.conflicts(&batch, Epoch(since))?;
        if found != expected {
            let key = expected.or(found).map(|at| relation.key_of(rows[at]));
            return wrong(format!("table {}: conflict {found:?} since {since}, expected {expected:?}: {key:?}", id.0));
        }
    }
    Ok(())
}

/// Everything besides rows.
pub fn check_ledger(log: &Log, state: &Plain) -> Result<(), Trouble> {
    let definitions = log.definitions();
    let expected: Vec<Definition> = state.definitions.values().cloned().collect();
    if definitions != expected {
        let names = |all: &[Definition]| all.iter().map(|d| d.id.0).collect::<Vec<_>>();
        return wrong(format!("definitions {:?}, expected {:?}", names(&definitions), names(&expected)));
    }
    if log.next_relation_id() != RelationId(state.id_max + 1) {
        return wrong(format!("the next id is {}, expected {}", log.next_relation_id().0, state.id_max + 1));
    }
    let mut offsets: BTreeMap<RelationId, Vec<(i32, i64)>> = BTreeMap::new();
    for (&(source, partition), &next) in &state.offsets {
        offsets.entry(source).or_default().push((partition, next));
    }
    for &id in state.definitions.keys() {
        let found = log.offsets(id);
        let expected = offsets.remove(&id).unwrap_or_default();
        if found != expected {
            return wrong(format!("source {} has offsets {found:?}, expected {expected:?}", id.0));
        }
        let (found, expected) = (log.progress(id), state.progress.get(&id).copied().unwrap_or_default());
        if found != expected {
            return wrong(format!("sink {} has delivered up to {}, expected {}", id.0, found.0, expected.0));
        }
    }
    for (&id, relation) in state.relations.iter().filter(|(_, relation)| !relation.is_table()) {
        let found: Vec<_> =
            log.extents(id).into_iter().map(|(p, e)| (p, Span { start: e.start, end: e.end })).collect();
        let expected: Vec<_> = relation.spans(log.durable_epoch().0).into_iter().collect();
        if found != expected {
            return wrong(format!("stream {} has offsets {found:?}, expected {expected:?}", id.0));
        }
    }
    let found: BTreeMap<_, _> = log.groups().into_iter().map(|(g, s, p, next)| ((g, s, p), next)).collect();
    if found != state.groups {
        return wrong(format!("consumer groups are at {found:?}, expected {:?}", state.groups));
    }
    if log.last_time_us() != state.time_us {
        return wrong(format!("the last commit was at {}, expected {}", log.last_time_us(), state.time_us));
    }
    Ok(())
}

/// A scan met by a fault or by damage may fail with one of these codes; what it returns must be right.
pub fn allow(result: Result<(), Trouble>, codes: &[Code]) -> Result<Option<Error>, String> {
    match result {
        Ok(()) => Ok(None),
        Err(Trouble::Wrong(what)) => Err(what),
        Err(Trouble::Refused(error)) if codes.contains(&error.code) => Ok(Some(error)),
        Err(Trouble::Refused(error)) => Err(format!("read failed with {:?}: {}", error.code, error.message)),
    }
}
