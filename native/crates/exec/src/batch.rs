//! Rows on their way between operators. A column is an array, or codes of a dictionary (texts stay codes until someone
//! needs them whole), or is not there, as nobody reads it.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, UInt32Array, new_null_array};
use arrow_schema::{Schema, SchemaRef};
use arrow_select::concat::concat;
use arrow_select::filter::filter;
use arrow_select::take::take;
use millrace_base::limits::BATCH_ROWS;
use millrace_base::{Code, Error, Result};
use millrace_kernels::encodings::Dictionary;
use millrace_kernels::{NO_ROW, arrow_error};
use millrace_plan::{DataType, Field, arrow_schema};

use crate::control::Control;

/// Rows that operators work on at a time: so many values of some columns stay in the processor's second cache.
pub(crate) const PIECE_ROWS: usize = 2 * BATCH_ROWS;

#[derive(Debug, Clone)]
pub(crate) enum Column {
    Flat(ArrayRef),
    Coded(Dictionary),
    /// Nobody reads it.
    Absent,
}

impl Column {
    /// The values.
    pub fn flat(&self) -> Result<ArrayRef> {
        match self {
            Column::Flat(array) => Ok(array.clone()),
            Column::Coded(coded) => take(&coded.entries, &coded.codes, None).map_err(arrow_error),
            Column::Absent => Err(Error::internal("a column that nobody should read is read")),
        }
    }

    fn map(&self, change: impl Fn(&dyn Array) -> Result<ArrayRef>) -> Result<Self> {
        Ok(match self {
            Column::Flat(array) => Column::Flat(change(array.as_ref())?),
            Column::Coded(coded) => {
                let codes = change(&coded.codes)?;
                let codes = codes.as_any().downcast_ref::<UInt32Array>();
                let codes = codes.ok_or_else(|| Error::internal("codes became something else"))?.clone();
                Column::Coded(Dictionary { entries: coded.entries.clone(), codes })
            }
            Column::Absent => Column::Absent,
        })
    }

    pub fn filter(&self, keep: &BooleanArray) -> Result<Self> {
        self.map(|array| filter(array, keep).map_err(arrow_error))
    }

    /// The listed rows, which are all there.
    pub fn take(&self, rows: &UInt32Array) -> Result<Self> {
        self.map(|array| take(array, rows, None).map_err(arrow_error))
    }

    pub fn slice(&self, from: usize, rows: usize) -> Self {
        match self {
            Column::Flat(array) => Column::Flat(array.slice(from, rows)),
            Column::Coded(coded) => {
                Column::Coded(Dictionary { entries: coded.entries.clone(), codes: coded.codes.slice(from, rows) })
            }
            Column::Absent => Column::Absent,
        }
    }

