//! JSON messages → Arrow, one pass: the parser (serde_json, strict) writes each value straight into its column. A
//! message that fails is cut back out of the columns and costs the rest of the batch nothing.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{Field, Schema, SchemaRef};
use millrace_base::{Code, Error, Result};
use millrace_plan::{ColumnDef, DataType};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::column::Column;
use crate::value::ValueSeed;

/// A reason is shown to people; a message may hold anything.
const REASON_CHARS_MAX: usize = 500;

/// Collects rows until `finish`. Names are case-sensitive; unknown fields are ignored; of a field that comes twice the
/// last counts; a missing field is NULL.
pub struct JsonDecoder {
    columns: Vec<Column>,
    by_name: HashMap<String, usize>,
    schema: SchemaRef,
    rows: usize,
}

impl JsonDecoder {
    pub fn new(columns: &[ColumnDef]) -> Result<Self> {
        let mut by_name = HashMap::with_capacity(columns.len());
        for (index, column) in columns.iter().enumerate() {
            if let DataType::Numeric { precision, scale } = column.data_type
                && !((1..=38).contains(&precision) && scale <= precision)
            {
                return Err(Error::new(
                    Code::InvalidParameterValue,
                    format!("column \"{}\" has the impossible type {}", column.name, column.data_type),
                ));
            }
            if by_name.insert(column.name.clone(), index).is_some() {
                return Err(Error::new(Code::DuplicateColumn, format!("column \"{}\" specified more than once", column.name)));
            }
        }
        let fields: Vec<Field> =
            columns.iter().map(|column| Field::new(&column.name, column.data_type.to_arrow(), true)).collect();
        Ok(Self {
            columns: columns.iter().map(|c| Column::new(&c.name, c.data_type, c.nullable)).collect(),
            by_name,
            schema: Arc::new(Schema::new(fields)),
            rows: 0,
        })
    }

    /// The layout of every batch: the columns by name, nullable throughout.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Appends the message's row, or says why it cannot be one and leaves no trace of it.
    pub fn push(&mut self, message: &[u8]) -> std::result::Result<(), String> {
        let mut json = serde_json::Deserializer::from_slice(message);
        let read = Row { columns: &mut self.columns, by_name: &self.by_name, row: self.rows }
            .deserialize(&mut json)
            .and_then(|()| json.end());
        let read = match read {
            Ok(()) => self.fill_missing(),
            Err(error) => Err(error.to_string()),
        };
        if let Err(reason) = read {
            for column in &mut self.columns {
                column.truncate(self.rows);
            }
            return Err(reason.chars().take(REASON_CHARS_MAX).collect());
        }
        self.rows += 1;
        Ok(())
    }

    fn fill_missing(&mut self) -> std::result::Result<(), String> {
        for column in &mut self.columns {
            if column.len() > self.rows {
                continue;
            }
            if !column.nullable {
                return Err(format!("column \"{}\" is missing, and it is not null", column.name));
            }
            column.push_null();
        }
        Ok(())
    }

    /// Hands out the rows so far and starts anew.
    pub fn finish(&mut self) -> RecordBatch {
        let rows = std::mem::take(&mut self.rows);
        let columns = self.columns.iter_mut().map(Column::finish).collect();
        RecordBatch::try_new_with_options(
            self.schema.clone(),
            columns,
            &RecordBatchOptions::new().with_row_count(Some(rows)),
        )
        .expect("each column was made by the schema and has a value for each row")
    }
}

struct Row<'a> {
    columns: &'a mut [Column],
    by_name: &'a HashMap<String, usize>,
    row: usize,
}

impl<'de> DeserializeSeed<'de> for Row<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Row<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<(), A::Error> {
        let mut expected = 0;
        while let Some(index) = map.next_key_seed(Name { columns: self.columns, by_name: self.by_name, expected })? {
            let Some(index) = index else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            expected = index + 1;
            let column = &mut self.columns[index];
            if column.len() > self.row {
                column.truncate(self.row);
            }
            map.next_value_seed(ValueSeed(column))?;
        }
        Ok(())
    }
}

/// A field's name → its column. Producers write fields in one order, mostly the table's: so the next column is
/// tried before the map.
struct Name<'a> {
    columns: &'a [Column],
    by_name: &'a HashMap<String, usize>,
    expected: usize,
}

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Option<usize>;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<Option<usize>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    #[inline]
    fn visit_str<E>(self, name: &str) -> std::result::Result<Option<usize>, E> {
        match self.columns.get(self.expected) {
            Some(column) if column.name == name => Ok(Some(self.expected)),
            _ => Ok(self.by_name.get(name).copied()),
        }
    }
}
