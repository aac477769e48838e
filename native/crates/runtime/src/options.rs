//! What the options of streams and tables mean for the log: how long rows stay.

use std::collections::BTreeSet;

use millrace_base::{Epoch, RelationId};
use millrace_log::Retention;
use millrace_plan::{DefinitionKind, RelationOptions};

use crate::catalog::{Catalog, scans};
use crate::shared::Shared;

/// The options of a relation. One of a time when options were kept without effect may have others: they have none still.
pub fn of(object: &DefinitionKind) -> RelationOptions {
    RelationOptions::of(object).unwrap_or_default()
}

/// Tells the log how long each stream keeps its rows. One that a view reads keeps them: views are built from it when the
/// database is opened, and from less they would show something else.
pub fn apply_retention(shared: &Shared, catalog: &Catalog) {
    let read = read_by_views(catalog);
    for object in catalog.objects() {
        if !matches!(object.definition.object, DefinitionKind::Stream { .. } | DefinitionKind::Source { .. }) {
            continue;
        }
        let options = of(&object.definition.object);
        let retention = Retention { time_us: options.retention_us, bytes: options.retention_bytes };
        let wanted = retention != Retention::default() && !read.contains(&object.definition.id);
        shared.log.set_retention(object.definition.id, wanted.then_some(retention));
    }
}

/// The relations that some view reads.
pub fn read_by_views(catalog: &Catalog) -> BTreeSet<RelationId> {
    let mut read = Vec::new();
    for object in catalog.objects() {
        match &object.definition.object {
            DefinitionKind::MaterializedView { query, .. } => scans(query, &mut read),
            DefinitionKind::Sink { from, .. } => read.push(*from),
            _ => {}
        }
    }
    read.into_iter().collect()
}

/// The oldest epoch that AS OF can reach in each table that keeps its past.
pub fn retained(shared: &Shared, catalog: &Catalog) -> Vec<(RelationId, Epoch)> {
    let now_us = shared.now_us();
    let mut out = Vec::new();
    for object in catalog.objects() {
        if let Some(retain) = of(&object.definition.object).retain_us {
            // When the index of commits cannot be read nothing goes.
            let oldest = shared.log.epoch_at(now_us.saturating_sub(retain)).unwrap_or_default();
            out.push((object.definition.id, oldest));
        }
    }
    out
}
