//! FORMAT UPSERT ENCODE JSON: the changes of one batch → at most one message a key. An update (−old, +new) is one
//! upsert; a key that only goes is a tombstone; a row that goes and comes back is nothing.

use std::collections::HashMap;

use arrow_array::RecordBatch;
use millrace_base::{Code, Error, Result};
use millrace_plan::Field;

use crate::encode::JsonEncoder;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpsertMessage {
    pub key: Vec<u8>,
    /// None is a tombstone.
    pub value: Option<Vec<u8>>,
}

pub struct UpsertEncoder {
    key: JsonEncoder,
    value: JsonEncoder,
}

/// What happened to one key: its rows by their JSON, each with the sum of its weights.
type Rows = Vec<(Vec<u8>, i64)>;

impl UpsertEncoder {
    pub fn new(fields: &[Field], key: &[u32]) -> Result<Self> {
        if key.is_empty() {
            return Err(Error::new(Code::InvalidParameterValue, "a sink with FORMAT UPSERT needs a key"));
        }
        let key: Vec<usize> = key.iter().map(|&column| column as usize).collect();
        let all: Vec<usize> = (0..fields.len()).collect();
        Ok(Self { key: JsonEncoder::new(fields, &key)?, value: JsonEncoder::new(fields, &all)? })
    }

    /// Messages in the order in which their keys first appear. Without weights every row is an insertion.
    pub fn encode(&self, changes: &[(&RecordBatch, Option<&[i64]>)]) -> Result<Vec<UpsertMessage>> {
        let mut order: Vec<(Vec<u8>, Rows)> = Vec::new();
        let mut by_key: HashMap<Vec<u8>, usize> = HashMap::new();
        let mut key = Vec::new();
        for (batch, weights) in changes {
            if weights.is_some_and(|weights| weights.len() != batch.num_rows()) {
                return Err(Error::internal("there is not one weight a row"));
            }
            let (keys, values) = (self.key.bind(batch)?, self.value.bind(batch)?);
            for row in 0..batch.num_rows() {
                let weight = weights.map_or(1, |weights| weights[row]);
                key.clear();
                keys.write_row(row, &mut key);
                let mut value = Vec::with_capacity(128);
                values.write_row(row, &mut value);
                match by_key.get(&key) {
                    Some(&at) => add(&mut order[at].1, value, weight),
                    None => {
                        by_key.insert(key.clone(), order.len());
                        order.push((key.clone(), vec![(value, weight)]));
                    }
                }
            }
        }
        Ok(order
            .into_iter()
            .filter_map(|(key, rows)| outcome(rows).map(|value| UpsertMessage { key, value }))
            .collect())
    }
}

fn add(rows: &mut Rows, value: Vec<u8>, weight: i64) {
    match rows.iter_mut().find(|(known, _)| *known == value) {
        Some((_, sum)) => *sum += weight,
        None => rows.push((value, weight)),
    }
}

/// Some(Some) is an upsert, Some(None) a tombstone. Where several rows hold one key, the newest wins.
fn outcome(rows: Rows) -> Option<Option<Vec<u8>>> {
    let removed = rows.iter().any(|(_, weight)| *weight < 0);
    match rows.into_iter().rev().find(|(_, weight)| *weight > 0) {
        Some((value, _)) => Some(Some(value)),
        None if removed => Some(None),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use millrace_plan::{ColumnDef, DataType};

    use super::*;
    use crate::decode::JsonDecoder;

    /// Changes as lines of `weight json`, messages as `key=value` or `key=-`.
    fn check(changes: &[(i64, &str)], want: &[&str]) {
        let columns = [("id", DataType::Bigint), ("v", DataType::Text)].map(|(name, data_type)| ColumnDef {
            name: name.to_owned(),
            data_type,
            nullable: true,
            default: None,
        });
        let mut decoder = JsonDecoder::new(&columns).unwrap();
        for (_, json) in changes {
            decoder.push(json.as_bytes()).unwrap();
        }
        let weights: Vec<i64> = changes.iter().map(|(weight, _)| *weight).collect();
        let encoder = UpsertEncoder::new(&columns.map(|c| c.field()), &[0]).unwrap();
        let got: Vec<String> = encoder
            .encode(&[(&decoder.finish(), Some(&weights))])
            .unwrap()
            .into_iter()
            .map(|message| {
                let value = message.value.map_or("-".to_owned(), |value| String::from_utf8(value).unwrap());
                format!("{}={value}", String::from_utf8(message.key).unwrap())
            })
            .collect();
        assert_eq!(got, want);
    }

    const A: &str = r#"{"id":1,"v":"a"}"#;
    const B: &str = r#"{"id":1,"v":"b"}"#;
    const C: &str = r#"{"id":2,"v":"c"}"#;

    #[test]
    fn one_message_a_key() {
        check(&[(1, A)], &[r#"{"id":1}={"id":1,"v":"a"}"#]);
        check(&[(-1, A)], &[r#"{"id":1}=-"#]);
        check(&[(-1, A), (1, B)], &[r#"{"id":1}={"id":1,"v":"b"}"#]);
        check(&[(1, B), (-1, A)], &[r#"{"id":1}={"id":1,"v":"b"}"#]);
        check(&[(1, A), (-1, A)], &[]);
        check(&[(-1, A), (1, A)], &[]);
        check(&[(-1, A), (1, B), (-1, B)], &[r#"{"id":1}=-"#]);
        check(&[(1, A), (1, C), (1, B)], &[r#"{"id":1}={"id":1,"v":"b"}"#, r#"{"id":2}={"id":2,"v":"c"}"#]);
        check(&[], &[]);
    }

    #[test]
    fn a_key_is_needed() {
        assert_eq!(UpsertEncoder::new(&[], &[]).err().unwrap().code, Code::InvalidParameterValue);
    }
}
