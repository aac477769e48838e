//! A consumer's handle: the member of a group pulls, so that a slow one costs nobody anything.

use std::sync::Arc;

use millrace_base::Result;
use millrace_runtime::{Consumed, Consumer};
use napi::Env;
use napi::bindgen_prelude::{BigInt, Buffer, Object};
use napi_derive::napi;

use crate::convert::{CloseResult, NativeError};
use crate::promise::promise;

#[napi]
pub struct NativeConsumer {
    inner: Arc<Consumer>,
}

#[napi]
impl NativeConsumer {
    /// The number that its commits carry.
    #[napi(catch_unwind)]
    pub fn member(&self) -> BigInt {
        BigInt::from(self.inner.member())
    }

    /// The next batch, of so many rows and bytes at most; waits until there is one. One call at a time.
    #[napi(catch_unwind, ts_return_type = "Promise<ConsumerNextResult>")]
    pub fn next<'e>(&self, env: &'e Env, rows_max: u32, bytes_max: u32) -> napi::Result<Object<'e>> {
        promise::<_, ConsumerNextResult>(env, |reply| self.inner.next(rows_max, bytes_max, reply))
    }

    /// Reads on from another place: MessagePack of a `Seek`.
    #[napi(catch_unwind, ts_return_type = "Promise<CloseResult>")]
    pub fn seek<'e>(&self, env: &'e Env, seek: &[u8]) -> napi::Result<Object<'e>> {
        promise::<_, CloseResult>(env, |reply| self.inner.seek(seek.to_vec(), reply))
    }

    /// Leaves the group.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.inner.close();
    }
}

impl Drop for NativeConsumer {
    fn drop(&mut self) {
        self.inner.close();
    }
}

#[napi(object, object_from_js = false)]
pub struct ConsumerResult {
    pub error: Option<NativeError>,
    pub consumer: Option<NativeConsumer>,
}

impl From<Result<Arc<Consumer>>> for ConsumerResult {
    fn from(result: Result<Arc<Consumer>>) -> Self {
        match result {
            Ok(inner) => Self { error: None, consumer: Some(NativeConsumer { inner }) },
            Err(error) => Self { error: Some(error.into()), consumer: None },
        }
    }
}

/// Rows of one partition: an Arrow IPC stream of the columns, then `epoch` and `time`. Without rows only the partitions
/// changed.
#[napi(object, object_from_js = false)]
pub struct ConsumerNextResult {
    pub error: Option<NativeError>,
    pub done: Option<bool>,
    pub assigned: Option<Vec<u32>>,
    pub partition: Option<u32>,
    pub first_offset: Option<BigInt>,
    pub next_offset: Option<BigInt>,
    pub skipped: Option<BigInt>,
    pub ipc: Option<Buffer>,
}

impl From<Result<Option<Consumed>>> for ConsumerNextResult {
    fn from(result: Result<Option<Consumed>>) -> Self {
        let mut out = Self {
            error: None,
            done: None,
            assigned: None,
            partition: None,
            first_offset: None,
            next_offset: None,
            skipped: None,
            ipc: None,
        };
        match result {
            Err(error) => out.error = Some(error.into()),
            Ok(None) => out.done = Some(true),
            Ok(Some(Consumed { assigned, rows })) => {
                out.assigned = assigned;
                if let Some(rows) = rows {
                    out.partition = Some(rows.partition);
                    out.first_offset = Some(BigInt::from(rows.first_offset));
                    out.next_offset = Some(BigInt::from(rows.next_offset));
                    out.skipped = Some(BigInt::from(rows.skipped));
                    out.ipc = Some(rows.ipc.into());
                }
            }
        }
        out
    }
}
