//! Checks a whole command: its operators and expressions by `validate`, and what only a command can get wrong.

use millrace_base::limits::GROUP_NAME_BYTES_MAX;
use millrace_base::{Code, Error, RelationId, Result};

use crate::validate::{boolean, columns_of, instant, refuse};
use crate::*;

pub fn validate_command(command: &Command, relations: &dyn Relations) -> Result<()> {
    let version = command.version();
    if version != PLAN_VERSION {
        return refuse(format!("version {version}, expected {PLAN_VERSION}"));
    }
    match command {
        Command::Query { root, names, .. } | Command::Subscribe { root, names, .. } => {
            let types = validate_rel(root, relations)?;
            if matches!(command, Command::Subscribe { .. }) && reads_past(root) {
                return refuse("a subscription to a state of the past");
            }
            if types.len() != names.len() {
                return refuse(format!("{} names for {} columns", names.len(), types.len()));
            }
            Ok(())
        }
        Command::Insert { relation, source, on_conflict, .. } => {
            let target = columns_of(*relation, relations)?;
            if validate_rel(source, relations)? != target {
                return refuse("the inserted columns do not have the relation's types");
            }
            validate_conflict(on_conflict, &target, relations)
        }
        Command::Update { relation, assignments, predicate, .. } => {
            let target = columns_of(*relation, relations)?;
            validate_assignments(assignments, &target, &target, relations)?;
            predicate.iter().try_for_each(|p| boolean(p, &target, relations))
        }
        Command::Delete { relation, predicate, .. } => {
            let target = columns_of(*relation, relations)?;
            predicate.iter().try_for_each(|p| boolean(p, &target, relations))
        }
        Command::Truncate { relations: ids, .. } => {
            if ids.is_empty() || ids.iter().enumerate().any(|(i, id)| ids[..i].contains(id)) {
                return refuse("TRUNCATE of nothing, or of a relation twice");
            }
            ids.iter().try_for_each(|id| columns_of(*id, relations).map(|_| ()))
        }
        Command::Ddl { changes, .. } => changes.iter().try_for_each(validate_change),
        Command::Backup { path, .. } if path.is_empty() || path.contains('\0') => {
            Err(Error::new(Code::InvalidParameterValue, "the path of a backup must not be empty"))
        }
        Command::ConsumerOpen { group, stream, columns, from, .. } => {
            let types = stream_columns(*stream, relations)?;
            if let Some(column) = columns.iter().find(|&&c| c as usize >= types.len()) {
                return refuse(format!("a consumer of column {column}"));
            }
            validate_group(group)?;
            validate_position(from, relations)
        }
        Command::ConsumerCommit { group, stream, offsets, .. } => {
            stream_columns(*stream, relations)?;
            if offsets.iter().enumerate().any(|(i, o)| offsets[..i].iter().any(|p| p.partition == o.partition)) {
                return refuse("two offsets of one partition");
            }
            validate_group(group)
        }
        Command::ConsumerSeek { group, stream, seek, .. } => {
            stream_columns(*stream, relations)?;
            validate_group(group)?;
            validate_position(&seek.to, relations)
        }
        Command::Modify { relation, source, .. } => modify_types(*relation, source, relations).map(|_| ()),
        Command::Returning { write, exprs, names, .. } => {
            validate_command(write, relations)?;
            let input = match &**write {
                Command::Insert { relation, .. }
                | Command::Update { relation, .. }
                | Command::Delete { relation, .. } => columns_of(*relation, relations)?,
                Command::Modify { relation, source, .. } => {
                    let mut input = columns_of(*relation, relations)?;
                    input.extend(modify_types(*relation, source, relations)?);
                    input
                }
                _ => return refuse("RETURNING of what changes no rows"),
            };
            if exprs.len() != names.len() {
                return refuse(format!("{} names for {} columns", names.len(), exprs.len()));
            }
            exprs.iter().try_for_each(|e| expr_type(e, &input, relations).map(|_| ()))
        }
        Command::ConsumerDrop { group, stream, .. } => {
            stream_columns(*stream, relations)?;
            validate_group(group)
        }
        Command::Begin { .. }
        | Command::Commit { .. }
        | Command::Rollback { .. }
        | Command::Savepoint { .. }
        | Command::RollbackTo { .. }
        | Command::Release { .. }
        | Command::Checkpoint { .. }
        | Command::AdvanceClock { .. }
        | Command::Backup { .. }
        | Command::Inspect { .. } => Ok(()),
    }
}

