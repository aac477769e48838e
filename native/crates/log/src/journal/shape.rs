//! That a record batch's message fits its schema and its data: Arrow's reader takes lengths and places on trust, and panics
//! where they are wrong.

use arrow_ipc::{Buffer, FieldNode, RecordBatch};
use arrow_schema::{DataType, Field, Fields};

use super::body::ALIGNMENT;

const OFFSET_BYTES: usize = size_of::<i32>();

/// What of the message has not been looked at.
struct Rest<'a> {
    nodes: Box<dyn Iterator<Item = &'a FieldNode> + 'a>,
    buffers: Box<dyn Iterator<Item = &'a Buffer> + 'a>,
    data_bytes: u64,
}

/// `None` where the reader could panic.
pub fn check(message: &RecordBatch<'_>, fields: &Fields, rows: u32, data_bytes: usize) -> Option<()> {
    let (nodes, buffers) = (message.nodes()?, message.buffers()?);
    let mut rest =
        Rest { nodes: Box::new(nodes.iter()), buffers: Box::new(buffers.iter()), data_bytes: data_bytes as u64 };
    let whole = message.compression().is_none() && message.length() == i64::from(rows);
    whole.then_some(())?;
    fields.iter().try_for_each(|field| (rest.column(field)? == u64::from(rows)).then_some(()))?;
    (rest.nodes.next().is_none() && rest.buffers.next().is_none()).then_some(())
}

impl Rest<'_> {
    /// The bytes of the next buffer, which holds values of this width.
    fn buffer(&mut self, width: usize) -> Option<u64> {
        let buffer = self.buffers.next()?;
        let (at, len) = (u64::try_from(buffer.offset()).ok()?, u64::try_from(buffer.length()).ok()?);
        let aligned = at.is_multiple_of(ALIGNMENT as u64) && len.is_multiple_of(width as u64);
        (aligned && at.checked_add(len)? <= self.data_bytes).then_some(len)
    }

    /// The rows of the next column.
    fn column(&mut self, field: &Field) -> Option<u64> {
        let node = self.nodes.next()?;
        let len = u64::try_from(node.length()).ok()?;
        let nulls = u64::try_from(node.null_count()).ok()?;
        let validity = self.buffer(1)?;
        if nulls > len || (nulls > 0 && validity < len.div_ceil(8)) {
            return None;
        }
        match field.data_type() {
            DataType::Utf8 | DataType::Binary => {
                self.buffer(OFFSET_BYTES)?;
                self.buffer(1)?;
            }
            DataType::List(element) | DataType::Map(element, _) => {
                self.buffer(OFFSET_BYTES)?;
                self.column(element)?;
            }
            DataType::Struct(fields) => {
                for field in fields {
                    (self.column(field)? == len).then_some(())?;
                }
            }
            other => {
                self.buffer(other.primitive_width().unwrap_or(1))?;
            }
        }
        Some(len)
    }
}
