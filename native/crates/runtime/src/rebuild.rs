//! Fills views from history: all of them when a database is opened, one when it is made. History is read in bounded
//! batches. On open it stops at the epochs that sinks had delivered, to keep what the relations held there: the changes
//! since then are what a sink still has to send.

use std::collections::BTreeMap;

use millrace_base::{Epoch, Error, RelationId, Result};
use millrace_flow::{ChangeBatch, FlowEnv};
use millrace_plan::DefinitionKind;

use crate::catalog::{Catalog, Object};
use crate::difference::table_difference;
use crate::flow_thread::{Flow, NewView};
use crate::mailbox::STEP_ROWS_MAX;
use crate::published::{ViewState, failed_view};
use crate::step_input::StepInput;
use crate::view_rows::view_rows;

/// The database as it was opened: what comes later arrives as commits and requests.
pub struct Opened {
    pub epoch: Epoch,
    pub catalog: std::sync::Arc<Catalog>,
}

/// Builds all views of the catalog up to the epoch at which the database was opened.
pub fn rebuild(flow: &mut Flow, opened: &Opened) -> Result<()> {
    let catalog = &*opened.catalog;
    for object in catalog.objects() {
        if let DefinitionKind::MaterializedView { query, .. } = &object.definition.object {
            let id = object.definition.id;
            let added = flow.graph.add_view(id, query, &FlowEnv { models: catalog, relations: catalog });
            let state = match added {
                Ok(()) => flow.graph.view(id).map(ViewState::Ready),
                Err(error) => Some(ViewState::Failed(error)),
            };
            flow.views.insert(id, state.ok_or_else(|| Error::internal("a view that was added is gone"))?);
        }
    }
    let cuts = sink_cuts(flow, opened);
    let mut history = History::open(flow, opened)?;
    for (cut, sinks) in &cuts {
        history.advance(flow, *cut)?;
        for &(sink, from) in sinks {
            // A failed view is reported by the sink when it attaches.
            if let Ok(state) = flow.state_of(from, &flow.views) {
                flow.sink_states.insert(sink, state);
            }
        }
    }
    history.advance(flow, opened.epoch)?;
    flow.publish();
    Ok(())
}

/// For each epoch that some sink has delivered, those sinks and what they read.
fn sink_cuts(flow: &Flow, opened: &Opened) -> BTreeMap<Epoch, Vec<(RelationId, RelationId)>> {
    let mut cuts: BTreeMap<Epoch, Vec<_>> = BTreeMap::new();
    for object in opened.catalog.objects() {
        if let DefinitionKind::Sink { from, .. } = object.definition.object {
            let progress = flow.shared.log.progress(object.definition.id);
            if progress > Epoch::ZERO {
                cuts.entry(progress.min(opened.epoch)).or_default().push((object.definition.id, from));
            }
        }
    }
    cuts
}

/// The logged relations that views read.
struct History {
    streams: Vec<(RelationId, Vec<u32>)>,
    tables: Vec<(RelationId, arrow_schema::SchemaRef)>,
}

impl History {
    fn open(flow: &Flow, opened: &Opened) -> Result<Self> {
        let mut history = Self { streams: Vec::new(), tables: Vec::new() };
        let mut inputs: Vec<RelationId> = flow.views.keys().flat_map(|&id| flow.graph.inputs_of(id)).collect();
        inputs.sort_unstable();
        inputs.dedup();
        for id in inputs {
            let object = opened.catalog.require(id)?;
            if object.is_view() {
                continue;
            }
            let schema = stored_schema(object)?;
            if matches!(object.definition.object, DefinitionKind::Table { .. }) {
                history.tables.push((id, schema));
            } else {
                let columns: Vec<u32> = (0..schema.fields().len() as u32).collect();
                history.streams.push((id, columns));
            }
        }
        Ok(history)
    }

    /// Takes all views to `cut`.
    fn advance(&mut self, flow: &mut Flow, cut: Epoch) -> Result<()> {
        let from = flow.frontier;
        let shared = flow.shared.clone();
        let time_us = shared.log.time_of(cut)?;
        let mut input = StepInput::default();
        for (id, schema) in &self.tables {
            for change in table_difference(&shared.log, *id, schema, from, cut)? {
                input.push(*id, change?);
                step_when_full(flow, from, time_us, &mut input)?;
            }
        }
        for (id, columns) in &self.streams {
            for rows in shared.log.scan_after(*id, columns, from, cut)?.batches() {
                input.push(*id, ChangeBatch { rows: rows?, weights: None });
                step_when_full(flow, from, time_us, &mut input)?;
            }
        }
        flow.step_graph(cut, time_us, input.into_changes()?)?;
        Ok(())
    }
}

fn step_when_full(flow: &mut Flow, epoch: Epoch, time_us: i64, input: &mut StepInput) -> Result<()> {
    flow.shared.check_open()?;
    if input.rows() >= STEP_ROWS_MAX {
        // Part of the way to the next cut: nobody sees it, so it has no epoch of its own.
        flow.step_graph(epoch, time_us, std::mem::take(input).into_changes()?)?;
    }
    Ok(())
}

fn stored_schema(object: &Object) -> Result<arrow_schema::SchemaRef> {
    object.schema().ok_or_else(|| Error::internal(format!("\"{}\" has no rows", object.definition.name)))
}

/// Fills one new view with what its inputs hold at the frontier.
pub fn backfill(flow: &mut Flow, view: &NewView, catalog: &Catalog) -> Result<()> {
    let (epoch, time_us) = (flow.frontier, flow.time_us);
    let shared = flow.shared.clone();
    let mut input = StepInput::default();
    for id in flow.graph.inputs_of(view.id) {
        let object = catalog.require(id)?;
        let columns: Vec<u32> = (0..stored_schema(object)?.fields().len() as u32).collect();
        let rows = match flow.views.get(&id) {
            Some(ViewState::Ready(snapshot)) => view_rows(snapshot, &columns)?,
            Some(ViewState::Failed(error)) => return Err(failed_view(&object.definition.name, error)),
            None => Box::new(shared.log.scan(id, &columns, epoch)?.batches()),
        };
        for rows in rows {
            input.push(id, ChangeBatch { rows: rows?, weights: None });
            if input.rows() >= STEP_ROWS_MAX {
                flow.graph.backfill(view.id, epoch, time_us, std::mem::take(&mut input).into_changes()?)?;
            }
        }
    }
    // Also without rows: an aggregate without groups has one row from the start.
    flow.graph.backfill(view.id, epoch, time_us, input.into_changes()?)?;
    Ok(())
}
