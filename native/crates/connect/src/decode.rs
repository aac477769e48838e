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
                return Err(Error::new(
                    Code::DuplicateColumn,
                    format!("column \"{}\" specified more than once", column.name),
                ));
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

#[cfg(test)]
mod tests {
    use arrow_array::ArrayRef;
    use arrow_array::cast::AsArray;
    use arrow_array::types::TimestampMicrosecondType;
    use arrow_cast::display::{ArrayFormatter, FormatOptions};
    use millrace_plan::DataType::*;
    use millrace_plan::{RowField, RowFields, TypeRef};

    use super::*;

    fn column(name: &str, data_type: DataType) -> ColumnDef {
        ColumnDef { name: name.to_owned(), data_type, nullable: true, default: None }
    }

    fn shown(batch: &RecordBatch) -> Vec<String> {
        let options = FormatOptions::default().with_null("NULL");
        // Arrow's formatter knows no named zones here.
        let columns: Vec<ArrayRef> = batch
            .columns()
            .iter()
            .map(|column| match column.as_primitive_opt::<TimestampMicrosecondType>() {
                Some(times) if times.timezone().is_some() => Arc::new(times.clone().with_timezone("+00:00")),
                _ => column.clone(),
            })
            .collect();
        let formatters: Vec<_> = columns.iter().map(|c| ArrayFormatter::try_new(c, &options).unwrap()).collect();
        (0..batch.num_rows())
            .map(|row| formatters.iter().map(|f| f.value(row).to_string()).collect::<Vec<_>>().join("|"))
            .collect()
    }

    /// What one JSON value becomes in a column of the type; an error is its reason.
    fn decode(data_type: DataType, json: &str) -> std::result::Result<String, String> {
        let mut decoder = JsonDecoder::new(&[column("c", data_type)]).unwrap();
        decoder.push(format!("{{\"c\":{json}}}").as_bytes())?;
        Ok(shown(&decoder.finish()).remove(0))
    }

    #[test]
    fn values_that_fit() {
        let money = Numeric { precision: 10, scale: 2 };
        for (data_type, json, want) in [
            (Smallint, "-32768", "-32768"),
            (Integer, "2147483647", "2147483647"),
            (Bigint, "-9223372036854775808", "-9223372036854775808"),
            (Bigint, "9007199254740993", "9007199254740993"),
            (Double, "0.1", "0.1"),
            (Double, "1", "1.0"),
            (Double, "122.416294033786585", "122.41629403378658"),
            (Double, "\"NaN\"", "NaN"),
            (Double, "\"-Infinity\"", "-inf"),
            (Real, "0.1", "0.1"),
            (money, "0.1", "0.10"),
            (money, "\"12345678.91\"", "12345678.91"),
            (money, "1.5e2", "150.00"),
            (
                Numeric { precision: 38, scale: 0 },
                "99999999999999999999999999999999999999",
                "99999999999999999999999999999999999999",
            ),
            (Text, "\"a\\u00e9\\n\\\"ß\"", "aé\n\"ß"),
            (Text, "\"\\ud83d\\ude00\"", "😀"),
            (Boolean, "true", "true"),
            (Date, "\"2026-03-01\"", "2026-03-01"),
            (Date, "1", "1970-01-02"),
            (Time, "\"12:34:56.5\"", "12:34:56.500"),
            (Time, "1000", "00:00:01"),
            (Timestamp, "\"2026-03-01T12:00:00.000001\"", "2026-03-01T12:00:00.000001"),
            (Timestamp, "1000", "1970-01-01T00:00:01"),
            (Timestamptz, "\"2026-03-01T12:00:00+02:00\"", "2026-03-01T10:00:00Z"),
            (Timestamptz, "1772359200000", "2026-03-01T10:00:00Z"),
            (Bytea, "\"\\\\x00fF\"", "00ff"),
            (Interval, "\"1 day 2 hours\"", "1 days 2 hours"),
            (Text, "null", "NULL"),
            (money, "null", "NULL"),
            (Double, "null", "NULL"),
        ] {
            assert_eq!(decode(data_type, json).as_deref(), Ok(want), "{data_type} from {json}");
        }
    }

