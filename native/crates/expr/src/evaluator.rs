//! The public face: expressions compiled once, evaluated a batch at a time, by queries and flows alike.

use std::collections::{BTreeSet, HashMap};

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch, new_empty_array};
use arrow_select::filter::prep_null_mask_filter;
use millrace_base::{Error, Result};
use millrace_plan::{DataType, Expr};

use crate::compile::Compiler;
use crate::model::Models;
use crate::node::{Frame, Node};
use crate::shared::{key_of, shared};

/// Several expressions over one input; what they have in common is computed once.
pub struct Projection {
    /// Appended to the input's columns before `outputs` are computed, in this order.
    shared: Vec<Node>,
    outputs: Vec<(Node, DataType)>,
    /// Columns of the input.
    input: usize,
}

impl Projection {
    pub fn compile(exprs: &[Expr], input: &[DataType], models: &dyn Models) -> Result<Self> {
        let mut compiler = Compiler { input, models, shared: HashMap::new() };
        let mut nodes = Vec::new();
        for expr in shared(exprs) {
            let (node, kind) = compiler.compile_itself(expr)?;
            compiler.shared.insert(key_of(expr), (input.len() + nodes.len(), kind));
            nodes.push(node);
        }
        let outputs = exprs.iter().map(|e| compiler.compile(e)).collect::<Result<_>>()?;
        Ok(Self { shared: nodes, outputs, input: input.len() })
    }

    pub fn data_types(&self) -> impl Iterator<Item = DataType> + '_ {
        self.outputs.iter().map(|(_, kind)| *kind)
    }

    /// One array an expression, each as long as the batch.
    pub fn evaluate(&self, batch: &RecordBatch, now_us: i64) -> Result<Vec<ArrayRef>> {
        self.evaluate_columns(batch.columns(), batch.num_rows(), now_us)
    }

    /// As `evaluate`, over columns that are in no batch.
    pub fn evaluate_columns(&self, columns: &[ArrayRef], rows: usize, now_us: i64) -> Result<Vec<ArrayRef>> {
        if rows == 0 {
            // A constant that fails must not fail where there is no row.
            return Ok(self.outputs.iter().map(|(_, kind)| new_empty_array(&kind.to_arrow())).collect());
        }
        self.run(Frame { columns: columns.iter().cloned().map(Some).collect(), rows, now_us })
    }

    /// As `evaluate_columns`; columns that no expression reads need not be there.
    pub fn evaluate_sparse(&self, columns: Vec<Option<ArrayRef>>, rows: usize, now_us: i64) -> Result<Vec<ArrayRef>> {
        if rows == 0 {
            return Ok(self.outputs.iter().map(|(_, kind)| new_empty_array(&kind.to_arrow())).collect());
        }
        self.run(Frame { columns, rows, now_us })
    }

    /// The columns of the input that are read. Those behind them are what the expressions share.
    pub fn columns(&self) -> BTreeSet<usize> {
        let mut read = BTreeSet::new();
        let nodes = self.shared.iter().chain(self.outputs.iter().map(|(node, _)| node));
        nodes.for_each(|node| node.collect_columns(&mut read));
        read.retain(|&column| column < self.input);
        read
    }

    /// Whether some input could fail.
    pub fn is_fallible(&self) -> bool {
        self.shared.iter().chain(self.outputs.iter().map(|(node, _)| node)).any(Node::is_fallible)
    }

    fn run(&self, mut frame: Frame) -> Result<Vec<ArrayRef>> {
        let rows = frame.rows;
        for node in &self.shared {
            let array = node.evaluate(&frame)?.into_array(rows)?;
            frame.columns.push(Some(array));
        }
        self.outputs
            .iter()
            .map(|(node, kind)| {
                let array = node.evaluate(&frame)?.into_array(rows)?;
                check(&array, *kind, rows)?;
                Ok(array)
            })
            .collect()
    }
}

/// One expression.
pub struct Evaluator {
    projection: Projection,
    data_type: DataType,
}

impl Evaluator {
    pub fn compile(expr: &Expr, input: &[DataType], models: &dyn Models) -> Result<Self> {
        let projection = Projection::compile(std::slice::from_ref(expr), input, models)?;
        let data_type = projection.outputs[0].1;
        Ok(Self { projection, data_type })
    }

    pub fn data_type(&self) -> DataType {
        self.data_type
    }

    /// As long as the batch.
    pub fn evaluate(&self, batch: &RecordBatch, now_us: i64) -> Result<ArrayRef> {
        let mut arrays = self.projection.evaluate(batch, now_us)?;
        Ok(arrays.swap_remove(0))
    }

    /// The rows for which a predicate is true: NULL counts as false, and the result has no NULL.
    pub fn select(&self, batch: &RecordBatch, now_us: i64) -> Result<BooleanArray> {
        let array = self.evaluate(batch, now_us)?;
        let mask = array.as_boolean_opt().ok_or_else(|| Error::internal("a predicate that is not boolean"))?;
        Ok(if mask.null_count() == 0 {
            BooleanArray::new(mask.values().clone(), None)
        } else {
            prep_null_mask_filter(mask)
        })
    }
}

/// A node that gives another type or length would corrupt whatever reads it.
fn check(array: &ArrayRef, kind: DataType, rows: usize) -> Result<()> {
    if array.len() != rows || *array.data_type() != kind.to_arrow() {
        let found = format!("{} rows of {}", array.len(), array.data_type());
        return Err(Error::internal(format!("an expression of type {kind} over {rows} rows gave {found}")));
    }
    Ok(())
}
