//! The compiled expression. Strict nodes compute whole batches; AND, OR, CASE and COALESCE compute an operand only for
//! the rows that need it, so that `CASE WHEN x <> 0 THEN 1 / x END` never divides by zero.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, new_null_array};
use arrow_buffer::BooleanBuffer;
use arrow_select::filter::{FilterBuilder, prep_null_mask_filter};
use arrow_select::interleave::interleave;
use arrow_select::zip::zip;
use millrace_base::{Error, Result};
use millrace_plan::DataType;

use crate::value::Value;

/// What a kernel knows beside its arguments.
pub(crate) struct Call {
    pub rows: usize,
    pub now_us: i64,
    pub result: DataType,
}

pub(crate) type Kernel = Arc<dyn Fn(&[Value], &Call) -> Result<Value> + Send + Sync>;

pub(crate) enum Node {
    Column(usize),
    Literal(Value),
    Strict { kernel: Kernel, args: Vec<Node>, result: DataType, fallible: bool },
    And(Box<Node>, Guarded),
    Or(Box<Node>, Guarded),
    Case { branches: Vec<Branch>, otherwise: Guarded, result: DataType },
    Coalesce { first: Box<Node>, rest: Vec<Guarded> },
}

/// An operand that is computed for some rows only, with the columns that must be cut down for it.
pub(crate) struct Guarded {
    node: Box<Node>,
    columns: BTreeSet<usize>,
}

impl Guarded {
    pub fn new(node: Node) -> Self {
        let mut columns = BTreeSet::new();
        node.collect_columns(&mut columns);
        Self { node: Box::new(node), columns }
    }

    /// The value for the rows that `keep` selects, one slot each.
    fn evaluate_where(&self, frame: &Frame, keep: &BooleanArray) -> Result<ArrayRef> {
        let cut = frame.cut(keep, &self.columns)?;
        self.node.evaluate(&cut)?.into_array(cut.rows)
    }
}

pub(crate) struct Branch {
    pub when: Node,
    pub then: Guarded,
    /// The columns of the branches after this one.
    pub rest: BTreeSet<usize>,
}

/// The rows under evaluation. A column that no node of the subtree reads may be absent.
pub(crate) struct Frame {
    pub columns: Vec<Option<ArrayRef>>,
    pub rows: usize,
    pub now_us: i64,
}

impl Frame {
    fn cut(&self, keep: &BooleanArray, needed: &BTreeSet<usize>) -> Result<Frame> {
        let predicate = FilterBuilder::new(keep).optimize().build();
        let mut columns = vec![None; self.columns.len()];
        for &index in needed {
            let column = self.column(index)?;
            columns[index] = Some(predicate.filter(column).map_err(internal)?);
        }
        Ok(Frame { columns, rows: predicate.count(), now_us: self.now_us })
    }

    fn column(&self, index: usize) -> Result<&ArrayRef> {
        self.columns
            .get(index)
            .and_then(Option::as_ref)
            .ok_or_else(|| Error::internal(format!("column {index} is not in the batch")))
    }
}

fn internal(error: arrow_schema::ArrowError) -> Error {
    Error::internal(error.to_string())
}

/// A mask without NULLs: NULL does not select.
fn definite(mask: BooleanArray) -> BooleanArray {
    if mask.null_count() == 0 { mask } else { prep_null_mask_filter(&mask) }
}

impl Node {
    pub fn evaluate(&self, frame: &Frame) -> Result<Value> {
        match self {
            Node::Column(index) => Ok(Value::array(frame.column(*index)?.clone())),
            Node::Literal(value) => Ok(value.clone()),
            Node::Strict { kernel, args, result, .. } => {
                let args = args.iter().map(|a| a.evaluate(frame)).collect::<Result<Vec<_>>>()?;
                kernel(&args, &Call { rows: frame.rows, now_us: frame.now_us, result: *result })
            }
            Node::And(left, right) => connect(left, right, frame, false),
            Node::Or(left, right) => connect(left, right, frame, true),
            Node::Case { branches, otherwise, result } => case(branches, otherwise, *result, frame),
            Node::Coalesce { first, rest } => coalesce(first, rest, frame),
        }
    }

    pub fn literal(&self) -> Option<&Value> {
        if let Node::Literal(value) = self { Some(value) } else { None }
    }