    #[test]
    fn nested_values_uuids_and_json() {
        let row = |fields: &[(&str, DataType)]| {
            let fields = fields.iter().map(|(name, t)| RowField { name: (*name).into(), data_type: *t }).collect();
            DataType::Row { fields: RowFields::new(fields) }
        };
        let map = |key, value| DataType::Map { key: TypeRef::new(key), value: TypeRef::new(value) };
        let point = row(&[("x", Integer), ("names", DataType::array(Text))]);
        let id = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";
        for (data_type, json, want) in [
            (Uuid, format!("\"{id}\""), format!("\"{id}\"")),
            (Jsonb, "{\"b\": [1.50, null], \"a\": \"x\"}".into(), "{\"a\":\"x\",\"b\":[1.5,null]}".into()),
            (DataType::array(Bigint), "[1, null, 3]".into(), "[1,null,3]".into()),
            (DataType::array(DataType::array(Double)), "[[0.5], [], null]".into(), "[[0.5],[],null]".into()),
            (point, "{\"names\": [\"a\"], \"z\": 1}".into(), "{\"x\":null,\"names\":[\"a\"]}".into()),
            (point, "{\"x\": 1, \"x\": 2}".into(), "{\"x\":2,\"names\":null}".into()),
            (
                map(Text, point),
                "{\"b\": {\"x\": 1}, \"a\": null}".into(),
                "{\"a\":null,\"b\":{\"x\":1,\"names\":null}}".into(),
            ),
            (
                map(Integer, Boolean),
                "{\"7\": true, \"-1\": false, \"7\": null}".into(),
                "{\"-1\":false,\"7\":null}".into(),
            ),
            (DataType::array(Jsonb), "[{}, null]".into(), "[{},null]".into()),
        ] {
            let columns = [column("c", data_type)];
            let mut decoder = JsonDecoder::new(&columns).unwrap();
            decoder.push(format!("{{\"c\":{json}}}").as_bytes()).unwrap();
            // A row that fails half way leaves nothing of its nested values.
            assert!(decoder.push(format!("{{\"c\":{json},\"c\":").as_bytes()).is_err());
            decoder.push(b"{}").unwrap();
            let batch = decoder.finish();
            let fields: Vec<millrace_plan::Field> = columns.iter().map(ColumnDef::field).collect();
            let encoder = crate::encode::JsonEncoder::new(&fields, &[0]).unwrap();
            let bound = encoder.bind(&batch).unwrap();
            let mut out = Vec::new();
            bound.write_row(0, &mut out);
            bound.write_row(1, &mut out);
            let text = String::from_utf8(out).unwrap();
            assert_eq!(text, format!("{{\"c\":{want}}}{{\"c\":null}}"), "{data_type}");
        }
        for (data_type, json, why) in [
            (Uuid, "\"x\"", "it is not a uuid"),
            (Uuid, "1", "expected uuid"),
            (Jsonb, "\"\\u0000\"", "character"),
            (DataType::array(Bigint), "{}", "map, expected bigint[]"),
            (DataType::array(Smallint), "[1, 70000]", "column \"c[]\" of type smallint: it is out of range"),
            (point, "[1]", "sequence"),
            (point, "{\"x\": \"1\"}", "column \"c.x\""),
            (map(Integer, Boolean), "{\"a\": true}", "expected value"),
        ] {
            let mut decoder = JsonDecoder::new(&[column("c", data_type)]).unwrap();
            let reason = decoder.push(format!("{{\"c\":{json}}}").as_bytes()).unwrap_err();
            assert!(reason.contains(why), "{data_type} from {json}: {reason}");
        }
    }

    #[test]
    fn values_that_do_not() {
        let money = Numeric { precision: 4, scale: 2 };
        for (data_type, json, why) in [
            (Smallint, "32768", "out of range"),
            (Integer, "2147483648", "out of range"),
            (Bigint, "9223372036854775808", "out of range"),
            (Bigint, "1e30", "out of range"),
            (Bigint, "1.5", "floating point"),
            (Bigint, "1.0", "floating point"),
            (Bigint, "\"1\"", "string \"1\", expected bigint for column \"c\""),
            (Bigint, "true", "boolean"),
            (Bigint, "{}", "map, expected bigint"),
            (Bigint, "[1]", "sequence, expected bigint"),
            (Double, "1e400", "out of range"),
            (Double, "\"1\"", "a number is expected"),
            (Double, "true", "a number is expected"),
            (Real, "1e39", "out of range"),
            (money, "100", "overflow"),
            (money, "\"1,5\"", "not a number"),
            (money, "{\"a\":1}", "a number is expected"),
            (Text, "1", "integer `1`, expected text"),
            (Boolean, "1", "expected boolean"),
            (Boolean, "\"true\"", "expected boolean"),
            (Date, "\"2026-02-30\"", "no such day"),
            (Date, "99999999999", "out of range"),
            (Timestamp, "\"yesterday\"", "does not fit column \"c\" of type timestamp without time zone"),
            (Timestamp, "1.5", "floating point"),
            (Timestamptz, "9223372036854775807", "out of range"),
            (Bytea, "\"00ff\"", "\\x"),
            (Bytea, "\"\\\\x0\"", "odd number"),
            (Interval, "\"soon\"", "not an interval"),
        ] {
            let reason = decode(data_type, json).unwrap_err();
            assert!(reason.contains(why), "{data_type} from {json}: {reason}");
        }
    }

