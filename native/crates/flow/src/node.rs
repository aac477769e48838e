//! The tree of a view's operators, and what runs it. Scans of the same columns are made once a step, for all views.

use std::cell::RefCell;
use std::collections::HashMap;

use millrace_base::{Error, RelationId, Result};

use crate::change::{ChangeBatch, batch_of};
use crate::saved::{Kept, unfit};
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

/// One step of one operator. Inputs are all changes of this step in one batch; None is no change.
pub(crate) trait Operator: Send {
    fn step(&mut self, inputs: Vec<Option<ChangeBatch>>, now_us: i64) -> Result<Option<ChangeBatch>>;

    /// When its output changes although no input does.
    fn deadline(&self) -> Option<i64> {
        None
    }

    /// What it keeps from step to step, for checkpoints; None if that is nothing.
    fn kept(&mut self) -> Option<&mut dyn Kept>;
}

pub(crate) enum Node {
    Scan { relation: RelationId, columns: Vec<u32>, schema: SchemaRef },
    Operator { operator: Box<dyn Operator>, children: Vec<Node>, started: bool },
}

type Scans = HashMap<(RelationId, Vec<u32>), Option<ChangeBatch>>;

/// What a step brings: the changes by relation, and the scans made of them so far.
pub(crate) struct StepInput {
    pub now_us: i64,
    changes: HashMap<RelationId, Vec<ChangeBatch>>,
    scans: RefCell<Scans>,
}

impl StepInput {
    pub fn new(now_us: i64, changes: Vec<(RelationId, ChangeBatch)>) -> Self {
        let mut input = Self { now_us, changes: HashMap::new(), scans: RefCell::default() };
        changes.into_iter().for_each(|(id, change)| input.add(id, change));
        input
    }

    pub fn add(&mut self, relation: RelationId, change: ChangeBatch) {
        self.changes.entry(relation).or_default().push(change);
    }

    fn scan(&self, relation: RelationId, columns: &[u32], schema: &SchemaRef) -> Result<Option<ChangeBatch>> {
        let Some(changes) = self.changes.get(&relation) else { return Ok(None) };
        let key = (relation, columns.to_vec());
        if let Some(made) = self.scans.borrow().get(&key) {
            return Ok(made.clone());
        }
        let project = |change: &ChangeBatch| {
            let chosen = columns
                .iter()
                .map(|&c| {
                    let column = change.rows.columns().get(c as usize).cloned();
                    column.ok_or_else(|| {
                        Error::internal(format!("a change of relation {} without column {c}", relation.0))
                    })
                })
                .collect::<Result<_>>()?;
            Ok(ChangeBatch { rows: batch_of(schema, chosen, change.len())?, weights: change.weights.clone() })
        };
        let made = ChangeBatch::concat(changes.iter().map(project).collect::<Result<_>>()?)?;
        self.scans.borrow_mut().insert(key, made.clone());
        Ok(made)
    }
}

impl Node {
    pub fn operator(operator: impl Operator + 'static, children: Vec<Node>) -> Self {
        Node::Operator { operator: Box::new(operator), children, started: false }
    }

    /// The first deadline among the operators.
    pub fn deadline(&self) -> Option<i64> {
        match self {
            Node::Scan { .. } => None,
            Node::Operator { operator, children, .. } => {
                children.iter().map(Self::deadline).chain([operator.deadline()]).flatten().min()
            }
        }
    }

    /// Lists the state of all operators; false if one has not run.
    pub fn save(&mut self, into: &mut Vec<Vec<RecordBatch>>) -> Result<bool> {
        let Node::Operator { operator, children, started } = self else { return Ok(true) };
        if !*started {
            return Ok(false);
        }
        if let Some(kept) = operator.kept() {
            into.push(kept.save()?);
        }
        for child in children {
            if !child.save(into)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Brings what `save` listed into operators that have not run.
    pub fn load(&mut self, saved: &mut impl Iterator<Item = Vec<RecordBatch>>) -> Result<()> {
        let Node::Operator { operator, children, started } = self else { return Ok(()) };
        *started = true;
        if let Some(kept) = operator.kept() {
            kept.load(saved.next().ok_or_else(unfit)?)?;
        }
        children.iter_mut().try_for_each(|child| child.load(saved))
    }

    /// An operator without changes is left alone, but each runs once: some have rows without input.
    pub fn step(&mut self, input: &StepInput) -> Result<Option<ChangeBatch>> {
        match self {
            Node::Scan { relation, columns, schema } => input.scan(*relation, columns, schema),
            Node::Operator { operator, children, started } => {
                let changes: Vec<_> = children.iter_mut().map(|c| c.step(input)).collect::<Result<_>>()?;
                let is_due = operator.deadline().is_some_and(|at| at <= input.now_us);
                if *started && !is_due && changes.iter().all(Option::is_none) {
                    return Ok(None);
                }
                *started = true;
                Ok(operator.step(changes, input.now_us)?.filter(|c| !c.is_empty()))
            }
        }
    }
}
