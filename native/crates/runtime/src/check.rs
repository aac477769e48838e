//! CHECK constraints: a row is refused for which one is false. NULL is not false.

use arrow_array::{Array, RecordBatch};
use millrace_base::{Code, Error, Result};
use millrace_expr::Evaluator;
use millrace_plan::{DefinitionKind, Expr};

use crate::catalog::{Catalog, Object};
use crate::statement::types;
use crate::unique::value_text;

/// Refuses rows that one of the table's conditions is false for.
pub fn check_rows(catalog: &Catalog, target: &Object, rows: &RecordBatch, now_us: i64) -> Result<()> {
    if rows.num_rows() == 0 {
        return Ok(());
    }
    for object in catalog.constraints(target.definition.id) {
        let DefinitionKind::Check { predicate, .. } = &object.definition.object else { continue };
        if let Some(row) = violation(catalog, target, predicate, rows, now_us)? {
            let message = format!(
                "new row for relation \"{}\" violates check constraint \"{}\"",
                target.definition.name, object.definition.name
            );
            let values: Vec<String> = (0..rows.num_columns()).map(|c| value_text(rows, c, row)).collect();
            return Err(Error::new(Code::CheckViolation, message)
                .with_detail(format!("Failing row contains ({}).", values.join(", "))));
        }
    }
    Ok(())
}

/// The first row for which the condition is false.
pub fn violation(
    catalog: &Catalog,
    target: &Object,
    predicate: &Expr,
    rows: &RecordBatch,
    now_us: i64,
) -> Result<Option<usize>> {
    let value = Evaluator::compile(predicate, &types(target), catalog)?.evaluate(rows, now_us)?;
    let value = value
        .as_any()
        .downcast_ref::<arrow_array::BooleanArray>()
        .ok_or_else(|| Error::internal("a condition that is not boolean"))?;
    Ok((0..value.len()).find(|&row| value.is_valid(row) && !value.value(row)))
}
