//! Messages that are no rows, kept whole with where they stood and why: a bad record goes to a stream that can be
//! queried, never to nowhere.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::builder::{BinaryBuilder, Int32Builder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder};
use arrow_schema::{Schema, SchemaRef};
use millrace_plan::{DataType, Field, arrow_field};

/// The columns of every dead-letter stream, in order.
pub fn dead_letter_fields() -> Vec<Field> {
    let field = |name: &str, data_type, nullable| Field { name: name.to_owned(), data_type, nullable };
    vec![
        field("source_partition", DataType::Integer, false),
        field("source_offset", DataType::Bigint, false),
        field("source_timestamp", DataType::Timestamptz, true),
        field("key", DataType::Bytea, true),
        field("value", DataType::Bytea, true),
        field("reason", DataType::Text, false),
    ]
}

#[derive(Debug, Clone, Copy)]
pub struct DeadLetter<'a> {
    pub partition: i32,
    pub offset: i64,
    pub timestamp_us: Option<i64>,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub reason: &'a str,
}

/// Collects dead letters until `finish`.
pub struct DeadLetters {
    schema: SchemaRef,
    partition: Int32Builder,
    offset: Int64Builder,
    timestamp: TimestampMicrosecondBuilder,
    key: BinaryBuilder,
    value: BinaryBuilder,
    reason: StringBuilder,
    rows: usize,
}

impl Default for DeadLetters {
    fn default() -> Self {
        let fields: Vec<_> = dead_letter_fields().iter().map(|field| arrow_field(field).with_nullable(true)).collect();
        Self {
            schema: Arc::new(Schema::new(fields)),
            partition: Int32Builder::new(),
            offset: Int64Builder::new(),
            timestamp: TimestampMicrosecondBuilder::new().with_data_type(DataType::Timestamptz.to_arrow()),
            key: BinaryBuilder::new(),
            value: BinaryBuilder::new(),
            reason: StringBuilder::new(),
            rows: 0,
        }
    }
}

impl DeadLetters {
    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn push(&mut self, letter: DeadLetter<'_>) {
        self.partition.append_value(letter.partition);
        self.offset.append_value(letter.offset);
        self.timestamp.append_option(letter.timestamp_us);
        self.key.append_option(letter.key);
        self.value.append_option(letter.value);
        self.reason.append_value(letter.reason);
        self.rows += 1;
    }

    /// Hands out the letters so far; nothing where there are none.
    pub fn finish(&mut self) -> Option<RecordBatch> {
        if std::mem::take(&mut self.rows) == 0 {
            return None;
        }
        let batch = RecordBatch::try_new(
            self.schema.clone(),
            vec![
                Arc::new(self.partition.finish()),
                Arc::new(self.offset.finish()),
                Arc::new(self.timestamp.finish()),
                Arc::new(self.key.finish()),
                Arc::new(self.value.finish()),
                Arc::new(self.reason.finish()),
            ],
        );
        Some(batch.expect("each builder has the type of its field and one value a letter"))
    }
}
