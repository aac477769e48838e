//! The body of a frame: a MessagePack head that says what is where, then Arrow buffers, aligned so that a body read
//! into aligned memory is decoded without a copy. Schemas are not repeated: they come from the catalog.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_ipc::reader::read_record_batch;
use arrow_ipc::writer::{DictionaryTracker, EncodedData, IpcDataGenerator, IpcWriteContext, IpcWriteOptions};
use arrow_ipc::{MetadataVersion, root_as_message};
use arrow_schema::SchemaRef;
use millrace_base::{Code, Error, RelationId, Result, limits::FRAME_BYTES_MAX};
use millrace_plan::CatalogChange;
use serde::{Deserialize, Serialize};

use crate::commit::{Commit, GroupOffset, SinkProgress, SourceOffset};

/// Of buffers, within the body and within a relation's rows.
pub const ALIGNMENT: usize = 64;
/// Room for the head of a commit that carries rows and little else.
const HEAD_BYTES: usize = 512;

/// Commits of so few rows cost more in allocations than in bytes.
const FEW_ROWS: usize = 64;
const SMALL_BYTES_MAX: usize = 64 << 10;

thread_local! {
    /// What encoding a few rows works in: grown once a thread, not once a commit.
    static SMALL: RefCell<IpcWriteContext> = RefCell::new(reused());
}

fn reused() -> IpcWriteContext {
    let mut context = IpcWriteContext::default();
    context.set_reserve_scratch(true);
    context
}

/// Where one relation's rows lie in the body. Offsets are from the body's first byte.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RowsAt {
    pub relation: RelationId,
    pub rows: u32,
    message: (u32, u32),
    data: (u32, u32),
    /// Little-endian i64 weights; absent when all are +1.
    weights: Option<(u32, u32)>,
    #[serde(default)]
    pub partition: u32,
}

