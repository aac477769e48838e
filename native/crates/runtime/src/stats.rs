//! The engine's counters as JSON.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use millrace_plan::{Definition, DefinitionKind};
use serde_json::{Value, json};

use crate::connectors::Status;
use crate::published::{ViewState, Views};
use crate::shared::Shared;

pub fn json(shared: &Shared) -> String {
    let catalog = shared.catalog();
    let log = shared.log.stats();
    let views = shared.published.now();
    let mut relations = Vec::new();
    let (mut sources, mut sinks, mut kept_views) = (Vec::new(), Vec::new(), Vec::new());
    for object in catalog.objects() {
        let definition = &object.definition;
        if let Some(stored) = log.relations.iter().find(|r| r.relation == definition.id) {
            relations.push(named(definition, json!({ "rows": stored.rows, "bytes": stored.bytes })));
        }
        match &definition.object {
            DefinitionKind::Source { .. } => sources.push(named(definition, source(shared, definition))),
            DefinitionKind::Sink { .. } => sinks.push(named(definition, sink(shared, definition))),
            DefinitionKind::MaterializedView { .. } => kept_views.push(named(definition, view(&views, definition))),
            _ => {}
        }
    }
    json!({
        "epoch": log.durable_epoch.0,
        "durable_epoch": log.durable_epoch.0,
        "flow_frontier": views.frontier.0,
        "journal_bytes": log.journal_bytes,
        "flow_waiting_bytes": shared.mailbox.waiting_bytes(),
        "memory_bytes": memory_bytes(),
        "queries": {
            "running": shared.running.lock().len(),
            "threads": shared.workers.threads(),
            "memory_limit": shared.memory.limit(),
            "held_bytes": shared.memory.held(),
            "most_held_bytes": shared.memory.most(),
            "spilled_bytes": shared.memory.spilled(),
        },
        "freshness": shared.freshness.percentiles(),
        "relations": relations,
        "views": kept_views,
        "sources": sources,
        "sinks": sinks,
    })
    .to_string()
}

fn named(definition: &Definition, mut value: Value) -> Value {
    value["id"] = json!(definition.id.0);
    value["name"] = json!(definition.name);
    value
}

fn status(shared: &Shared, definition: &Definition) -> Arc<Status> {
    shared.connectors.status(definition.id).unwrap_or_default()
}

fn source(shared: &Shared, definition: &Definition) -> Value {
    let status = status(shared, definition);
    json!({
        "rows": status.rows.load(Ordering::Relaxed),
        "dead_letters": status.dead_letters.load(Ordering::Relaxed),
        "lag": status.lag.load(Ordering::Relaxed),
        "error": status.error(),
    })
}

fn sink(shared: &Shared, definition: &Definition) -> Value {
    let status = status(shared, definition);
    json!({
        "rows": status.rows.load(Ordering::Relaxed),
        "error": status.error(),
        "freshness": status.delivery.percentiles(),
    })
}

fn view(views: &Views, definition: &Definition) -> Value {
    match views.views.get(&definition.id) {
        Some(ViewState::Ready(snapshot)) => json!({ "rows": snapshot.rows(), "error": null }),
        Some(ViewState::Failed(error)) => json!({ "rows": 0, "error": error.message }),
        None => json!({ "rows": 0, "error": null }),
    }
}

/// The process's resident memory, where the operating system tells it.
fn memory_bytes() -> u64 {
    const PAGE: u64 = 4096;
    let pages = std::fs::read_to_string("/proc/self/statm").ok().and_then(|text| {
        let resident = text.split_whitespace().nth(1)?;
        resident.parse::<u64>().ok()
    });
    pages.unwrap_or(0) * PAGE
}
