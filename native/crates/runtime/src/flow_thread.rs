//! The one thread that owns the incremental engine. It takes committed batches in epoch order, steps all views through
//! them together, publishes what readers see, and hands changes to sinks and subscriptions.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use millrace_base::{Code, Epoch, Error, RelationId, Result};
use millrace_flow::{ChangeBatch, FlowEnv, Graph};
use millrace_log::Committed;
use millrace_plan::Rel;

use crate::catalog::Catalog;
use crate::feed::{Feed, RelationState};
use crate::options;
use crate::published::{ViewState, Views, failed_view};
use crate::rebuild::{self, Opened};
use crate::reply::{Reply, caught};
use crate::shared::Shared;
use crate::step_input::StepInput;

/// How often tables are told which versions nobody reads any more.
const HORIZON_EVERY: Duration = Duration::from_millis(500);
/// Where nothing is written, rows come and go with time in steps of this: each takes an fsync.
const TICK_EVERY: Duration = Duration::from_millis(50);

/// A view that is to be kept up to date.
pub struct NewView {
    pub id: RelationId,
    pub query: Rel,
}

/// Where a feed begins.
pub enum FeedStart {
    /// With the next change.
    Now,
    /// With all rows that are there.
    Snapshot,
    /// With what this sink had not delivered when the database was closed.
    Sink(RelationId),
}

pub struct NewFeed {
    pub relation: RelationId,
    pub start: FeedStart,
    /// A view that lives as long as the feed.
    pub own_view: Option<(NewView, Arc<Catalog>)>,
}

pub enum Request {
    /// Adds views and fills them from history; all or none.
    AddViews {
        views: Vec<NewView>,
        catalog: Arc<Catalog>,
        reply: Reply<()>,
    },
    /// These relations are gone.
    Forget {
        relations: Vec<RelationId>,
    },
    Attach {
        feed: NewFeed,
        reply: Reply<Arc<Feed>>,
    },
    Detach {
        feed: Arc<Feed>,
    },
}

struct Attached {
    relation: RelationId,
    feed: Arc<Feed>,
    own_view: Option<RelationId>,
}

pub struct Flow {
    pub shared: Arc<Shared>,
    pub graph: Graph,
    pub views: HashMap<RelationId, ViewState>,
    pub frontier: Epoch,
    pub time_us: i64,
    /// What sinks had delivered, until they attach.
    pub sink_states: HashMap<RelationId, RelationState>,
    feeds: Vec<Attached>,
    horizon_at: Instant,
    /// When time alone last asked for a step, and whether that one is still on its way.
    tick_at: Option<Instant>,
    is_ticking: bool,
}

/// The body of the thread. A panic or an error that is nobody's in particular ends the engine, not the process.
pub fn run(shared: &Arc<Shared>, opened: &Opened) {
    let ended = caught(|| {
        let mut flow = Flow::new(shared.clone());
        rebuild::rebuild(&mut flow, opened)?;
        flow.run()
    });
    match ended {
        Ok(()) => {
            shared.mailbox.kill();
            shared.published.end(crate::reply::closed());
        }
        Err(error) => shared.poison(error),
    }
}

