//! A query that is planned once and only looks a row up by its whole key, whose values come with each run: no plan is read, checked
//! or compiled then.

use std::sync::{Arc, Weak};

use arrow_array::{ArrayRef, Int16Array, Int32Array, Int64Array, StringArray};
use millrace_base::{RelationId, Result};
use millrace_expr::Projection;
use millrace_plan::{BinaryOp, Command, DataType, DefinitionKind, Expr, Literal, Rel, validate_command, validate_rel};
use millrace_wire::{DataRows, Format};

use crate::at_once::{is_cheap, shown};
use crate::catalog::Catalog;
use crate::ipc;
use crate::shared::Shared;
use crate::shown::Shown;

/// Projections over the row.
const DEPTH_MAX: usize = 4;

/// A value of the types that keys of look-ups may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key<'a> {
    Integer(i64),
    Text(&'a str),
}

pub struct LookUp {
    /// The plan holds for this one only. Weak, as a client may keep a plan for long.
    catalog: Weak<Catalog>,
    relation: RelationId,
    /// The columns of the key in their order: the number of the parameter, from 0, and its type.
    keys: Vec<(usize, DataType)>,
    columns: Vec<usize>,
    /// The innermost first.
    projections: Vec<Projection>,
    schema: arrow_schema::SchemaRef,
    /// Whether the rows of the table are sent as they are.
    plain: bool,
}

impl LookUp {
    /// The look-up that a query is, its parameters in their places; nothing if it is something else.
    pub fn of(shared: &Shared, command: &[u8]) -> Result<Option<Self>> {
        let mut command = millrace_plan::decode_command(command)?;
        let catalog = shared.catalog();
        let Some(keys) = take_keys(&mut command, &catalog)? else { return Ok(None) };
        validate_command(&command, &*catalog)?;
        let Command::Query { root, names, .. } = &command else { return Ok(None) };
        let schema = ipc::result_schema(names, &validate_rel(root, &*catalog)?);
        let mut above = Vec::new();
        let mut rel = root;
        while let Rel::Project { input, exprs } = rel {
            if above.len() == DEPTH_MAX || !exprs.iter().all(is_cheap) {
                return Ok(None);
            }
            above.push((exprs, input));
            rel = input;
        }
        let Rel::Filter { input, .. } = rel else { return Ok(None) };
        let Rel::Scan { relation, columns, .. } = &**input else { return Ok(None) };
        let mut columns: Vec<usize> = columns.iter().map(|&column| column as usize).collect();
        let mut projections = Vec::new();
        while let Some((exprs, input)) = above.pop() {
            // What only chooses columns is done by whoever reads them.
            let chosen: Option<Vec<usize>> = exprs.iter().map(|expr| column_of(expr, &columns)).collect();
            match chosen.filter(|_| projections.is_empty()) {
                Some(chosen) => columns = chosen,
                None => projections.push(Projection::compile(exprs, &validate_rel(input, &*catalog)?, &*catalog)?),
            }
        }
        let plain = projections.is_empty() && Shown::of(&schema).is_identity();
        let relation = *relation;
        Ok(Some(Self { catalog: Arc::downgrade(&catalog), relation, keys, columns, projections, schema, plain }))
    }

    /// The types of the parameters, in their order.
    pub fn parameters(&self) -> Vec<DataType> {
        let mut keys = self.keys.clone();
        keys.sort_unstable_by_key(|&(parameter, _)| parameter);
        keys.into_iter().map(|(_, data_type)| data_type).collect()
    }

    /// Whether the catalog is still the one that it was made for.
    pub fn holds(&self, shared: &Shared) -> bool {
        std::ptr::eq(self.catalog.as_ptr(), Arc::as_ptr(&shared.catalog()))
    }

