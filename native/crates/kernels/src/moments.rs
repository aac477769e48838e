//! What the statistics of doubles are made of: for rows (y, x), or (x) alone, how many there are, their sums, and the sums
//! of products around the means. A view takes values away in another order than its query adds them and must still give
//! the same bits, so every sum is exact: a product of two doubles is two doubles (`f64::mul_add` gives what rounding cut
//! off), and `count * sum of squares - square of the sum`, in which nearly everything cancels, is added up exactly too and
//! rounded once. The updating formulas of PostgreSQL (Youngs and Cramer) depend on order.

use std::sync::Arc;

use arrow_array::builder::{Float64Builder, ListBuilder};
use arrow_array::{Array, ArrayRef, Float64Array, cast::AsArray, types::Float64Type};
use arrow_schema::Field;
use millrace_base::{Error, Result};

use crate::exact::ExactSum;
use crate::group_bytes::{load_bytes, put_sum, save_bytes};
use crate::group_state::{GroupState, Weight, counted, same};
use crate::out_of_range;

#[derive(Debug, Clone, Default)]
struct Group {
    rows: i64,
    x: ExactSum,
    y: ExactSum,
    xx: ExactSum,
    xy: ExactSum,
    yy: ExactSum,
}

#[derive(Debug)]
pub(crate) struct Moments {
    pairs: bool,
    groups: Vec<Group>,
}

/// A product is these two doubles exactly, unless it is outside of what doubles reach.
fn product(a: f64, b: f64) -> [f64; 2] {
    let high = a * b;
    let low = if high.is_finite() { a.mul_add(b, -high) } else { 0.0 };
    [high, low]
}

/// Three doubles whose sum is the exact sum, as far as 159 bits go.
fn expansion(sum: &ExactSum) -> [f64; 3] {
    let mut rest = sum.clone();
    std::array::from_fn(|_| {
        let part = rest.value();
        rest.add(part, -1);
        part
    })
}

/// (rows * products - a * b) / rows
fn around_means(rows: i64, products: &ExactSum, a: &ExactSum, b: &ExactSum) -> Result<f64> {
    if a.has_special() || b.has_special() {
        return Ok(f64::NAN);
    }
    if products.has_special() || products.value().is_infinite() {
        return Err(out_of_range("double precision"));
    }
    let mut sum = ExactSum::default();
    for part in expansion(products) {
        product(part, rows as f64).into_iter().for_each(|term| sum.add(term, 1));
    }
    let (a, b) = (expansion(a), expansion(b));
    for &part in &a {
        for &other in &b {
            product(part, other).into_iter().for_each(|term| sum.add(term, -1));
        }
    }
    Ok(sum.value() / rows as f64)
}

impl Moments {
    /// `columns` is how many the argument's rows have.
    pub fn new(columns: usize) -> Self {
        Self { pairs: columns == 2, groups: Vec::new() }
    }

    /// Rows, sum of x, of y, and the sums around the means: of xx, xy, yy.
    fn result(&self, group: &Group) -> Result<[f64; 6]> {
        let Group { rows, x, y, xx, xy, yy } = group;
        if *rows == 0 {
            return Ok([0.0; 6]);
        }
        let x_squares = around_means(*rows, xx, x, x)?.max(0.0);
        if !self.pairs {
            return Ok([*rows as f64, x.value(), 0.0, nan_of(x, x_squares), 0.0, 0.0]);
        }
        let y_squares = around_means(*rows, yy, y, y)?.max(0.0);
        let both = around_means(*rows, xy, x, y)?;
        Ok([*rows as f64, x.value(), y.value(), nan_of(x, x_squares), both, nan_of(y, y_squares)])
    }
}

/// `max` drops a NaN.
fn nan_of(sum: &ExactSum, value: f64) -> f64 {
    if sum.has_special() { f64::NAN } else { value }
}

impl GroupState for Moments {
    fn resize(&mut self, groups: usize) {
        self.groups.resize(groups.max(self.groups.len()), Group::default());
    }

    fn reset(&mut self, group: usize) {
        self.groups[group] = Group::default();
    }

