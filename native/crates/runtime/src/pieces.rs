//! The log's pieces as queries read them.

use std::sync::Arc;

use arrow::buffer::BooleanBuffer;
use arrow_array::ArrayRef;
use arrow_schema::{DataType, Schema};
use millrace_base::{Error, Result};
use millrace_exec::{BoundOp, Morsel, ScanBound, ScanRequest};
use millrace_kernels::encodings::EncodedColumn;
use millrace_kernels::{array_of_i128, array_of_sortable};
use millrace_log::Piece;
use millrace_log::segment::{Bound, BoundOp as Op, Stat};

/// The bounds of a scan, of the relation's own columns.
pub fn bounds(request: &ScanRequest<'_>, stored: &Schema) -> Vec<Bound> {
    let bound = |bound: &ScanBound| {
        let column = request.columns[bound.column] as usize;
        let op = match bound.op {
            BoundOp::Less => Op::Less,
            BoundOp::LessOrEqual => Op::LessOrEqual,
            BoundOp::Equal => Op::Equal,
            BoundOp::GreaterOrEqual => Op::GreaterOrEqual,
            BoundOp::Greater => Op::Greater,
            BoundOp::IsNull => Op::IsNull,
            BoundOp::IsNotNull => Op::IsNotNull,
        };
        match &bound.value {
            None => Some(Bound { column, op, value: None }),
            Some(literal) => Bound::compare(column, stored.field(column).data_type(), op, literal),
        }
    };
    request.bounds.iter().filter_map(bound).collect()
}

/// A piece, with the types of its columns.
pub struct StoredPiece {
    pub piece: Piece,
    pub types: Arc<[DataType]>,
}

/// A statistic as a column of one row; `None` where it may not be a value itself.
fn array_of(stat: &Stat, data_type: &DataType) -> Option<ArrayRef> {
    match (stat, data_type) {
        (
            Stat::Int(value),
            DataType::Boolean
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::Date32
            | DataType::Time64(_)
            | DataType::Timestamp(_, _),
        ) => array_of_sortable(data_type, vec![*value], None).ok(),
        (Stat::Wide(value), DataType::Decimal128(_, _)) => array_of_i128(data_type, vec![*value], None).ok(),
        // Of 0 and -0 either may be kept; of texts only their beginning.
        _ => None,
    }
}

impl Morsel for StoredPiece {
    fn rows(&self) -> usize {
        self.piece.rows()
    }

    fn alive(&self) -> Option<&BooleanBuffer> {
        self.piece.alive()
    }

    fn nulls(&self, column: usize) -> Option<usize> {
        Some(self.piece.facts(column)?.nulls)
    }

    fn extremes(&self, column: usize) -> Option<(ArrayRef, ArrayRef)> {
        let (least, most) = self.piece.facts(column)?.bounds?;
        let data_type = self.types.get(column)?;
        Some((array_of(&least, data_type)?, array_of(&most, data_type)?))
    }

    fn encoded(&self, column: usize) -> Result<Option<EncodedColumn>> {
        self.piece.encoded(column)
    }

    fn damaged(&self, why: &str) -> Error {
        self.piece.damaged(why)
    }

    fn column(&self, column: usize) -> Result<ArrayRef> {
        self.piece.column(column)
    }
}
