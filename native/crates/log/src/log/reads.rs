//! Reading rows: of a relation at an epoch, whole or in pieces, and of a stream's partition from an offset on.

use std::ops::Range;
use std::sync::Arc;

use arrow_schema::Schema;
use millrace_base::{Code, Epoch, Error, RelationId, Result};
use parking_lot::RwLock;

use super::Log;
use crate::offset_read::{After, OffsetRead};
use crate::piece::{Piece, stream_pieces};
use crate::scan::{LogScan, StreamRead, StreamScan};
use crate::segment::Bound;
use crate::state::{Relation, RelationData};
use crate::stream::{Partition, StreamState};
use crate::table::TableState;

impl Log {
    /// The chosen columns of all rows that `relation` holds at `as_of`.
    pub fn scan(&self, relation: RelationId, columns: &[u32], as_of: Epoch) -> Result<LogScan> {
        self.scan_after(relation, columns, Epoch::ZERO, as_of)
    }

    /// As `scan`, of a stream without the rows up to `after`.
    pub fn scan_after(&self, relation: RelationId, columns: &[u32], after: Epoch, as_of: Epoch) -> Result<LogScan> {
        self.scan_pruned(relation, columns, &[], after, as_of)
    }

    /// As `scan_after`; blocks for which statistics show that no row satisfies all of `prune` may be left out.
    pub fn scan_pruned(
        &self,
        relation: RelationId,
        columns: &[u32],
        prune: &[Bound],
        after: Epoch,
        as_of: Epoch,
    ) -> Result<LogScan> {
        let stored = self.relation(relation)?;
        let projection: Vec<usize> = columns.iter().map(|&c| c as usize).collect();
        let schema: Schema =
            stored.schema.project(&projection).map_err(|e| Error::internal(format!("projection: {e}")))?;
        let schema = Arc::new(schema);
        match &stored.data {
            RelationData::Table(table) => {
                if as_of < table.horizon() {
                    return Err(too_old(as_of));
                }
                let rows = table.scan_pruned(as_of, &projection, prune)?;
                Ok(LogScan::new(schema, Box::new(rows)))
            }
            RelationData::Stream(stream) => {
                let read = StreamRead {
                    pool: self.inner.pool.clone(),
                    schema: stored.schema.clone(),
                    projection,
                    prune: prune.to_vec(),
                    after,
                    upto: as_of,
                };
                let rows = stream.read();
                if as_of < rows.gone {
                    return Err(gone(as_of));
                }
                let scan = StreamScan::new(read, rows.partitions.values());
                Ok(LogScan::new(schema, Box::new(scan)))
            }
        }
    }

    /// As `scan_pruned` of all epochs up to `as_of`, in pieces that are read apart.
    pub fn pieces(&self, relation: RelationId, columns: &[u32], prune: &[Bound], as_of: Epoch) -> Result<Vec<Piece>> {
        let stored = self.relation(relation)?;
        let projection: Vec<usize> = columns.iter().map(|&c| c as usize).collect();
        match &stored.data {
            RelationData::Table(table) if as_of < table.horizon() => Err(too_old(as_of)),
            RelationData::Table(table) => table.pieces(as_of, &projection, prune),
            RelationData::Stream(stream) => {
                let read = StreamRead {
                    pool: self.inner.pool.clone(),
                    schema: stored.schema.clone(),
                    projection,
                    prune: prune.to_vec(),
                    after: Epoch::ZERO,
                    upto: as_of,
                };
                let partitions: Vec<Partition> =
                    stream.read().partitions.values().map(|partition| partition.between(read.after, as_of)).collect();
                stream_pieces(&read, &partitions)
            }
        }
    }

    /// A table's rows, the newest version included.
    pub fn table(&self, relation: RelationId) -> Result<Arc<TableState>> {
        match self.relation(relation)?.data {
            RelationData::Table(table) => Ok(table),
            RelationData::Stream(_) => {
                Err(Error::new(Code::WrongObjectType, format!("relation {} is not a table", relation.0)))
            }
        }
    }

    /// Rows of one partition from an offset on, as far as `upto`, in offset order: with each batch its first offset and
    /// the commits that its rows come from.
    pub fn read_from(
        &self,
        stream: RelationId,
        partition: u32,
        columns: &[u32],
        offset: u64,
        upto: Epoch,
    ) -> Result<OffsetRead> {
        self.read_between(stream, partition, columns, offset..u64::MAX, upto)
    }

    /// As `read_from`, without the commits and segments that begin at the end of `offsets` or later.
    pub fn read_between(
        &self,
        stream: RelationId,
        partition: u32,
        columns: &[u32],
        offsets: Range<u64>,
        upto: Epoch,
    ) -> Result<OffsetRead> {
        let stored = self.relation(stream)?;
        let state = stream_state(stream, &stored)?;
        let read = StreamRead {
            pool: self.inner.pool.clone(),
            schema: stored.schema.clone(),
            projection: columns.iter().map(|&c| c as usize).collect(),
            prune: Vec::new(),
            after: Epoch::ZERO,
            upto,
        };
        let state = state.read();
        Ok(OffsetRead::new(read, state.partitions.get(&partition), offsets))
    }

    /// The offset of a partition's first row that was committed after `epoch`; its end when there is none.
    pub fn offset_after(&self, stream: RelationId, partition: u32, epoch: Epoch) -> Result<u64> {
        let stored = self.relation(stream)?;
        let found = stream_state(stream, &stored)?.read().partitions.get(&partition).map(|p| After::of(p, epoch));
        found.map_or(Ok(0), |after| after.offset(&self.inner.pool, epoch))
    }
}

fn stream_state(id: RelationId, stored: &Relation) -> Result<&Arc<RwLock<StreamState>>> {
    match &stored.data {
        RelationData::Stream(state) => Ok(state),
        RelationData::Table(_) => Err(Error::new(Code::WrongObjectType, format!("relation {} is not a stream", id.0))),
    }
}

fn too_old(epoch: Epoch) -> Error {
    Error::new(Code::ObjectNotInPrerequisiteState, format!("epoch {} is no longer kept", epoch.0))
        .with_hint("Versions of a table's rows are kept as long as its option retain says.")
}

fn gone(epoch: Epoch) -> Error {
    Error::new(Code::ObjectNotInPrerequisiteState, format!("the stream's rows of epoch {} are no longer kept", epoch.0))
        .with_hint("A stream's rows are kept as long as its retention says, or until it is truncated.")
}
