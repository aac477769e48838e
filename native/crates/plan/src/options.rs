//! The WITH options of a stream, source or table, read from a definition's map. The map holds canonical text: whole numbers
//! (microseconds, bytes, column numbers), as the planner writes them.

use std::collections::BTreeMap;

use millrace_base::limits::PARTITIONS_MAX;
use millrace_base::{Code, Error, Result};

use crate::definition::DefinitionKind;

/// When a commit that has rows of this relation is acknowledged. A commit takes the strictest of its relations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelationDurability {
    Commit,
    Interval,
    None,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelationOptions {
    /// Of a stream; 1 if not said.
    pub partitions: u32,
    /// Rows with equal values in these columns go to one partition; round robin without any.
    pub partition_by: Vec<u32>,
    /// The age at which a stream's rows go; `None` is never.
    pub retention_us: Option<i64>,
    /// The bytes of a stream's segments above which the oldest rows go; `None` is without limit.
    pub retention_bytes: Option<u64>,
    /// How far back AS OF reaches in a table.
    pub retain_us: Option<i64>,
    /// The database's own, if not said.
    pub durability: Option<RelationDurability>,
}

impl Default for RelationOptions {
    fn default() -> Self {
        Self {
            partitions: 1,
            partition_by: Vec::new(),
            retention_us: None,
            retention_bytes: None,
            retain_us: None,
            durability: None,
        }
    }
}

impl RelationOptions {
    /// Of a stream, a source or a table; what has no options has the defaults. A definition of a time when options were kept without
    /// effect has them as they were written, which is an error here: read such a stored one as the defaults.
    pub fn of(object: &DefinitionKind) -> Result<Self> {
        let (options, columns) = match object {
            DefinitionKind::Stream { options, columns, .. }
            | DefinitionKind::Source { options, columns, .. }
            | DefinitionKind::Table { options, columns, .. } => (options, columns.len()),
            _ => return Ok(Self::default()),
        };
        let read = Self::read(options)?;
        match read.partition_by.iter().find(|&&column| column as usize >= columns) {
            Some(column) => Err(refused("partition_by", &column.to_string())),
            None => Ok(read),
        }
    }

    fn read(options: &BTreeMap<String, String>) -> Result<Self> {
        let mut out = Self::default();
        for (key, value) in options {
            let refuse = || refused(key, value);
            match key.as_str() {
                "partitions" => {
                    out.partitions = number(key, value)?;
                    if out.partitions == 0 || out.partitions > PARTITIONS_MAX {
                        return Err(refuse());
                    }
                }
                "partition_by" => {
                    out.partition_by = value.split(',').map(|part| number(key, part)).collect::<Result<_>>()?;
                }
                "retention" => out.retention_us = Some(duration(key, value)?),
                "retention_bytes" => out.retention_bytes = Some(number(key, value)?),
                "retain" => out.retain_us = Some(duration(key, value)?),
                "durability" => {
                    out.durability = Some(match value.as_str() {
                        "commit" => RelationDurability::Commit,
                        "interval" => RelationDurability::Interval,
                        "none" => RelationDurability::None,
                        _ => return Err(refuse()),
                    });
                }
                _ => return Err(refuse()),
            }
        }
        Ok(out)
    }
}

fn refused(key: &str, value: &str) -> Error {
    Error::new(Code::InvalidParameterValue, format!("invalid value \"{value}\" of option \"{key}\""))
}

fn number<T: std::str::FromStr>(key: &str, value: &str) -> Result<T> {
    value.parse().map_err(|_| refused(key, value))
}

fn duration(key: &str, value: &str) -> Result<i64> {
    match number(key, value)? {
        us if us >= 0 => Ok(us),
        _ => Err(refused(key, value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(options: &[(&str, &str)]) -> DefinitionKind {
        let options = options.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let column =
            crate::ColumnDef { name: "a".into(), data_type: crate::DataType::Bigint, nullable: true, default: None };
        DefinitionKind::Stream { columns: vec![column.clone(), column], watermark: None, options }
    }

    #[test]
    fn options_are_read_or_refused() {
        assert_eq!(RelationOptions::of(&stream(&[])).unwrap(), RelationOptions::default());
        let all = [
            ("partitions", "4"),
            ("partition_by", "1,0"),
            ("retention", "604800000000"),
            ("retention_bytes", "10737418240"),
            ("durability", "interval"),
        ];
        let read = RelationOptions::of(&stream(&all)).unwrap();
        assert_eq!((read.partitions, read.partition_by.as_slice()), (4, [1, 0].as_slice()));
        assert_eq!((read.retention_us, read.retention_bytes), (Some(604_800_000_000), Some(10 << 30)));
        assert_eq!(read.durability, Some(RelationDurability::Interval));
        for wrong in [
            ("partitions", "0"),
            ("partitions", "100000"),
            ("partition_by", "2"),
            ("partition_by", ""),
            ("retention", "7 days"),
            ("retention", "-1"),
            ("durability", "always"),
            ("colour", "red"),
        ] {
            let error = RelationOptions::of(&stream(&[wrong])).unwrap_err();
            assert_eq!(error.code, Code::InvalidParameterValue, "{wrong:?}");
        }
    }
}
