//! The graph of all views. A step takes every view from one epoch to the next, in the order in which the views were
//! added, so that a view comes after those that it reads. A view whose query fails on its rows stops, with those that
//! read it; the others go on.

use std::collections::HashMap;

use millrace_base::{Code, Epoch, Error, RelationId, Result};
use millrace_plan::Rel;

use crate::change::{ChangeBatch, schema_of};
use crate::compile::{Compiler, FlowEnv};
use crate::node::{Node, StepInput};
use crate::saved::{SavedView, change_of, split_integers, unfit, weighted};
use crate::view_store::{ViewSnapshot, ViewStore};

#[derive(Default)]
pub struct Graph {
    views: Vec<View>,
    failures: Vec<(RelationId, Error)>,
}

struct View {
    id: RelationId,
    root: Node,
    inputs: Vec<RelationId>,
    append_only: bool,
    /// Whether it has operators with deadlines.
    is_temporal: bool,
    store: ViewStore,
    epoch: Epoch,
    failed: bool,
}

impl Graph {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a view without rows. `FeatureNotSupported` if its query cannot be kept up to date.
    pub fn add_view(&mut self, id: RelationId, query: &Rel, env: &FlowEnv<'_>) -> Result<()> {
        if self.views.iter().any(|v| v.id == id) {
            return Err(Error::internal(format!("view {} is in the graph already", id.0)));
        }
        let append_only = |relation: RelationId| match self.views.iter().find(|v| v.id == relation) {
            Some(view) => view.append_only,
            None => env.relations.append_only(relation),
        };
        let compiled = Compiler { env, append_only: &append_only }.compile(query)?;
        let mut inputs = Vec::new();
        collect_inputs(query, &mut inputs);
        // What changes slowly first: streams then find their tables filled.
        inputs.sort_by_key(|&relation| append_only(relation));
        let types: Vec<_> = compiled.types.iter().map(|t| t.to_arrow()).collect();
        let store = ViewStore::new(schema_of(&types));
        let (root, append_only) = (compiled.node, compiled.append_only);
        let is_temporal = query.is_temporal();
        self.views.push(View { id, root, inputs, append_only, is_temporal, store, epoch: Epoch::ZERO, failed: false });
        Ok(())
    }

    /// The relations that the view scans, in the order in which a backfill should bring them.
    pub fn inputs_of(&self, id: RelationId) -> Vec<RelationId> {
        self.views.iter().find(|v| v.id == id).map_or_else(Vec::new, |v| v.inputs.clone())
    }

    /// Brings a new view its inputs' rows; no other view sees them. May be called several times, with a part of the
    /// rows each; once without rows is enough for a view that has some of its own. On an error the view is to be removed.
    pub fn backfill(
        &mut self,
        id: RelationId,
        epoch: Epoch,
        now_us: i64,
        history: Vec<(RelationId, ChangeBatch)>,
    ) -> Result<Vec<ChangeBatch>> {
        let view = self.views.iter_mut().find(|v| v.id == id);
        let view = view.ok_or_else(|| Error::internal(format!("view {} is not in the graph", id.0)))?;
        let output = view.step(epoch, &StepInput::new(now_us, history))?;
        Ok(output.into_iter().collect())
    }

    /// The view as it is; None if it has failed or has not run yet.
    pub fn save_view(&mut self, id: RelationId) -> Result<Option<SavedView>> {
        let Some(view) = self.views.iter_mut().find(|v| v.id == id && !v.failed) else { return Ok(None) };
        let mut operators = Vec::new();
        if !view.root.save(&mut operators)? {
            return Ok(None);
        }
        let snapshot = view.store.snapshot();
        let columns: Vec<u32> = (0..snapshot.schema().fields().len() as u32).collect();
        let rows = snapshot.scan(&columns)?.into_iter().map(|rows| {
            let count = rows.num_rows();
            weighted(rows.columns().to_vec(), vec![1; count])
        });
        Ok(Some(SavedView { rows: rows.collect::<Result<_>>()?, operators }))
    }

    /// Brings a view without rows to where it was when it was saved. On an error the view is to be removed.
    pub fn load_view(&mut self, id: RelationId, epoch: Epoch, saved: SavedView) -> Result<()> {
        let view = self.views.iter_mut().find(|v| v.id == id);
        let view = view.ok_or_else(|| Error::internal(format!("view {} is not in the graph", id.0)))?;
        let mut operators = saved.operators.into_iter();
        view.root.load(&mut operators)?;
        if operators.next().is_some() {
            return Err(unfit());
        }
        let schema = view.store.snapshot().schema();
        for batch in saved.rows {
            let mut columns = batch.columns().to_vec();
            let weights = split_integers(&mut columns)?;
            view.store.push(change_of(columns, weights, &schema)?)?;
        }
        view.epoch = epoch;
        Ok(())
    }

    pub fn remove_view(&mut self, id: RelationId) {
        self.views.retain(|v| v.id != id);
    }

    /// Takes all views to `epoch`. Gives the changes of each view that changed; views that fail are left out and
    /// reported by `take_failures`.
    pub fn step(
        &mut self,
        epoch: Epoch,
        now_us: i64,
        changes: Vec<(RelationId, ChangeBatch)>,
    ) -> Result<HashMap<RelationId, Vec<ChangeBatch>>> {
        let mut input = StepInput::new(now_us, changes);
        let mut outputs = HashMap::new();
        for at in 0..self.views.len() {
            if self.views[at].failed {
                continue;
            }
            let stopped = |v: &&View| v.failed && self.views[at].inputs.contains(&v.id);
            let result = match self.views.iter().find(stopped) {
                Some(source) => Err(Error::new(
                    Code::ObjectNotInPrerequisiteState,
                    format!("the view reads view {}, which has failed", source.id.0),
                )),
                None => self.views[at].step(epoch, &input),
            };
            let view = &mut self.views[at];
            match result {
                Ok(None) => {}
                Ok(Some(output)) => {
                    input.add(view.id, output.clone());
                    outputs.insert(view.id, vec![output]);
                }
                Err(error) => {
                    view.failed = true;
                    self.failures.push((view.id, error));
                }
            }
        }
        Ok(outputs)
    }

    /// When a step is due although nothing comes: the time at which some view changes by itself.
    pub fn deadline(&self) -> Option<i64> {
        self.views.iter().filter(|v| v.is_temporal && !v.failed).filter_map(|v| v.root.deadline()).min()
    }

    /// The views that failed since the last call, and why.
    pub fn take_failures(&mut self) -> Vec<(RelationId, Error)> {
        std::mem::take(&mut self.failures)
    }

    /// The view's rows as of its last step; None if it is not there or has failed.
    pub fn view(&self, id: RelationId) -> Option<ViewSnapshot> {
        self.views.iter().find(|v| v.id == id && !v.failed).map(|v| v.store.snapshot())
    }
}

impl View {
    fn step(&mut self, epoch: Epoch, input: &StepInput) -> Result<Option<ChangeBatch>> {
        assert!(epoch >= self.epoch, "a step goes forward");
        self.epoch = epoch;
        let Some(output) = self.root.step(input)? else { return Ok(None) };
        let output = output.consolidated()?;
        if output.is_empty() {
            return Ok(None);
        }
        self.store.push(output.clone())?;
        Ok(Some(output))
    }
}

fn collect_inputs(rel: &Rel, into: &mut Vec<RelationId>) {
    if let Rel::Scan { relation, .. } = rel
        && !into.contains(relation)
    {
        into.push(*relation);
    }
    rel.inputs().into_iter().for_each(|input| collect_inputs(input, into));
}
