//! Changes of the catalog: planned on a copy, views filled from history first (so that a view that cannot be made is
//! refused, not made and broken), then one commit, then sources and sinks started and stopped.

use std::sync::Arc;

use millrace_base::{RelationId, Result};
use millrace_log::Commit;
use millrace_plan::{CatalogChange, Definition, DefinitionKind};

use crate::catalog::Planned;
use crate::connectors;
use crate::engine::Executed;
use crate::flow_thread::{NewView, Request};
use crate::options;
use crate::reply::{Reply, closed};
use crate::shared::Shared;

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
    let epoch = committed?;
    if !dropped.is_empty() {
        shared.connectors.stop(&dropped);
        shared.mailbox.request(Request::Forget { relations: dropped });
    }
    created.iter().try_for_each(|definition| shared.connectors.start(shared, definition))?;
    Ok(Executed { rows: 0, epoch })
}

/// No writer is between its check and its commit while the catalog changes.
fn commit(shared: &Shared, planned: Planned) -> Result<millrace_base::Epoch> {
    let _gate = shared.gate.write();
    let commit = Commit { catalog: planned.changes, ..Commit::default() };
    let epoch = shared.log.commit(commit)?.wait()?;
    options::apply_retention(shared, &planned.catalog);
    shared.set_catalog(planned.catalog);
    shared.groups.catalog_changed(&shared.log, &shared.catalog());
    Ok(epoch)
}

/// What the changes make and do not drop again.
fn created(planned: &Planned) -> Vec<Definition> {
    let made = planned.changes.iter().filter_map(|change| match change {
        CatalogChange::Create { definition } => Some(definition),
        CatalogChange::Drop { .. } | CatalogChange::SetOptions { .. } => None,
    });
    made.filter(|definition| planned.catalog.get(definition.id).is_some()).cloned().collect()
}

fn dropped(planned: &Planned) -> Vec<RelationId> {
    let drops = planned.changes.iter().filter_map(|change| match change {
        CatalogChange::Drop { id } => Some(*id),
        CatalogChange::Create { .. } | CatalogChange::SetOptions { .. } => None,
    });
    drops.collect()
}

fn new_view(definition: &Definition) -> Option<NewView> {
    match &definition.object {
        DefinitionKind::MaterializedView { query, .. } => Some(NewView { id: definition.id, query: query.clone() }),
        _ => None,
    }
}