    /// The row of this key, if there is one, as a `DataRow` message; nothing where it has to be found in another way.
    pub fn rows(&self, shared: &Shared, values: &[Key], formats: &[Format]) -> Result<Option<DataRows>> {
        shared.check_alive()?;
        if !self.holds(shared) {
            return Ok(None);
        }
        let table = shared.log.table(self.relation)?;
        if !table.is_indexed() {
            return Ok(None);
        }
        let mut keys = Vec::with_capacity(self.keys.len());
        for &(parameter, data_type) in &self.keys {
            let Some(key) = values.get(parameter).and_then(|&value| array(value, data_type)) else { return Ok(None) };
            keys.push(key);
        }
        // As in `at_once.rs`: the pin is taken together with the epoch.
        let pin = shared.pins.pin(|| shared.log.durable_epoch());
        if pin.epoch() < table.horizon() {
            return Ok(None);
        }
        let Some(mut rows) = table.find_at(&keys, pin.epoch(), &self.columns)? else { return Ok(None) };
        if self.plain {
            return millrace_wire::batch_rows(&rows, formats).map(Some);
        }
        for projection in &self.projections {
            let columns = projection.evaluate(&rows, shared.now_us())?;
            rows = crate::at_once::batch_of(columns, rows.num_rows())?;
        }
        let rows = shown(&self.schema, &ipc::rename(&rows, &self.schema)?)?;
        millrace_wire::batch_rows(&rows, formats).map(Some)
    }
}

fn column_of(expr: &Expr, columns: &[usize]) -> Option<usize> {
    let Expr::Column { index } = expr else { return None };
    columns.get(*index as usize).copied()
}

/// The parameters that fix the whole key of the table under the query's filter; constants take their places in it. Nothing where the
/// filter says more or less than that, or the parameters are elsewhere too.
fn take_keys(command: &mut Command, catalog: &Catalog) -> Result<Option<Vec<(usize, DataType)>>> {
    let Command::Query { root, transaction: None, .. } = command else { return Ok(None) };
    let mut rel = root;
    while let Rel::Project { input, .. } = rel {
        rel = input;
    }
    let Rel::Filter { input, predicate } = rel else { return Ok(None) };
    let Rel::Scan { relation, columns, as_of: None } = &**input else { return Ok(None) };
    let object = catalog.require(*relation)?;
    let DefinitionKind::Table { columns: all, primary_key, .. } = &object.definition.object else { return Ok(None) };
    let mut fixed = Vec::new();
    if primary_key.is_empty() || !equalities(predicate, &mut fixed) || fixed.len() != primary_key.len() {
        return Ok(None);
    }
    let mut keys = Vec::with_capacity(primary_key.len());
    for key in primary_key {
        let found = fixed.iter().find(|&&(column, ..)| columns.get(column as usize) == Some(key));
        let Some(&(_, index, data_type)) = found else { return Ok(None) };
        if all[*key as usize].data_type != data_type {
            return Ok(None);
        }
        keys.push((index as usize - 1, data_type));
    }
    let mut seen: Vec<usize> = keys.iter().map(|&(parameter, _)| parameter).collect();
    seen.sort_unstable();
    Ok(seen.into_iter().eq(0..keys.len()).then_some(keys))
}

/// `column = $n AND …`: the columns with their parameters. Each is exchanged for a constant, so that the plan can be checked.
fn equalities(predicate: &mut Expr, out: &mut Vec<(u32, u32, DataType)>) -> bool {
    let Expr::Binary { operator, left, right, .. } = predicate else { return false };
    match operator {
        BinaryOp::And => equalities(left, out) && equalities(right, out),
        BinaryOp::Equal => {
            let (column, value) = if matches!(**left, Expr::Column { .. }) { (left, right) } else { (right, left) };
            let (Expr::Column { index: column }, Expr::Parameter { index, data_type }) = (&**column, &**value) else {
                return false;
            };
            let (column, index, data_type) = (*column, *index, *data_type);
            let literal = match data_type {
                DataType::Smallint => Literal::Smallint { value: 0 },
                DataType::Integer => Literal::Integer { value: 0 },
                DataType::Bigint => Literal::Bigint { value: 0 },
                DataType::Text => Literal::Text { value: String::new() },
                _ => return false,
            };
            if index == 0 {
                return false;
            }
            **value = Expr::Literal { literal };
            out.push((column, index, data_type));
            true
        }
        _ => false,
    }
}

/// A key of one row; nothing where the value is none of the type.
fn array(value: Key, data_type: DataType) -> Option<ArrayRef> {
    Some(match (value, data_type) {
        (Key::Integer(value), DataType::Smallint) => Arc::new(Int16Array::from_value(i16::try_from(value).ok()?, 1)),
        (Key::Integer(value), DataType::Integer) => Arc::new(Int32Array::from_value(i32::try_from(value).ok()?, 1)),
        (Key::Integer(value), DataType::Bigint) => Arc::new(Int64Array::from_value(value, 1)),
        (Key::Text(value), DataType::Text) => Arc::new(StringArray::from_iter_values([value])),
        _ => return None,
    })
}