impl Flow {
    fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            graph: Graph::new(),
            views: HashMap::new(),
            frontier: Epoch::ZERO,
            time_us: 0,
            sink_states: HashMap::new(),
            feeds: Vec::new(),
            horizon_at: Instant::now(),
            tick_at: None,
            is_ticking: false,
        }
    }

    fn run(&mut self) -> Result<()> {
        let shared = self.shared.clone();
        loop {
            let patience = self.until_tick();
            let work = shared.mailbox.take(patience);
            if work.ended {
                self.end_feeds();
                return Ok(());
            }
            for request in work.requests {
                self.serve(request);
            }
            if !work.commits.is_empty() {
                self.step(&work.commits)?;
            } else if self.until_tick() == Some(Duration::ZERO) {
                // Refused when nothing can be written, as all writes are: it is tried again.
                self.is_ticking = matches!(shared.log.tick(), Ok(Some(_)));
                self.tick_at = Some(Instant::now());
            }
        }
    }

    /// How long until rows of some view come or go by time alone; an epoch of their own is then asked for. None if there are
    /// none, if that epoch is on its way, or if it never comes.
    fn until_tick(&self) -> Option<Duration> {
        if self.is_ticking || self.shared.log.is_read_only() {
            return None;
        }
        let due = self.shared.clock.until(self.graph.deadline()?)?;
        let rest = self.tick_at.map_or(Duration::ZERO, |at| TICK_EVERY.saturating_sub(at.elapsed()));
        Some(due.max(rest))
    }

    fn end_feeds(&mut self) {
        self.feeds.drain(..).for_each(|attached| attached.feed.end(Ok(())));
    }

    fn serve(&mut self, request: Request) {
        match request {
            Request::AddViews { views, catalog, reply } => {
                let added = caught(|| self.add_views(&views, &catalog));
                if added.is_err() {
                    views.iter().for_each(|view| self.remove_view(view.id));
                }
                self.publish();
                reply.send(added);
            }
            Request::Forget { relations } => self.forget(&relations),
            Request::Attach { feed, reply } => {
                let own = feed.own_view.as_ref().map(|(view, _)| view.id);
                let attached = caught(|| self.attach(feed));
                if let (Err(_), Some(own)) = (&attached, own) {
                    self.remove_view(own);
                }
                reply.send(attached);
            }
            Request::Detach { feed } => {
                let gone: Vec<Attached> = self.feeds.extract_if(.., |a| Arc::ptr_eq(&a.feed, &feed)).collect();
                gone.iter().filter_map(|a| a.own_view).for_each(|view| self.remove_view(view));
            }
        }
    }

    fn remove_view(&mut self, id: RelationId) {
        self.graph.remove_view(id);
        self.views.remove(&id);
    }

    fn add_views(&mut self, views: &[NewView], catalog: &Catalog) -> Result<()> {
        for view in views {
            self.graph.add_view(view.id, &view.query, &FlowEnv { models: catalog, relations: catalog })?;
            rebuild::backfill(self, view, catalog)?;
            let snapshot = self.graph.view(view.id).ok_or_else(|| Error::internal("a view that was added is gone"))?;
            self.views.insert(view.id, ViewState::Ready(snapshot));
        }
        Ok(())
    }

    fn attach(&mut self, new: NewFeed) -> Result<Arc<Feed>> {
        if let Some((view, catalog)) = &new.own_view {
            self.add_views(std::slice::from_ref(view), catalog)?;
        }
        let from = match new.start {
            FeedStart::Now => None,
            FeedStart::Snapshot => Some(RelationState::Empty),
            FeedStart::Sink(id) => Some(self.sink_states.remove(&id).unwrap_or(RelationState::Empty)),
        };
        let feed = match from {
            None => Feed::default(),
            Some(from) => {
                let to = self.state_of(new.relation, &self.views)?;
                Feed::starting_with(from, to, self.frontier)
            }
        };
        let feed = Arc::new(feed);
        let own_view = new.own_view.map(|(view, _)| view.id);
        self.feeds.push(Attached { relation: new.relation, feed: feed.clone(), own_view });
        Ok(feed)
    }

    /// The relation's state at the frontier.
    pub fn state_of(&self, relation: RelationId, views: &HashMap<RelationId, ViewState>) -> Result<RelationState> {
        match views.get(&relation) {
            Some(ViewState::Ready(snapshot)) => Ok(RelationState::View(snapshot.clone())),
            Some(ViewState::Failed(error)) => Err(failed_view(&self.name_of(relation), error)),
            None => Ok(RelationState::Log(self.shared.pins.pin(|| self.frontier))),
        }
    }

    pub fn name_of(&self, relation: RelationId) -> String {
        let catalog = self.shared.catalog();
        catalog.get(relation).map_or_else(|| "subscription".into(), |o| o.definition.name.clone())
    }

    /// Ends what reads a relation that was dropped, then forgets the views among them.
    fn forget(&mut self, relations: &[RelationId]) {
        let reads = |graph: &Graph, attached: &Attached| {
            relations.contains(&attached.relation)
                || attached.own_view.is_some_and(|v| graph.inputs_of(v).iter().any(|i| relations.contains(i)))
        };
        let graph = &self.graph;
        let gone: Vec<Attached> = self.feeds.extract_if(.., |a| reads(graph, a)).collect();
        for attached in gone {
            attached.feed.end(Err(Error::new(Code::UndefinedTable, "a relation that was read has been dropped")));
            attached.own_view.into_iter().for_each(|view| self.remove_view(view));
        }
        relations.iter().rev().for_each(|&id| self.remove_view(id));
        self.publish();
    }

    /// Takes all views through these commits in one step.
    fn step(&mut self, commits: &[Committed]) -> Result<()> {
        self.is_ticking = false;
        let mut input = StepInput::default();
        commits.iter().for_each(|committed| input.add(committed));
        let last = commits.last().expect("a step has commits");
        let inputs = input.into_changes()?;
        let before = (!self.feeds.is_empty()).then(|| (self.frontier, self.views.clone()));
        let outputs = self.step_graph(last.epoch, last.time_us, inputs.clone())?;
        self.publish();
        let now_us = self.shared.now_us();
        for committed in commits {
            let rows: usize = committed.commit.rows.iter().map(|part| part.batch.num_rows()).sum();
            if rows > 0 {
                self.shared.freshness.record(now_us - committed.time_us, rows as u64);
            }
        }
        if let Some((frontier, views)) = before {
            self.feed(frontier, &views, &inputs, &outputs);
        }
        self.move_horizon();
        Ok(())
    }

    /// Steps the graph. A view that cannot go on is set aside with its error, and those that read it; the rest goes on.
    pub fn step_graph(
        &mut self,
        epoch: Epoch,
        time_us: i64,
        inputs: Vec<(RelationId, ChangeBatch)>,
    ) -> Result<HashMap<RelationId, Vec<ChangeBatch>>> {
        let outputs = self.graph.step(epoch, time_us, inputs)?;
        for (id, error) in self.graph.take_failures() {
            self.fail_view(id, error);
        }
        for (id, changes) in &outputs {
            if !changes.is_empty()
                && let Some(snapshot) = self.graph.view(*id)
            {
                self.views.insert(*id, ViewState::Ready(snapshot));
            }
        }
        (self.frontier, self.time_us) = (epoch, time_us);
        Ok(outputs)
    }

    /// Marks a view as failed and ends its feeds with the error.
    pub fn fail_view(&mut self, id: RelationId, error: Error) {
        let shown = failed_view(&self.name_of(id), &error);
        for attached in self.feeds.extract_if(.., |a| a.relation == id) {
            attached.feed.end(Err(shown.clone()));
        }
        self.views.insert(id, ViewState::Failed(error));
    }

    pub fn publish(&self) {
        self.shared.published.publish(Views { frontier: self.frontier, views: self.views.clone() });
    }

    /// Hands the changes of a step to those who wait for them.
    fn feed(
        &self,
        frontier_before: Epoch,
        views_before: &HashMap<RelationId, ViewState>,
        inputs: &[(RelationId, ChangeBatch)],
        outputs: &HashMap<RelationId, Vec<ChangeBatch>>,
    ) {
        for attached in &self.feeds {
            let relation = attached.relation;
            let own;
            let changes = match outputs.get(&relation) {
                Some(changes) => changes,
                None => {
                    own = inputs.iter().filter(|(id, _)| *id == relation).map(|(_, c)| c.clone()).collect();
                    &own
                }
            };
            let state = |frontier: Epoch, views: &HashMap<RelationId, ViewState>| match views.get(&relation) {
                Some(ViewState::Ready(snapshot)) => RelationState::View(snapshot.clone()),
                _ => RelationState::Log(self.shared.pins.pin(|| frontier)),
            };
            attached.feed.push(
                self.frontier,
                self.time_us,
                changes,
                || state(frontier_before, views_before),
                || state(self.frontier, &self.views),
            );
        }
    }

    fn move_horizon(&mut self) {
        if self.horizon_at.elapsed() < HORIZON_EVERY {
            return;
        }
        self.horizon_at = Instant::now();
        let horizon = self.shared.pins.horizon(|| self.frontier);
        // After a restart a sink goes on from the state that it had delivered.
        let sinks = self.shared.catalog().sinks().map(|sink| self.shared.log.progress(sink)).collect::<Vec<_>>();
        let delivered = sinks.into_iter().filter(|&epoch| epoch > Epoch::ZERO).min();
        let horizon = delivered.map_or(horizon, |epoch| epoch.min(horizon));
        self.shared.log.set_horizon(horizon, &options::retained(&self.shared, &self.shared.catalog()));
    }
}
