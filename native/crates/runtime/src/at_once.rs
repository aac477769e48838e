//! Queries that take less time than changing threads would: rows of a table by their keys, and rows of constants, with
//! conditions and expressions over them. They are answered on the caller's thread; all others are left to the pool.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{Schema, SchemaRef};
use millrace_base::{Error, Result};
use millrace_expr::Projection;
use millrace_plan::{BinaryOp, Command, DataType, DefinitionKind, Expr, Rel, validate_command, validate_rel};

use crate::catalog::Catalog;
use crate::ipc;
use crate::point;
use crate::shared::Shared;
use crate::shown::Shown;

/// Longer commands are decoded elsewhere.
const COMMAND_MAX: usize = 8 * 1024;
/// Operators over the rows.
const DEPTH_MAX: usize = 8;
/// Rows of constants.
const VALUES_MAX: usize = 16;
/// Keys that are looked up.
const KEYS_MAX: usize = 16;

/// The rows of a query, or nothing where it may take longer.
pub fn query_at_once(shared: &Arc<Shared>, command: &[u8]) -> Result<Option<(SchemaRef, RecordBatch)>> {
    if command.len() > COMMAND_MAX {
        return Ok(None);
    }
    shared.check_alive()?;
    let command = millrace_plan::decode_command(command)?;
    let Command::Query { root, names, transaction: None, .. } = &command else { return Ok(None) };
    if !is_short(root) {
        return Ok(None);
    }
    let catalog = shared.catalog();
    validate_command(&command, &*catalog)?;
    let types = validate_rel(root, &*catalog)?;
    let run = Run { shared, catalog: &catalog, now_us: shared.now_us() };
    let Some(rows) = run.rows(root)? else { return Ok(None) };
    let schema = ipc::result_schema(names, &types);
    let rows = ipc::rename(&rows, &schema)?;
    Ok(Some((schema, rows)))
}

/// As they leave the process.
pub fn shown(schema: &SchemaRef, rows: &RecordBatch) -> Result<RecordBatch> {
    let shown = Shown::of(schema);
    ipc::with_columns(&shown.schema, shown.columns(rows.columns())?, rows.num_rows())
}

/// Told by its form alone.
fn is_short(root: &Rel) -> bool {
    let mut rel = root;
    for _ in 0..DEPTH_MAX {
        match rel {
            Rel::Limit { input, .. } => rel = input,
            Rel::Project { input, exprs } if exprs.iter().all(is_cheap) => rel = input,
            Rel::Filter { input, predicate } if is_cheap(predicate) => match &**input {
                Rel::Scan { as_of, .. } => return as_of.is_none(),
                _ => rel = input,
            },
            Rel::Values { rows, .. } => return rows.len() <= VALUES_MAX && rows.iter().flatten().all(is_cheap),
            _ => return false,
        }
    }
    false
}

/// Whether it takes about the same time whatever the values are. A function may not.
pub fn is_cheap(expr: &Expr) -> bool {
    match expr {
        Expr::Column { .. } | Expr::Literal { .. } => true,
        Expr::Binary { operator, left, right, .. } => {
            let regex = matches!(
                operator,
                BinaryOp::RegexMatch | BinaryOp::RegexIMatch | BinaryOp::RegexNotMatch | BinaryOp::RegexNotIMatch
            );
            !regex && is_cheap(left) && is_cheap(right)
        }
        Expr::Not { input } | Expr::Negate { input } | Expr::IsNull { input, .. } | Expr::Cast { input, .. } => {
            is_cheap(input)
        }
        Expr::InList { input, list, .. } => is_cheap(input) && list.iter().all(is_cheap),
        _ => false,
    }
}

struct Run<'a> {
    shared: &'a Arc<Shared>,
    catalog: &'a Arc<Catalog>,
    now_us: i64,
}

