//! Rows in and out as Arrow IPC streams. What comes in is trusted by nobody: names, types and every offset are checked.

use std::sync::Arc;

use arrow::buffer::Buffer;
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, RecordBatchOptions};
use arrow_ipc::reader::StreamDecoder;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{DataType as Arrow, Field, Schema, SchemaRef, TimeUnit};
use millrace_base::{Code, Error, Result};
use millrace_plan::{ColumnDef, DataType};

use crate::mailbox::batch_bytes;
use crate::shown::{Shown, result_field, taken_in};

/// The schema of a result.
pub fn result_schema(names: &[String], types: &[DataType]) -> SchemaRef {
    let fields: Vec<Field> = names.iter().zip(types).map(|(n, t)| result_field(n, *t)).collect();
    Arc::new(Schema::new(fields))
}

/// A result's schema with the weight behind the columns.
pub fn change_schema(names: &[String], types: &[DataType]) -> SchemaRef {
    let mut fields: Vec<Field> = result_schema(names, types).fields().iter().map(|f| f.as_ref().clone()).collect();
    fields.push(Field::new("weight", Arrow::Int64, false));
    Arc::new(Schema::new(fields))
}

/// The same columns under another schema of the same types.
pub fn rename(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    with_columns(schema, batch.columns().to_vec(), batch.num_rows())
}

/// Columns and their number of rows (which a batch without columns has too).
pub fn with_columns(schema: &SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema.clone(), columns, &options)
        .map_err(|e| Error::internal(format!("rows do not fit their schema: {e}")))
}

/// The rows and their weights in one batch.
pub fn weighted(batch: &RecordBatch, weights: Option<&[i64]>, schema: &SchemaRef) -> Result<RecordBatch> {
    let weights = weights.map_or_else(|| vec![1; batch.num_rows()], <[i64]>::to_vec);
    let mut columns = batch.columns().to_vec();
    columns.push(Arc::new(Int64Array::from(weights)));
    with_columns(schema, columns, batch.num_rows())
}

/// Batches of fewer rows are put together: whoever reads the stream pays for each batch of it.
const BATCH_ROWS_MIN: usize = 8192;
/// What a batch has beside its buffers, about.
const HEAD_BYTES: usize = 1024;

pub fn encode(schema: &SchemaRef, batches: impl IntoIterator<Item = Result<RecordBatch>>) -> Result<Vec<u8>> {
    let failed = |e| Error::internal(format!("could not encode a result: {e}"));
    let mut batches = together(schema, batches)?;
    let shown = Shown::of(schema);
    if !shown.is_identity() {
        let outside =
            |batch: &RecordBatch| with_columns(&shown.schema, shown.columns(batch.columns())?, batch.num_rows());
        batches = batches.iter().map(outside).collect::<Result<_>>()?;
    }
    let schema = &shown.schema;
    // A vector that grows is copied each time that it doubles.
    let bytes: usize = batches.iter().map(|batch| batch_bytes(batch) + HEAD_BYTES).sum();
    let mut writer = StreamWriter::try_new(Vec::with_capacity(bytes + HEAD_BYTES), schema).map_err(failed)?;
    for batch in batches {
        writer.write(&batch).map_err(failed)?;
    }
    writer.into_inner().map_err(failed)
}

/// The same rows in batches of which none but the last is small.
fn together(schema: &SchemaRef, batches: impl IntoIterator<Item = Result<RecordBatch>>) -> Result<Vec<RecordBatch>> {
    let mut out = Vec::new();
    let mut small: Vec<RecordBatch> = Vec::new();
    let mut rows = 0;
    let flush = |small: &mut Vec<RecordBatch>, out: &mut Vec<RecordBatch>| -> Result<()> {
        match small.len() {
            0 => {}
            1 => out.append(small),
            _ => {
                out.push(concat(schema, small)?);
                small.clear();
            }
        }
        Ok(())
    };
    for batch in batches {
        let batch = batch?;
        if batch.num_rows() >= BATCH_ROWS_MIN {
            flush(&mut small, &mut out)?;
            rows = 0;
            out.push(batch);
            continue;
        }
        rows += batch.num_rows();
        small.push(batch);
        if rows >= BATCH_ROWS_MIN {
            flush(&mut small, &mut out)?;
            rows = 0;
        }
    }
    flush(&mut small, &mut out)?;
    Ok(out)
}