    #[test]
    fn messages_that_are_no_rows() {
        let mut decoder = JsonDecoder::new(&[column("a", Bigint)]).unwrap();
        for (message, why) in [
            (&b""[..], "EOF"),
            (b"  ", "EOF"),
            (b"null", "expected a JSON object"),
            (b"[{\"a\":1}]", "expected a JSON object"),
            (b"{\"a\":1", "EOF"),
            (b"{\"a\":1}x", "trailing characters"),
            (b"{\"a\":1}{\"a\":2}", "trailing characters"),
            (b"{\"a\":1,}", "trailing comma"),
            (b"{\"a\":01}", "invalid number"),
            (b"{,\"a\":1}", "key must be a string"),
            (b"{\"a\" 1}", "expected `:`"),
            (b"{\"b\":1-2,\"a\":1}", "expected `,` or `}`"),
            (b"{\"b\":\"\x01\",\"a\":1}", "control character"),
            (b"\xff\xfe", "expected value"),
            (b"{\"\xff\":1}", "invalid unicode"),
        ] {
            let reason = decoder.push(message).unwrap_err();
            assert!(reason.contains(why), "{}: {reason}", String::from_utf8_lossy(message));
        }
        assert_eq!(decoder.finish().num_rows(), 0);
    }

    #[test]
    fn deep_nesting_is_a_reason_and_not_the_end_of_the_process() {
        let mut decoder = JsonDecoder::new(&[column("a", Bigint)]).unwrap();
        for field in ["a", "other"] {
            let message = format!("{{\"{field}\":{}", "[".repeat(1_000_000));
            assert!(decoder.push(message.as_bytes()).unwrap_err().len() < 2000);
        }
    }

    #[test]
    fn a_failed_row_leaves_no_trace() {
        let columns: Vec<ColumnDef> = [
            ("b", Boolean),
            ("s", Smallint),
            ("i", Integer),
            ("l", Bigint),
            ("r", Real),
            ("d", Double),
            ("n", Numeric { precision: 5, scale: 1 }),
            ("t", Text),
            ("x", Bytea),
            ("ts", Timestamptz),
            ("v", Interval),
        ]
        .map(|(name, data_type)| column(name, data_type))
        .into();
        let good = r#"{"b":true,"s":1,"i":2,"l":3,"r":4.5,"d":5.5,"n":6.5,"t":"seven","x":"\\x08","ts":"2026-03-01","v":"9 days"}"#;
        let mut decoder = JsonDecoder::new(&columns).unwrap();
        let mut want = Vec::new();
        for cut in 0..good.len() {
            decoder.push(good.as_bytes()).unwrap();
            assert!(decoder.push(&good.as_bytes()[..cut]).is_err(), "cut at {cut}");
            want.push("true|1|2|3|4.5|5.5|6.5|seven|08|2026-03-01T00:00:00Z|9 days".to_owned());
        }
        assert!(decoder.push(good.replace("9 days", "soon").as_bytes()).is_err());
        decoder.push(b"{}").unwrap();
        want.push(["NULL"; 11].join("|"));
        assert_eq!(shown(&decoder.finish()), want);
        decoder.push(good.as_bytes()).unwrap();
        assert_eq!(shown(&decoder.finish()), want[..1]);
    }

    #[test]
    fn names_order_and_missing_fields() {
        let mut columns = vec![column("a", Bigint), column("B", Text), column("c", Bigint)];
        columns[2].nullable = false;
        let mut decoder = JsonDecoder::new(&columns).unwrap();
        decoder.push(br#"{"c":1,"b":"other case","B":"x","a":2,"more":{"a":[1,{"c":9}]}}"#).unwrap();
        decoder.push(br#"{"c":1,"c":2}"#).unwrap();
        decoder.push(b" {\"\\u0063\" : 3 } \n").unwrap();
        assert_eq!(decoder.push(br#"{"a":1}"#).unwrap_err(), "column \"c\" is missing, and it is not null");
        assert!(decoder.push(br#"{"c":null}"#).unwrap_err().starts_with("null in column \"c\", which is not null"));
        assert_eq!(shown(&decoder.finish()), ["2|x|1", "NULL|NULL|2", "NULL|NULL|3"]);
    }

    #[test]
    fn a_relation_without_columns_counts_rows() {
        let mut decoder = JsonDecoder::new(&[]).unwrap();
        decoder.push(b"{}").unwrap();
        decoder.push(b"{\"a\":1}").unwrap();
        assert_eq!(decoder.finish().num_rows(), 2);
    }

    #[test]
    fn impossible_relations_are_refused() {
        assert_eq!(
            JsonDecoder::new(&[column("a", Text), column("a", Text)]).err().unwrap().code,
            Code::DuplicateColumn
        );
        let impossible = column("a", Numeric { precision: 39, scale: 0 });
        assert_eq!(JsonDecoder::new(&[impossible]).err().unwrap().code, Code::InvalidParameterValue);
    }
}