/// The types of the columns that a modification's source has beside what happens, the old row and the new one.
pub fn modify_types(relation: RelationId, source: &Rel, relations: &dyn Relations) -> Result<Vec<DataType>> {
    let target = columns_of(relation, relations)?;
    let types = validate_rel(source, relations)?;
    let wanted = std::iter::once(&DataType::Integer).chain(&target).chain(&target);
    let width = 1 + 2 * target.len();
    if types.len() < width || types[..width].iter().ne(wanted) {
        return refuse("the rows of a modification do not have the relation's types");
    }
    Ok(types[width..].to_vec())
}

/// What to do with a row whose key is there. An append carries one without a command around it.
pub fn validate_conflict(action: &ConflictAction, target: &[DataType], relations: &dyn Relations) -> Result<()> {
    let ConflictAction::Update { assignments, predicate } = action else { return Ok(()) };
    let both: Vec<DataType> = target.iter().chain(target).copied().collect();
    validate_assignments(assignments, target, &both, relations)?;
    predicate.iter().try_for_each(|p| boolean(p, &both, relations))
}

/// Each column of `target` at most once, by an expression of its type over `input`.
fn validate_assignments(
    assignments: &[Assignment],
    target: &[DataType],
    input: &[DataType],
    relations: &dyn Relations,
) -> Result<()> {
    for (i, assignment) in assignments.iter().enumerate() {
        let Some(wanted) = target.get(assignment.column as usize) else {
            return refuse(format!("assignment to column {}", assignment.column));
        };
        if assignments[..i].iter().any(|other| other.column == assignment.column) {
            return refuse(format!("two assignments to column {}", assignment.column));
        }
        if expr_type(&assignment.value, input, relations)? != *wanted {
            return refuse(format!("assignment to column {} has another type", assignment.column));
        }
    }
    Ok(())
}

fn stream_columns(id: RelationId, relations: &dyn Relations) -> Result<Vec<DataType>> {
    let columns = columns_of(id, relations)?;
    if relations.append_only(id) {
        return Ok(columns);
    }
    Err(Error::new(Code::WrongObjectType, format!("relation {} is not a stream", id.0))
        .with_hint("Consumer groups read streams and sources."))
}

fn validate_group(name: &str) -> Result<()> {
    if (1..=GROUP_NAME_BYTES_MAX).contains(&name.len()) && !name.chars().any(char::is_control) {
        return Ok(());
    }
    Err(Error::new(Code::InvalidParameterValue, "invalid name of a consumer group")
        .with_hint(format!("It has 1 to {GROUP_NAME_BYTES_MAX} bytes and no control characters.")))
}

/// A place of a seek, which also comes to a consumer without a command around it.
pub fn validate_position(position: &Position, relations: &dyn Relations) -> Result<()> {
    match position {
        Position::Timestamp { time } => instant(time, relations),
        Position::Offset { .. } | Position::Earliest | Position::Latest => Ok(()),
    }
}

fn validate_change(change: &CatalogChange) -> Result<()> {
    let (CatalogChange::Create { definition } | CatalogChange::Replace { definition }) = change else { return Ok(()) };
    let (columns, indexes): (usize, &[u32]) = match &definition.object {
        DefinitionKind::Table { columns, primary_key, .. } => (columns.len(), primary_key),
        DefinitionKind::Stream { columns, .. } | DefinitionKind::Source { columns, .. } => (columns.len(), &[]),
        _ => (usize::MAX, &[]),
    };
    if indexes.iter().any(|&i| i as usize >= columns) {
        return refuse(format!("the primary key of \"{}\" names a column that is not there", definition.name));
    }
    RelationOptions::of(&definition.object).map(|_| ())
}