impl RowsAt {
    /// Bytes of the rows' data in the body.
    pub fn bytes(&self) -> u64 {
        u64::from(self.data.1)
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub struct BodyHead {
    pub rows: Vec<RowsAt>,
    pub catalog: Vec<CatalogChange>,
    pub offsets: Vec<SourceOffset>,
    pub progress: Vec<SinkProgress>,
    #[serde(default)]
    pub groups: Vec<GroupOffset>,
    #[serde(default)]
    pub truncated: Vec<RelationId>,
}

/// Encodes a commit. The head lies at the end, since it names places before it; the last 4 bytes give its length.
pub fn encode_body(commit: &Commit) -> Result<(Vec<u8>, BodyHead)> {
    let mut out: Vec<u8> = Vec::new();
    let mut rows = Vec::with_capacity(commit.rows.len());
    for part in &commit.rows {
        let encoded = encode_rows(&part.batch)?;
        let data = if out.is_empty() {
            // Most commits have the rows of one relation: these become the body, without a copy.
            out = encoded.arrow_data;
            out.reserve_exact(encoded.ipc_message.len() + HEAD_BYTES);
            (0, u32::try_from(out.len()).map_err(|_| too_large())?)
        } else {
            put(&mut out, &encoded.arrow_data)?
        };
        let message = put(&mut out, &encoded.ipc_message)?;
        let weights = match &part.weights {
            None => None,
            Some(weights) => {
                let bytes: Vec<u8> = weights.iter().flat_map(|w| w.to_le_bytes()).collect();
                Some(put(&mut out, &bytes)?)
            }
        };
        let count = u32::try_from(part.batch.num_rows()).map_err(|_| too_large())?;
        rows.push(RowsAt { relation: part.relation, rows: count, message, data, weights, partition: part.partition });
    }
    let head = BodyHead {
        rows,
        catalog: commit.catalog.clone(),
        offsets: commit.offsets.clone(),
        progress: commit.progress.clone(),
        groups: commit.groups.clone(),
        truncated: commit.truncated.clone(),
    };
    let encoded = millrace_plan::encode(&head)?;
    out.extend_from_slice(&encoded);
    out.extend_from_slice(&(encoded.len() as u32).to_le_bytes());
    if out.len() > FRAME_BYTES_MAX { Err(too_large()) } else { Ok((out, head)) }
}

fn encode_rows(batch: &RecordBatch) -> Result<EncodedData> {
    let options = IpcWriteOptions::try_new(ALIGNMENT, false, MetadataVersion::V5)
        .map_err(|e| Error::internal(format!("Arrow options: {e}")))?;
    let encode = |context: &mut IpcWriteContext| {
        let mut tracker = DictionaryTracker::new(false);
        IpcDataGenerator::default().encode(batch, &mut tracker, &options, context)
    };
    let encoded = if batch.num_rows() > FEW_ROWS {
        encode(&mut IpcWriteContext::default())
    } else {
        SMALL.with_borrow_mut(|context| {
            let encoded = encode(context);
            if !encoded.as_ref().is_ok_and(|(_, rows)| rows.arrow_data.len() <= SMALL_BYTES_MAX) {
                *context = reused(); // a long text must not stay with the thread
            }
            encoded
        })
    };
    encoded.map(|(_, rows)| rows).map_err(|e| Error::internal(format!("could not encode rows: {e}")))
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(u32, u32)> {
    out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
    let at = u32::try_from(out.len()).map_err(|_| too_large())?;
    let len = u32::try_from(bytes.len()).map_err(|_| too_large())?;
    out.extend_from_slice(bytes);
    Ok((at, len))
}

fn too_large() -> Error {
    Error::new(Code::InsufficientResources, "the commit is larger than the limit of 256 MiB")
        .with_hint("Insert fewer rows at a time.")
}

fn broken(what: impl std::fmt::Display) -> Error {
    Error::new(Code::DataCorrupted, format!("a commit in the journal cannot be read: {what}"))
}

/// Reads the head of a body whose checksum was right.
pub fn decode_head(body: &[u8]) -> Result<BodyHead> {
    let split = body.len().checked_sub(4).ok_or_else(|| broken("no head"))?;
    let len = u32::from_le_bytes(body[split..].try_into().expect("4 bytes")) as usize;
    let start = split.checked_sub(len).ok_or_else(|| broken("head out of bounds"))?;
    rmp_serde::from_slice(&body[start..split]).map_err(broken)
}

/// Decodes one relation's rows; `projection` picks columns of `schema`.
pub fn decode_rows(
    body: &arrow::buffer::Buffer,
    at: &RowsAt,
    schema: SchemaRef,
    projection: Option<&[usize]>,
) -> Result<RecordBatch> {
    let message = slice(body, at.message)?;
    // encoded_batch leaves the message bare: without length prefix.
    let message = root_as_message(message).map_err(broken)?;
    let header = message.header_as_record_batch().ok_or_else(|| broken("not a record batch"))?;
    let (start, len) = (at.data.0 as usize, at.data.1 as usize);
    if !start.is_multiple_of(ALIGNMENT) || start.checked_add(len).is_none_or(|end| end > body.len()) {
        return Err(broken("rows out of bounds"));
    }
    let data = body.slice_with_length(start, len);
    super::shape::check(&header, schema.fields(), at.rows, len).ok_or_else(|| broken("columns that cannot be"))?;
    read_record_batch(&data, header, schema, &HashMap::new(), projection, &message.version()).map_err(broken)
}

pub fn decode_weights(body: &[u8], at: &RowsAt) -> Result<Option<Arc<[i64]>>> {
    let Some(place) = at.weights else { return Ok(None) };
    let bytes = slice(body, place)?;
    if bytes.len() != at.rows as usize * 8 {
        return Err(broken("weights of another number of rows"));
    }
    Ok(Some(bytes.chunks_exact(8).map(|c| i64::from_le_bytes(c.try_into().expect("8 bytes"))).collect()))
}

fn slice(body: &[u8], (at, len): (u32, u32)) -> Result<&[u8]> {
    let start = at as usize;
    start.checked_add(len as usize).and_then(|end| body.get(start..end)).ok_or_else(|| broken("out of bounds"))
}