    fn update(&mut self, groups: &[u32], values: &ArrayRef, weight: Weight<'_>) -> Result<()> {
        let rows = values.as_struct_opt().ok_or_else(|| Error::internal("statistics of another type"))?;
        let columns: Vec<&Float64Array> =
            rows.columns().iter().filter_map(|c| c.as_primitive_opt::<Float64Type>()).collect();
        let (x, y) = match columns.as_slice() {
            [x] if !self.pairs => (*x, None),
            [y, x] if self.pairs => (*x, Some(*y)),
            _ => return Err(Error::internal("statistics of another type")),
        };
        for (row, group, weight) in counted(groups, values, weight) {
            if x.is_null(row) || y.is_some_and(|y| y.is_null(row)) {
                continue;
            }
            let group = &mut self.groups[group];
            group.rows += weight;
            let x = x.value(row);
            group.x.add(x, weight);
            product(x, x).into_iter().for_each(|part| group.xx.add(part, weight));
            if let Some(y) = y {
                let y = y.value(row);
                group.y.add(y, weight);
                product(y, y).into_iter().for_each(|part| group.yy.add(part, weight));
                product(x, y).into_iter().for_each(|part| group.xy.add(part, weight));
            }
        }
        Ok(())
    }

    fn finish(&self, groups: &[u32]) -> Result<ArrayRef> {
        let field = Arc::new(Field::new_list_field(arrow_schema::DataType::Float64, true));
        let mut lists = ListBuilder::new(Float64Builder::new()).with_field(field);
        for &group in groups {
            lists.values().append_slice(&self.result(&self.groups[group as usize])?);
            lists.append(true);
        }
        Ok(Arc::new(lists.finish()))
    }

    fn merge(&mut self, other: &dyn GroupState, pairs: &[(usize, usize)]) -> Result<()> {
        let other: &Self = same(other)?;
        for &(from, into) in pairs {
            let (from, into) = (&other.groups[from], &mut self.groups[into]);
            into.rows += from.rows;
            into.x.merge(&from.x);
            into.y.merge(&from.y);
            into.xx.merge(&from.xx);
            into.xy.merge(&from.xy);
            into.yy.merge(&from.yy);
        }
        Ok(())
    }

    fn save(&self, groups: &[u32]) -> Result<Vec<ArrayRef>> {
        Ok(save_bytes(groups, |group, into| {
            let Group { rows, x, y, xx, xy, yy } = &self.groups[group];
            into.extend_from_slice(&rows.to_le_bytes());
            [x, y, xx, xy, yy].into_iter().for_each(|sum| put_sum(sum, into));
        }))
    }

    fn load(&mut self, columns: &[ArrayRef], groups: &[u32]) -> Result<()> {
        load_bytes(columns, groups, |group, from| {
            self.groups[group] = Group {
                rows: from.i64()?,
                x: from.sum()?,
                y: from.sum()?,
                xx: from.sum()?,
                xy: from.sum()?,
                yy: from.sum()?,
            };
            Some(())
        })
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(values: &[f64]) -> f64 {
        let mut moments = Moments::new(1);
        moments.resize(1);
        let x: ArrayRef = Arc::new(Float64Array::from(values.to_vec()));
        let field = Arc::new(Field::new("f1", arrow_schema::DataType::Float64, true));
        let rows: ArrayRef = Arc::new(arrow_array::StructArray::from(vec![(field, x)]));
        moments.update(&vec![0; values.len()], &rows, &|_| 1).unwrap();
        moments.result(&moments.groups[0]).unwrap()[3]
    }

    #[test]
    fn what_cancels_is_exact() {
        // The mean is 1e9 times the spread: the schoolbook formula over doubles would give noise.
        assert_eq!(spread(&[1e9 + 4.0, 1e9 + 7.0, 1e9 + 13.0, 1e9 + 16.0]), 90.0);
        assert_eq!(spread(&[0.1, 0.1, 0.1]), 0.0);
        assert!(spread(&[f64::INFINITY, 1.0]).is_nan());
    }
}