    /// Whether evaluation can fail on some input; what cannot fail may be computed for rows that do not need it.
    pub fn is_fallible(&self) -> bool {
        match self {
            Node::Column(_) | Node::Literal(_) => false,
            Node::Strict { args, fallible, .. } => *fallible || args.iter().any(Node::is_fallible),
            Node::And(left, right) | Node::Or(left, right) => left.is_fallible() || right.node.is_fallible(),
            Node::Case { branches, otherwise, .. } => {
                otherwise.node.is_fallible()
                    || branches.iter().any(|b| b.when.is_fallible() || b.then.node.is_fallible())
            }
            Node::Coalesce { first, rest } => first.is_fallible() || rest.iter().any(|g| g.node.is_fallible()),
        }
    }

    /// A column or a constant: it costs nothing to have.
    fn is_free(&self) -> bool {
        matches!(self, Node::Column(_) | Node::Literal(_))
    }

    pub fn collect_columns(&self, into: &mut BTreeSet<usize>) {
        match self {
            Node::Column(index) => {
                into.insert(*index);
            }
            Node::Literal(_) => {}
            Node::Strict { args, .. } => args.iter().for_each(|a| a.collect_columns(into)),
            Node::And(left, right) | Node::Or(left, right) => {
                left.collect_columns(into);
                into.extend(&right.columns);
            }
            Node::Case { branches, otherwise, .. } => {
                for branch in branches {
                    branch.when.collect_columns(into);
                    into.extend(&branch.then.columns);
                }
                into.extend(&otherwise.columns);
            }
            Node::Coalesce { first, rest } => {
                first.collect_columns(into);
                rest.iter().for_each(|g| into.extend(&g.columns));
            }
        }
    }

    /// Builds CASE with what each step needs of the ones after it.
    pub fn case(branches: Vec<(Node, Node)>, otherwise: Node, result: DataType) -> Node {
        let otherwise = Guarded::new(otherwise);
        let mut rest = otherwise.columns.clone();
        let mut built: Vec<Branch> = Vec::with_capacity(branches.len());
        for (when, then) in branches.into_iter().rev() {
            let then = Guarded::new(then);
            let after = rest.clone();
            when.collect_columns(&mut rest);
            rest.extend(&then.columns);
            built.push(Branch { when, then, rest: after });
        }
        built.reverse();
        Node::Case { branches: built, otherwise, result }
    }
}

/// Kleene AND (`deciding` false) or OR (`deciding` true): a left operand equal to `deciding` settles its row.
fn connect(left: &Node, right: &Guarded, frame: &Frame, deciding: bool) -> Result<Value> {
    let left = left.evaluate(frame)?;
    if left.is_scalar() {
        let value = left.inner().as_boolean();
        if value.is_valid(0) && value.value(0) == deciding {
            return Ok(left);
        }
        if value.is_valid(0) {
            return right.node.evaluate(frame);
        }
    }
    let left = left.booleans(frame.rows)?;
    let settled = if deciding { left.values().clone() } else { !left.values() };
    let settled = match left.nulls() {
        Some(nulls) => &settled & nulls.inner(),
        None => settled,
    };
    let open = frame.rows - settled.count_set_bits();
    if open == 0 {
        return Ok(Value::array(Arc::new(left)));
    }
    // Cutting the batch costs more than an operand that cannot fail, unless few rows are left.
    let right = if open == frame.rows || (!right.node.is_fallible() && open * 5 > frame.rows) {
        right.node.evaluate(frame)?.booleans(frame.rows)?
    } else {
        let open = !&settled;
        let part = right.evaluate_where(frame, &BooleanArray::new(open.clone(), None))?;
        let part: ArrayRef = part;
        let filler: ArrayRef = Arc::new(BooleanArray::new(BooleanBuffer::collect_bool(1, |_| deciding), None));
        let mut next = 0;
        let choice: Vec<(usize, usize)> = (0..frame.rows)
            .map(|row| {
                if !open.value(row) {
                    return (0, 0);
                }
                next += 1;
                (1, next - 1)
            })
            .collect();
        interleave(&[&filler, &part], &choice).map_err(internal)?.as_boolean().clone()
    };
    let both =
        if deciding { arrow::compute::or_kleene(&left, &right) } else { arrow::compute::and_kleene(&left, &right) };
    Ok(Value::array(Arc::new(both.map_err(internal)?)))
}

