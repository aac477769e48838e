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
        Ok(order.into_iter().filter_map(|(key, rows)| outcome(rows).map(|value| UpsertMessage { key, value })).collect())
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
