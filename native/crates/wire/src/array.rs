//! Arrays in PostgreSQL's binary form: the dimensions, then the elements of them all, row by row.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ListArray};
use arrow_schema::{DataType, TimeUnit};
use millrace_base::{Code, Error, Result};

use crate::column::Column;
use crate::{Format, is_json};

pub struct Arrays {
    /// The arrays of each dimension, the outermost first.
    levels: Vec<ListArray>,
    elements: Column,
    element_oid: u32,
}

impl Arrays {
    pub fn new(lists: &ListArray) -> Result<Self> {
        let mut levels = vec![lists.clone()];
        let mut inner = lists;
        while let DataType::List(_) = inner.value_type() {
            inner = inner.values().as_list();
            levels.push(inner.clone());
        }
        let DataType::List(field) = inner.data_type() else {
            return Err(Error::internal("the innermost array has elements"));
        };
        let json = is_json(field);
        let element_oid = oid_of(field.data_type(), json)?;
        Ok(Self { levels, elements: Column::new(inner.values(), Format::Binary, json)?, element_oid })
    }

    pub fn lists(&self) -> &ListArray {
        &self.levels[0]
    }

    pub fn write(&self, row: usize, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        let dimensions = self.dimensions(row);
        let count = if dimensions.contains(&0) { 0 } else { dimensions.len() };
        out.extend_from_slice(&(count as i32).to_be_bytes());
        let nulls_at = out.len();
        out.extend_from_slice(&0i32.to_be_bytes());
        out.extend_from_slice(&self.element_oid.to_be_bytes());
        if count > 0 {
            for size in dimensions {
                out.extend_from_slice(&size.to_be_bytes());
                out.extend_from_slice(&1i32.to_be_bytes());
            }
            if self.write_level(0, row, out) {
                out[nulls_at..nulls_at + 4].copy_from_slice(&1i32.to_be_bytes());
            }
        }
        let len = (out.len() - start - 4) as i32;
        out[start..start + 4].copy_from_slice(&len.to_be_bytes());
    }

    /// The sizes that the first array of each dimension has; all of a dimension have one size.
    fn dimensions(&self, row: usize) -> Vec<i32> {
        let mut sizes = Vec::with_capacity(self.levels.len());
        let mut at = row;
        for level in &self.levels {
            let (from, to) = (level.value_offsets()[at], level.value_offsets()[at + 1]);
            sizes.push(to - from);
            if from == to {
                break;
            }
            at = from as usize;
        }
        sizes
    }

    /// Whether there was a NULL.
    fn write_level(&self, level: usize, at: usize, out: &mut Vec<u8>) -> bool {
        let offsets = self.levels[level].value_offsets();
        let range = offsets[at] as usize..offsets[at + 1] as usize;
        let mut nulls = false;
        for element in range {
            if level + 1 < self.levels.len() {
                nulls |= self.write_level(level + 1, element, out);
            } else {
                nulls |= self.elements.array().is_null(element);
                self.elements.write(element, out);
            }
        }
        nulls
    }
}

/// `pg_type.oid`, as `src/server/wire-types.ts` has it.
fn oid_of(element: &DataType, json: bool) -> Result<u32> {
    Ok(match element {
        DataType::Boolean => 16,
        DataType::Binary => 17,
        DataType::Int64 => 20,
        DataType::Int16 => 21,
        DataType::Int32 => 23,
        DataType::Utf8 if json => 3802,
        DataType::Utf8 => 25,
        DataType::Float32 => 700,
        DataType::Float64 => 701,
        DataType::Date32 => 1082,
        DataType::Time64(TimeUnit::Microsecond) => 1083,
        DataType::Timestamp(TimeUnit::Microsecond, None) => 1114,
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => 1184,
        DataType::Interval(_) => 1186,
        DataType::Decimal128(_, _) => 1700,
        DataType::FixedSizeBinary(16) => 2950,
        other => {
            let message = format!("no binary output function available for type {other}[]");
            return Err(Error::new(Code::UndefinedFunction, message));
        }
    })
}