impl Run<'_> {
    fn rows(&self, rel: &Rel) -> Result<Option<RecordBatch>> {
        match rel {
            Rel::Values { types, rows } => self.values(types, rows).map(Some),
            Rel::Project { input, exprs } => {
                let Some(rows) = self.rows(input)? else { return Ok(None) };
                let kinds = validate_rel(input, &**self.catalog)?;
                let columns = self.evaluate(exprs, &kinds, &rows)?;
                batch_of(columns, rows.num_rows()).map(Some)
            }
            Rel::Filter { input, predicate } => {
                let rows = match &**input {
                    Rel::Scan { relation, columns, .. } => self.by_key(*relation, columns, predicate)?,
                    other => self.rows(other)?,
                };
                let Some(rows) = rows else { return Ok(None) };
                let kinds = validate_rel(input, &**self.catalog)?;
                let kept = self.evaluate(std::slice::from_ref(predicate), &kinds, &rows)?;
                let kept = arrow_select::filter::filter_record_batch(&rows, kept[0].as_boolean())
                    .map_err(|e| Error::internal(format!("could not filter rows: {e}")))?;
                Ok(Some(kept))
            }
            Rel::Limit { input, limit, offset } => {
                let Some(rows) = self.rows(input)? else { return Ok(None) };
                let start = usize::try_from(*offset).unwrap_or(usize::MAX).min(rows.num_rows());
                let most = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
                Ok(Some(rows.slice(start, most.min(rows.num_rows() - start))))
            }
            _ => Ok(None),
        }
    }

    fn values(&self, types: &[DataType], rows: &[Vec<Expr>]) -> Result<RecordBatch> {
        let one = batch_of(Vec::new(), 1)?;
        let mut columns = Vec::with_capacity(types.len());
        for at in 0..types.len() {
            let cells: Vec<Expr> = rows.iter().map(|row| row[at].clone()).collect();
            let cells = self.evaluate(&cells, &[], &one)?;
            let cells: Vec<&dyn arrow_array::Array> = cells.iter().map(|cell| cell.as_ref()).collect();
            let column = match cells.as_slice() {
                [] => arrow_array::new_empty_array(&types[at].to_arrow()),
                cells => arrow_select::concat::concat(cells)
                    .map_err(|e| Error::internal(format!("could not put rows together: {e}")))?,
            };
            columns.push(column);
        }
        batch_of(columns, rows.len())
    }

    /// The rows of a table whose whole key the predicate fixes, once the index of its keys is in memory.
    fn by_key(
        &self,
        relation: millrace_base::RelationId,
        columns: &[u32],
        predicate: &Expr,
    ) -> Result<Option<RecordBatch>> {
        let object = self.catalog.require(relation)?;
        let DefinitionKind::Table { columns: all, primary_key, .. } = &object.definition.object else {
            return Ok(None);
        };
        let place = |key: &u32| columns.iter().position(|column| column == key);
        let Some(places) = primary_key.iter().map(place).collect::<Option<Vec<_>>>() else { return Ok(None) };
        if places.is_empty() {
            return Ok(None);
        }
        let table = self.shared.log.table(relation)?;
        if !table.is_indexed() {
            return Ok(None);
        }
        let types: Vec<DataType> = columns.iter().map(|&c| all[c as usize].data_type).collect();
        let keys = point::keys(predicate, &places, &types, self.catalog, self.now_us)?;
        let Some(keys) = keys.filter(|keys| keys[0].len() <= KEYS_MAX) else { return Ok(None) };
        let wanted: Vec<usize> = columns.iter().map(|&c| c as usize).collect();
        // The pin is taken together with the epoch: no version of a row that it shows can go in between.
        let pin = self.shared.pins.pin(|| self.shared.log.durable_epoch());
        if pin.epoch() < table.horizon() {
            return Ok(None);
        }
        table.find_at(&keys, pin.epoch(), &wanted)
    }

    fn evaluate(&self, exprs: &[Expr], kinds: &[DataType], rows: &RecordBatch) -> Result<Vec<ArrayRef>> {
        Projection::compile(exprs, kinds, &**self.catalog)?.evaluate(rows, self.now_us)
    }
}

/// Columns without names: they get those of the result.
pub fn batch_of(columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let fields: Vec<arrow_schema::Field> = columns
        .iter()
        .enumerate()
        .map(|(at, column)| arrow_schema::Field::new(at.to_string(), column.data_type().clone(), true))
        .collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
        .map_err(|e| Error::internal(format!("rows do not fit: {e}")))
}