    pub fn bytes(&self) -> usize {
        match self {
            // Slices share buffers.
            Column::Flat(array) => {
                array.to_data().get_slice_memory_size().unwrap_or_else(|_| array.get_array_memory_size())
            }
            Column::Coded(coded) => coded.codes.len() * size_of::<u32>(),
            Column::Absent => 0,
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub columns: Vec<Column>,
    pub rows: usize,
}

impl Batch {
    pub fn of(batch: &RecordBatch) -> Self {
        Self { columns: batch.columns().iter().cloned().map(Column::Flat).collect(), rows: batch.num_rows() }
    }

    pub fn of_arrays(columns: Vec<ArrayRef>, rows: usize) -> Self {
        Self { columns: columns.into_iter().map(Column::Flat).collect(), rows }
    }

    pub fn filter(&self, keep: &BooleanArray) -> Result<Self> {
        let columns = self.columns.iter().map(|column| column.filter(keep)).collect::<Result<_>>()?;
        Ok(Self { columns, rows: keep.true_count() })
    }

    pub fn take(&self, rows: &[u32]) -> Result<Self> {
        let places = UInt32Array::from(rows.to_vec());
        let columns = self.columns.iter().map(|column| column.take(&places)).collect::<Result<_>>()?;
        Ok(Self { columns, rows: rows.len() })
    }

    pub fn slice(&self, from: usize, rows: usize) -> Self {
        Self { columns: self.columns.iter().map(|column| column.slice(from, rows)).collect(), rows }
    }

    /// In pieces that operators work on at a time.
    pub fn pieces(self) -> impl Iterator<Item = Self> {
        let rows = self.rows;
        let small = rows <= PIECE_ROWS;
        (0..rows)
            .step_by(PIECE_ROWS)
            .map(move |from| if small { self.clone() } else { self.slice(from, PIECE_ROWS.min(rows - from)) })
    }

    pub fn bytes(&self) -> usize {
        self.columns.iter().map(Column::bytes).sum()
    }

    /// With every column unpacked.
    pub fn flat(&self) -> Result<Self> {
        let unpacked = |column: &Column| match column {
            Column::Absent => Ok(Column::Absent),
            other => other.flat().map(Column::Flat),
        };
        Ok(Self { columns: self.columns.iter().map(unpacked).collect::<Result<_>>()?, rows: self.rows })
    }

    pub fn into_record_batch(self, schema: &SchemaRef) -> Result<RecordBatch> {
        let columns = self.columns.iter().map(Column::flat).collect::<Result<_>>()?;
        batch_of(schema, columns, self.rows)
    }
}

/// Row numbers are u32, and `NO_ROW` is not one.
const ROWS_MAX: usize = NO_ROW as usize - 1;

pub(crate) fn check_rows(rows: usize) -> Result<()> {
    if rows > ROWS_MAX {
        return Err(Error::new(Code::InsufficientResources, format!("an operator can hold at most {ROWS_MAX} rows")));
    }
    Ok(())
}

fn concat_column(parts: &[&Column]) -> Result<Column> {
    // What some branch of a union leaves out nobody reads.
    if parts.iter().any(|part| matches!(part, Column::Absent)) {
        return Ok(Column::Absent);
    }
    match parts {
        [] => return Err(Error::internal("a column of no batch")),
        [only] => return Ok((*only).clone()),
        [Column::Coded(first), rest @ ..] => {
            let same = |other: &&Column| matches!(other, Column::Coded(o) if Arc::ptr_eq(&o.entries, &first.entries));
            if rest.iter().all(same) {
                let codes: Vec<&dyn Array> = parts
                    .iter()
                    .filter_map(
                        |part| if let Column::Coded(coded) = part { Some(&coded.codes as &dyn Array) } else { None },
                    )
                    .collect();
                let codes = Column::Flat(concat(&codes).map_err(arrow_error)?).flat()?;
                let codes = codes.as_any().downcast_ref::<UInt32Array>();
                let codes = codes.ok_or_else(|| Error::internal("codes became something else"))?.clone();
                return Ok(Column::Coded(Dictionary { entries: first.entries.clone(), codes }));
            }
        }
        _ => {}
    }
    let arrays: Vec<ArrayRef> = parts.iter().map(|part| part.flat()).collect::<Result<_>>()?;
    let arrays: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
    concat(&arrays).map(Column::Flat).map_err(|e| match e {
        arrow_schema::ArrowError::OffsetOverflowError(_) => {
            Error::new(Code::OutOfMemory, "a column of an operator holds more than 2 GiB of text")
        }
        other => arrow_error(other),
    })
}

/// One batch of several, at least one.
pub(crate) fn concat_batches(batches: Vec<Batch>) -> Result<Batch> {
    let rows: usize = batches.iter().map(|batch| batch.rows).sum();
    check_rows(rows)?;
    let width = batches.first().map_or(0, |batch| batch.columns.len());
    let column = |at: usize| concat_column(&batches.iter().map(|batch| &batch.columns[at]).collect::<Vec<_>>());
    Ok(Batch { columns: (0..width).map(column).collect::<Result<_>>()?, rows })
}

/// One batch of several; of none if there are none, with columns of these types as far as they are needed.
pub(crate) fn join_batches(
    control: &Control<'_>,
    batches: Vec<Batch>,
    types: &[DataType],
    need: &crate::need::Need,
) -> Result<Batch> {
    let rows: usize = batches.iter().map(|batch| batch.rows).sum();
    check_rows(rows)?;
    if batches.is_empty() {
        let empty = |(at, kind): (usize, &DataType)| match need.has(at) {
            true => Column::Flat(arrow_array::new_empty_array(&kind.to_arrow())),
            false => Column::Absent,
        };
        return Ok(Batch { columns: types.iter().enumerate().map(empty).collect(), rows });
    }
    let columns = (0..types.len())
        .map(|column| {
            if !need.has(column) {
                return Ok(Column::Absent);
            }
            control.check()?;
            concat_column(&batches.iter().map(|batch| &batch.columns[column]).collect::<Vec<_>>())
        })
        .collect::<Result<_>>()?;
    Ok(Batch { columns, rows })
}

/// NULLs of these types as far as they are needed.
pub(crate) fn null_columns(types: &[DataType], need: &crate::need::Need, rows: usize) -> Vec<Column> {
    let column = |(at, kind): (usize, &DataType)| match need.has(at) {
        true => Column::Flat(new_null_array(&kind.to_arrow(), rows)),
        false => Column::Absent,
    };
    types.iter().enumerate().map(column).collect()
}

/// Columns c0, c1, … of these types.
pub(crate) fn anonymous_schema(types: &[DataType]) -> SchemaRef {
    let fields: Vec<Field> = types
        .iter()
        .enumerate()
        .map(|(i, kind)| Field { name: format!("c{i}"), data_type: *kind, nullable: true })
        .collect();
    let schema: Schema = arrow_schema(&fields);
    Arc::new(schema)
}

/// A batch, also of no columns.
pub(crate) fn batch_of(schema: &SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema.clone(), columns, &options).map_err(arrow_error)
}