fn case(branches: &[Branch], otherwise: &Guarded, result: DataType, frame: &Frame) -> Result<Value> {
    if let [only] = branches
        && only.then.node.is_free()
        && otherwise.node.is_free()
    {
        let mask = definite(only.when.evaluate(frame)?.booleans(frame.rows)?);
        let (then, otherwise) = (only.then.node.evaluate(frame)?, otherwise.node.evaluate(frame)?);
        return Ok(Value::array(zip(&mask, &then, &otherwise).map_err(internal)?));
    }
    let mut parts: Vec<ArrayRef> = Vec::with_capacity(branches.len() + 1);
    let mut choice: Vec<(usize, usize)> = vec![(0, 0); frame.rows];
    // The rows that no branch has taken yet, and the frame of just these rows.
    let mut open: Vec<u32> = (0..frame.rows as u32).collect();
    let mut cut: Option<Frame> = None;
    for branch in branches {
        let current = cut.as_ref().unwrap_or(frame);
        let mask = definite(branch.when.evaluate(current)?.booleans(current.rows)?);
        let taken = mask.true_count();
        if taken == 0 {
            continue;
        }
        if taken == current.rows {
            take_rest(&branch.then, current, &open, &mut parts, &mut choice)?;
            open.clear();
            break;
        }
        let part = branch.then.evaluate_where(current, &mask)?;
        let mut position = 0;
        let mut left = Vec::with_capacity(open.len() - taken);
        for (slot, &row) in open.iter().enumerate() {
            if mask.value(slot) {
                choice[row as usize] = (parts.len(), position);
                position += 1;
            } else {
                left.push(row);
            }
        }
        parts.push(part);
        open = left;
        cut = Some(current.cut(&BooleanArray::new(!mask.values(), None), &branch.rest)?);
    }
    if !open.is_empty() {
        let current = cut.as_ref().unwrap_or(frame);
        take_rest(otherwise, current, &open, &mut parts, &mut choice)?;
    }
    if parts.is_empty() {
        return Ok(Value::array(new_null_array(&result.to_arrow(), frame.rows)));
    }
    if parts.len() == 1 && parts[0].len() == frame.rows {
        return Ok(Value::array(parts.swap_remove(0)));
    }
    let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
    Ok(Value::array(interleave(&parts, &choice).map_err(internal)?))
}

/// All rows that are still open take this operand's value.
fn take_rest(
    operand: &Guarded,
    current: &Frame,
    open: &[u32],
    parts: &mut Vec<ArrayRef>,
    choice: &mut [(usize, usize)],
) -> Result<()> {
    let value = operand.node.evaluate(current)?;
    // When this is the only part it must have a slot a row; else one slot serves all.
    let scalar = value.is_scalar() && !parts.is_empty();
    let part = if scalar { value.inner().clone() } else { value.into_array(current.rows)? };
    for (slot, &row) in open.iter().enumerate() {
        choice[row as usize] = (parts.len(), if scalar { 0 } else { slot });
    }
    parts.push(part);
    Ok(())
}

fn coalesce(first: &Node, rest: &[Guarded], frame: &Frame) -> Result<Value> {
    let mut value = first.evaluate(frame)?;
    for next in rest {
        if value.is_scalar_null() {
            value = next.node.evaluate(frame)?;
            continue;
        }
        if value.is_scalar() || value.inner().null_count() == 0 {
            break;
        }
        let known = value.inner().clone();
        let nulls = known.nulls().expect("an array with NULLs has a null buffer").inner().clone();
        if next.node.is_free() {
            let other = next.node.evaluate(frame)?;
            value = Value::array(zip(&BooleanArray::new(nulls, None), &value, &other).map_err(internal)?);
            continue;
        }
        let part = next.evaluate_where(frame, &BooleanArray::new(!&nulls, None))?;
        let mut position = 0;
        let choice: Vec<(usize, usize)> = (0..frame.rows)
            .map(|row| {
                if nulls.value(row) {
                    return (0, row);
                }
                position += 1;
                (1, position - 1)
            })
            .collect();
        value = Value::array(interleave(&[known.as_ref(), part.as_ref()], &choice).map_err(internal)?);
    }
    Ok(value)
}
