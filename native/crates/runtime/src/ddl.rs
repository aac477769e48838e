//! Changes of the catalog: planned on a copy, views filled from history first (so that a view that cannot be made is
//! refused, not made and broken), then one commit, then sources and sinks started and stopped.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arrow_array::Array;
use millrace_base::{Code, Error, RelationId, Result};
use millrace_log::{Commit, RelationRows};
use millrace_plan::{CatalogChange, Definition, DefinitionKind};

use crate::catalog::Planned;
use crate::check::{check_rows, violation};
use crate::connectors;
use crate::engine::Executed;
use crate::flow_thread::{NewView, Request};
use crate::generated::computed;
use crate::options;
use crate::read;
use crate::reply::{Reply, closed};
use crate::shared::Shared;
use crate::statement::{check_not_null, concat};
use crate::unique::{check_distinct, unique_index};

pub fn run(shared: &Arc<Shared>, changes: Vec<CatalogChange>) -> Result<Executed> {
    let _one_at_a_time = shared.ddl.lock();
    shared.check_writable()?;
    let planned = shared.catalog().plan(changes, shared.log.next_relation_id())?;
    let created: Vec<Definition> = created(&planned);
    let dropped: Vec<RelationId> = dropped(&planned);
    created.iter().try_for_each(|definition| connectors::check(definition, &planned.catalog))?;
    let views: Vec<NewView> = created.iter().filter_map(new_view).collect();
    let view_ids: Vec<RelationId> = views.iter().map(|view| view.id).collect();
    if !views.is_empty() {
        let (reply, answer) = Reply::channel();
        let catalog = Arc::new(planned.catalog.clone());
        shared.mailbox.request(Request::AddViews { views, catalog, reply });
        answer.recv().unwrap_or_else(|_| Err(closed()))?;
    }
    let committed = commit(shared, planned);
    if committed.is_err() {
        shared.mailbox.request(Request::Forget { relations: view_ids });
    }
    let (epoch, rows) = committed?;
    if !dropped.is_empty() {
        shared.connectors.stop(&dropped);
        shared.mailbox.request(Request::Forget { relations: dropped });
    }
    created.iter().try_for_each(|definition| shared.connectors.start(shared, definition))?;
    Ok(Executed::new(rows, epoch))
}

/// No writer is between its check and its commit while the catalog changes.
fn commit(shared: &Arc<Shared>, planned: Planned) -> Result<(millrace_base::Epoch, u64)> {
    let _gate = shared.gate.write();
    let rows = fills(shared, &planned)?;
    check_constraints(shared, &planned, &rows)?;
    let count = rows.iter().map(|part| part.batch.num_rows() as u64).sum();
    let dropped = dropped(&planned);
    let commit = Commit { catalog: planned.changes, rows, ..Commit::default() };
    let epoch = shared.log.commit(commit)?.wait()?;
    shared.uniques.forget(&dropped);
    shared.identities.forget(&dropped);
    options::apply_retention(shared, &planned.catalog);
    shared.set_catalog(planned.catalog);
    shared.groups.catalog_changed(&shared.log, &shared.catalog());
    Ok((epoch, count))
}

/// The first rows of the relations that are made with some.
fn fills(shared: &Arc<Shared>, planned: &Planned) -> Result<Vec<RelationRows>> {
    let mut out = Vec::new();
    if !planned.fills.is_empty() {
        shared.outstanding.wait(shared)?;
    }
    for (relation, source) in &planned.fills {
        let target = planned.catalog.require(*relation)?;
        let never = AtomicBool::new(false);
        let rows = read::rows(shared, &shared.catalog(), source, None, &never)?;
        let schema = target.schema().ok_or_else(|| Error::internal("a fill of what has no columns"))?;
        let batch = concat(&schema, &rows)?;
        let batch = computed(&planned.catalog, target, batch, shared.now_us())?;
        check_not_null(target, &batch)?;
        check_rows(&planned.catalog, target, &batch, shared.now_us())?;
        if batch.num_rows() > 0 {
            out.push(RelationRows { relation: *relation, partition: 0, batch, weights: None });
        }
    }
    Ok(out)
}

/// That the rows that are there, and those that come with the change, meet its new constraints.
fn check_constraints(shared: &Shared, planned: &Planned, rows: &[RelationRows]) -> Result<()> {
    let catalog = &planned.catalog;
    for definition in created(planned) {
        let (DefinitionKind::Index { table, .. } | DefinitionKind::Check { table, .. }) = &definition.object else {
            continue;
        };
        let coming = rows.iter().find(|part| part.relation == *table);
        let is_new = shared.catalog().get(*table).is_none();
        let object = catalog.require(definition.id)?;
        if let Some(index) = unique_index(catalog, object)? {
            match coming {
                Some(part) => check_distinct(&index, &part.batch)?,
                None if is_new => {}
                None => shared.uniques.check_new(&shared.log, &index)?,
            }
        }
        if let DefinitionKind::Check { predicate, .. } = &definition.object
            && !is_new
        {
            let target = catalog.require(*table)?;
            for batch in shared.log.table(*table)?.latest()? {
                if violation(catalog, target, predicate, &batch?, shared.now_us())?.is_some() {
                    let (name, table) = (&definition.name, &target.definition.name);
                    let message =
                        format!("check constraint \"{name}\" of relation \"{table}\" is violated by some row");
                    return Err(Error::new(Code::CheckViolation, message));
                }
            }
        }
    }
    not_null_held(shared, planned)
}

/// That columns which may not be NULL any more are not.
fn not_null_held(shared: &Shared, planned: &Planned) -> Result<()> {
    for change in &planned.changes {
        let CatalogChange::Replace { definition } = change else { continue };
        let DefinitionKind::Table { columns, .. } = &definition.object else { continue };
        for (at, column) in columns.iter().enumerate().filter(|(_, column)| !column.nullable) {
            for batch in shared.log.table(definition.id)?.latest()? {
                if batch?.column(at).logical_null_count() > 0 {
                    let message =
                        format!("column \"{}\" of relation \"{}\" contains null values", column.name, definition.name);
                    return Err(Error::new(Code::NotNullViolation, message));
                }
            }
        }
    }
    Ok(())
}

/// What the changes make and do not drop again.
fn created(planned: &Planned) -> Vec<Definition> {
    let made = planned.changes.iter().filter_map(|change| match change {
        CatalogChange::Create { definition } => Some(definition),
        _ => None,
    });
    made.filter(|definition| planned.catalog.get(definition.id).is_some()).cloned().collect()
}

fn dropped(planned: &Planned) -> Vec<RelationId> {
    let drops = planned.changes.iter().filter_map(|change| match change {
        CatalogChange::Drop { id } => Some(*id),
        _ => None,
    });
    drops.collect()
}

fn new_view(definition: &Definition) -> Option<NewView> {
    match &definition.object {
        DefinitionKind::MaterializedView { query, .. } => Some(NewView { id: definition.id, query: query.clone() }),
        _ => None,
    }
}
