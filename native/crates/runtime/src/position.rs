//! Places in a stream: what earliest, latest, an offset and a time mean in each of its partitions.

use std::collections::BTreeMap;
use std::sync::Arc;

use millrace_base::{Code, Error, RelationId, Result};
use millrace_log::Log;
use millrace_plan::Position;

use crate::catalog::{Catalog, Object};
use crate::options;
use crate::read;
use crate::shared::Shared;

/// How many partitions a stream has; those count as well that it has rows in from a time when it had more.
pub fn partitions(log: &Log, stream: &Object) -> u32 {
    let last = log.extents(stream.definition.id).last().map_or(0, |(partition, _)| partition + 1);
    options::of(&stream.definition.object).partitions.max(last)
}

/// One partition or all.
pub fn chosen(log: &Log, stream: &Object, partition: Option<u32>) -> Result<Vec<u32>> {
    let count = partitions(log, stream);
    match partition {
        None => Ok((0..count).collect()),
        Some(partition) if partition < count => Ok(vec![partition]),
        Some(partition) => {
            let message = format!("stream \"{}\" has no partition {partition}", stream.definition.name);
            Err(Error::new(Code::InvalidParameterValue, message)
                .with_detail(format!("Its partitions are 0 to {}.", count - 1)))
        }
    }
}

/// The offset that is read next in each of these partitions.
pub fn resolve(
    shared: &Arc<Shared>,
    catalog: &Catalog,
    stream: RelationId,
    partitions: &[u32],
    to: &Position,
) -> Result<Vec<(u32, u64)>> {
    let extents: BTreeMap<u32, _> = shared.log.extents(stream).into_iter().collect();
    let extent = |partition: u32| extents.get(&partition).copied().unwrap_or_default();
    let each = partitions.iter().copied();
    match to {
        Position::Earliest => Ok(each.map(|p| (p, extent(p).start)).collect()),
        Position::Latest => Ok(each.map(|p| (p, extent(p).end)).collect()),
        Position::Offset { offset } => each
            .map(|p| match extent(p) {
                found if *offset > found.end => Err(beyond(*offset, p, found.end)),
                found => Ok((p, found.start.max(*offset))),
            })
            .collect(),
        Position::Timestamp { time } => {
            let time_us = read::instant(time, catalog, shared.now_us())?;
            let before = shared.log.epoch_at(time_us.saturating_sub(1))?;
            if before >= shared.log.durable_epoch() {
                return Ok(each.map(|p| (p, extent(p).end)).collect());
            }
            let after = |p| Ok((p, shared.log.offset_after(stream, p, before)?.max(extent(p).start)));
            each.map(after).collect()
        }
    }
}

pub fn beyond(offset: u64, partition: u32, end: u64) -> Error {
    Error::new(Code::InvalidParameterValue, format!("offset {offset} is beyond the end of partition {partition}"))
        .with_detail(format!("The partition's next row gets offset {end}."))
}