fn concat(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<RecordBatch> {
    let rows = batches.iter().map(RecordBatch::num_rows).sum();
    let columns = (0..schema.fields().len()).map(|at| {
        let arrays: Vec<&dyn Array> = batches.iter().map(|batch| batch.column(at).as_ref()).collect();
        arrow::compute::concat(&arrays).map_err(|e| Error::internal(format!("could not encode a result: {e}")))
    });
    with_columns(schema, columns.collect::<Result<_>>()?, rows)
}

/// Reads an appended stream, which may be in pieces: one batch or more with the relation's columns, found by name, in any
/// order.
pub fn decode(ipc: Vec<Vec<u8>>, columns: &[ColumnDef], schema: &SchemaRef) -> Result<Vec<RecordBatch>> {
    let broken = |e: arrow_schema::ArrowError| {
        Error::new(Code::ProtocolViolation, format!("the rows are not a valid Arrow IPC stream: {e}"))
    };
    let mut decoder = StreamDecoder::new();
    let mut batches = Vec::new();
    for piece in ipc {
        let mut buffer = Buffer::from_vec(piece);
        while !buffer.is_empty() {
            if let Some(batch) = decoder.decode(&mut buffer).map_err(broken)? {
                batches.push(conform(&batch, columns, schema)?);
            }
        }
    }
    decoder.finish().map_err(broken)?;
    Ok(batches)
}

fn conform(batch: &RecordBatch, columns: &[ColumnDef], schema: &SchemaRef) -> Result<RecordBatch> {
    let found = batch.schema();
    if let Some(extra) = found.fields().iter().find(|f| !columns.iter().any(|c| c.name == *f.name())) {
        return Err(Error::new(Code::UndefinedColumn, format!("column \"{}\" does not exist", extra.name())));
    }
    let mut arrays = Vec::with_capacity(columns.len());
    for column in columns {
        let mut places = found.fields().iter().enumerate().filter(|(_, f)| *f.name() == column.name);
        let array = match (places.next(), places.next()) {
            (Some((at, _)), None) => taken(batch.column(at), column)?,
            (Some(_), Some(_)) => {
                return Err(Error::new(
                    Code::DuplicateColumn,
                    format!("column \"{}\" specified more than once", column.name),
                ));
            }
            (None, _) => {
                return Err(Error::new(Code::UndefinedColumn, format!("the rows have no column \"{}\"", column.name))
                    .with_hint("An append gives every column; defaults are for INSERT."));
            }
        };
        arrays.push(array);
    }
    with_columns(schema, arrays, batch.num_rows())
}

/// The column in the engine's layout of its type.
fn taken(array: &ArrayRef, column: &ColumnDef) -> Result<ArrayRef> {
    if column.data_type == DataType::Jsonb || column.data_type.is_nested() {
        return taken_in(array, column.data_type, &column.name, &typed);
    }
    typed(array, column.data_type, &column.name)
}

/// A column in its type's layout. Only layouts of the same values are changed over: nothing is rounded or parsed.
fn typed(array: &ArrayRef, data_type: DataType, name: &str) -> Result<ArrayRef> {
    let wanted = data_type.to_arrow();
    if *array.data_type() == wanted {
        return Ok(array.clone());
    }
    let same_values = match (array.data_type(), &wanted) {
        (Arrow::Null, _) => true,
        (Arrow::LargeUtf8 | Arrow::Utf8View, Arrow::Utf8) => true,
        (Arrow::LargeBinary | Arrow::BinaryView, Arrow::Binary) => true,
        (Arrow::Dictionary(_, value), wanted) => {
            **value == *wanted || matches!((&**value, wanted), (Arrow::LargeUtf8, Arrow::Utf8))
        }
        // JavaScript's Arrow makes milliseconds; with or without a zone the values are UTC.
        (
            Arrow::Timestamp(TimeUnit::Second | TimeUnit::Millisecond | TimeUnit::Microsecond, zone),
            Arrow::Timestamp(_, to),
        ) => zone.is_some() == to.is_some(),
        (Arrow::Date64, Arrow::Date32) => true,
        (Arrow::Time32(_), Arrow::Time64(_)) => true,
        _ => false,
    };
    let refused = || {
        Error::new(
            Code::DatatypeMismatch,
            format!("column \"{name}\" is of type {data_type} but the rows have Arrow type {}", array.data_type()),
        )
    };
    if !same_values {
        return Err(refused());
    }
    let options = arrow::compute::CastOptions { safe: false, ..Default::default() };
    arrow::compute::cast_with_options(array, &wanted, &options)
        .map_err(|e| Error::new(Code::NumericValueOutOfRange, format!("column \"{name}\": {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{Int32Array, StringArray};

    fn columns() -> Vec<ColumnDef> {
        let column = |name: &str, data_type| ColumnDef { name: name.into(), data_type, nullable: true, default: None };
        vec![column("a", DataType::Bigint), column("b", DataType::Text)]
    }

    fn target() -> SchemaRef {
        result_schema(&["a".into(), "b".into()], &[DataType::Bigint, DataType::Text])
    }

    fn stream(fields: Vec<Field>, arrays: Vec<ArrayRef>) -> Vec<u8> {
        let schema = Arc::new(Schema::new(fields));
        encode(&schema, [Ok(RecordBatch::try_new(schema.clone(), arrays).unwrap())]).unwrap()
    }

    #[test]
    fn columns_are_found_by_name() {
        let ipc = stream(
            vec![Field::new("b", Arrow::Utf8, true), Field::new("a", Arrow::Int64, true)],
            vec![Arc::new(StringArray::from(vec!["x"])), Arc::new(Int64Array::from(vec![7]))],
        );
        let batches = decode(vec![ipc], &columns(), &target()).unwrap();
        assert_eq!(batches[0].column(0).as_ref(), &Int64Array::from(vec![7]) as &dyn arrow_array::Array);
    }

    #[test]
    fn wrong_types_names_and_bytes_are_refused() {
        let b: ArrayRef = Arc::new(StringArray::from(vec!["x"]));
        let narrow = stream(
            vec![Field::new("a", Arrow::Int32, true), Field::new("b", Arrow::Utf8, true)],
            vec![Arc::new(Int32Array::from(vec![7])), b.clone()],
        );
        assert_eq!(decode(vec![narrow], &columns(), &target()).unwrap_err().code, Code::DatatypeMismatch);
        let missing = stream(vec![Field::new("b", Arrow::Utf8, true)], vec![b.clone()]);
        assert_eq!(decode(vec![missing], &columns(), &target()).unwrap_err().code, Code::UndefinedColumn);
        let extra = stream(vec![Field::new("z", Arrow::Utf8, true)], vec![b]);
        assert_eq!(decode(vec![extra], &columns(), &target()).unwrap_err().code, Code::UndefinedColumn);
        assert_eq!(decode(vec![vec![1, 2, 3, 4, 5]], &columns(), &target()).unwrap_err().code, Code::ProtocolViolation);
    }

    #[test]
    fn a_cut_stream_is_refused_and_never_panics() {
        let ipc = stream(
            vec![Field::new("a", Arrow::Int64, true), Field::new("b", Arrow::Utf8, true)],
            vec![Arc::new(Int64Array::from(vec![7, 8])), Arc::new(StringArray::from(vec!["x", "yy"]))],
        );
        for cut in 1..ipc.len() - 8 {
            decode(vec![ipc[..cut].to_vec()], &columns(), &target()).ok();
        }
    }

    #[test]
    fn pieces_may_end_anywhere() {
        let ipc = stream(
            vec![Field::new("a", Arrow::Int64, true), Field::new("b", Arrow::Utf8, true)],
            vec![Arc::new(Int64Array::from(vec![7, 8])), Arc::new(StringArray::from(vec!["x", "yy"]))],
        );
        let whole = decode(vec![ipc.clone()], &columns(), &target()).unwrap();
        for cut in 0..ipc.len() {
            let pieces = vec![ipc[..cut].to_vec(), ipc[cut..].to_vec()];
            assert_eq!(decode(pieces, &columns(), &target()).unwrap(), whole, "cut at {cut}");
        }
    }

    #[test]
    fn small_batches_of_a_result_are_put_together_in_order() {
        let schema = result_schema(&["a".into()], &[DataType::Bigint]);
        let lengths = [3, 0, BATCH_ROWS_MIN - 5, 10, 2 * BATCH_ROWS_MIN, 1, 1];
        let mut next = 0i64;
        let batches: Vec<RecordBatch> = lengths
            .iter()
            .map(|&rows| {
                let values: Int64Array = (next..next + rows as i64).collect();
                next += rows as i64;
                RecordBatch::try_new(schema.clone(), vec![Arc::new(values)]).unwrap()
            })
            .collect();
        let ipc = encode(&schema, batches.into_iter().map(Ok)).unwrap();
        let read: Vec<RecordBatch> =
            arrow_ipc::reader::StreamReader::try_new(&ipc[..], None).unwrap().map(|batch| batch.unwrap()).collect();
        let found: Vec<usize> = read.iter().map(RecordBatch::num_rows).collect();
        assert_eq!(found, [BATCH_ROWS_MIN + 8, 2 * BATCH_ROWS_MIN, 2]);
        let values: Vec<i64> = read
            .iter()
            .flat_map(|b| b.column(0).as_any().downcast_ref::<Int64Array>().unwrap().values().to_vec())
            .collect();
        assert_eq!(values, (0..next).collect::<Vec<_>>());
    }

    #[test]
    fn batches_without_columns_keep_their_rows() {
        let schema = result_schema(&[], &[]);
        let batch = || with_columns(&schema, Vec::new(), 4).unwrap();
        let together = together(&schema, [Ok(batch()), Ok(batch())]).unwrap();
        assert_eq!(together[0].num_rows(), 8);
    }
}
