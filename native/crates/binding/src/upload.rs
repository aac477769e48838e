//! Rows on their way in. JavaScript's thread copies them here in parts, and lets its event loop run in between: the copy
//! of a large stream in one go would hold it up. They are copied as JavaScript could change them while they are read.

use std::sync::Arc;

use millrace_runtime::Engine as Runtime;
use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;

use crate::convert::ExecuteResult;
use crate::promise::promise;

/// A part is never moved again, so a piece of memory does not grow beyond this; a larger part has a piece of its own.
const PIECE_BYTES: usize = 1 << 20;

#[napi]
pub struct NativeUpload {
    engine: Arc<Runtime>,
    pieces: Vec<Vec<u8>>,
}

impl NativeUpload {
    pub fn new(engine: Arc<Runtime>) -> Self {
        Self { engine, pieces: Vec::new() }
    }
}

#[napi]
impl NativeUpload {
    /// Adds the next bytes of the Arrow IPC stream.
    #[napi(catch_unwind)]
    pub fn write(&mut self, part: &[u8]) {
        match self.pieces.last_mut() {
            Some(piece) if piece.len() + part.len() <= PIECE_BYTES => piece.extend_from_slice(part),
            _ => self.pieces.push(part.to_vec()),
        }
    }

    /// Appends the rows that were written; settles when they are durable. The upload is empty then.
    #[napi(catch_unwind, ts_return_type = "Promise<ExecuteResult>")]
    pub fn append<'e>(&mut self, env: &'e Env, head: &[u8]) -> napi::Result<Object<'e>> {
        let pieces = std::mem::take(&mut self.pieces);
        promise::<_, ExecuteResult>(env, |reply| self.engine.append(head.to_vec(), pieces, reply))
    }
}
