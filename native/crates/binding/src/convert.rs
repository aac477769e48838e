//! The shapes that cross, and how results become them.

use millrace_base::{Error, Result};
use millrace_runtime::{DataRows, Delivery, Executed};
use napi::bindgen_prelude::{BigInt, Buffer};
use napi_derive::napi;

/// An error as data: SQLSTATE and PostgreSQL's three texts.
#[napi(object, object_from_js = false)]
pub struct NativeError {
    pub code: String,
    pub message: String,
    pub detail: Option<String>,
    pub hint: Option<String>,
}

impl From<Error> for NativeError {
    fn from(error: Error) -> Self {
        Self { code: error.code.sqlstate().to_string(), message: error.message, detail: error.detail, hint: error.hint }
    }
}

/// What a write or a change of the catalog did.
#[napi(object, object_from_js = false)]
pub struct ExecuteResult {
    pub error: Option<NativeError>,
    pub rows: f64,
    pub epoch: BigInt,
    /// The rows of RETURNING.
    pub ipc: Option<Buffer>,
}

impl From<Result<Executed>> for ExecuteResult {
    fn from(result: Result<Executed>) -> Self {
        match result {
            Ok(done) => Self {
                error: None,
                rows: done.rows as f64,
                epoch: BigInt::from(done.epoch.0),
                ipc: done.returned.map(Buffer::from),
            },
            Err(error) => Self { error: Some(error.into()), rows: 0.0, epoch: BigInt::from(0u64), ipc: None },
        }
    }
}

/// A transaction's number.
#[napi(object, object_from_js = false)]
pub struct BeginResult {
    pub error: Option<NativeError>,
    pub transaction: Option<BigInt>,
}

impl From<Result<u64>> for BeginResult {
    fn from(result: Result<u64>) -> Self {
        match result {
            Ok(number) => Self { error: None, transaction: Some(BigInt::from(number)) },
            Err(error) => Self { error: Some(error.into()), transaction: None },
        }
    }
}

/// The rows of a query as an Arrow IPC stream.
#[napi(object, object_from_js = false)]
pub struct QueryResult {
    pub error: Option<NativeError>,
    pub ipc: Option<Buffer>,
}

impl From<Result<Vec<u8>>> for QueryResult {
    fn from(result: Result<Vec<u8>>) -> Self {
        match result {
            Ok(ipc) => Self { error: None, ipc: Some(ipc.into()) },
            Err(error) => Self { error: Some(error.into()), ipc: None },
        }
    }
}

/// A result as the bytes of PostgreSQL's `DataRow` messages.
#[napi(object, object_from_js = false)]
pub struct DataRowsResult {
    pub error: Option<NativeError>,
    pub rows: f64,
    pub bytes: Option<Buffer>,
}

impl From<Result<DataRows>> for DataRowsResult {
    fn from(result: Result<DataRows>) -> Self {
        match result {
            Ok(rows) => Self { error: None, rows: rows.rows as f64, bytes: Some(rows.bytes.into()) },
            Err(error) => Self { error: Some(error.into()), rows: 0.0, bytes: None },
        }
    }
}

/// Changes of a subscription: an Arrow IPC stream whose last column is the weight.
#[napi(object, object_from_js = false)]
pub struct NextResult {
    pub error: Option<NativeError>,
    pub done: Option<bool>,
    pub epoch: Option<BigInt>,
    pub ipc: Option<Buffer>,
}

impl From<Result<Option<Delivery>>> for NextResult {
    fn from(result: Result<Option<Delivery>>) -> Self {
        let empty = Self { error: None, done: None, epoch: None, ipc: None };
        match result {
            Ok(Some(delivery)) => {
                Self { epoch: Some(BigInt::from(delivery.epoch.0)), ipc: Some(delivery.ipc.into()), ..empty }
            }
            Ok(None) => Self { done: Some(true), ..empty },
            Err(error) => Self { error: Some(error.into()), ..empty },
        }
    }
}

/// The end of a call that returns nothing.
#[napi(object, object_from_js = false)]
pub struct CloseResult {
    pub error: Option<NativeError>,
}

impl From<Result<()>> for CloseResult {
    fn from(result: Result<()>) -> Self {
        Self { error: result.err().map(NativeError::from) }
    }
}
