//! The database handle.

use std::path::PathBuf;
use std::sync::Arc;

use millrace_base::Result;
use millrace_runtime::{Engine as Runtime, EngineOptions};
use napi::Env;
use napi::bindgen_prelude::{Buffer, Object};
use napi_derive::napi;

use crate::consumer::ConsumerResult;
use crate::convert::{BeginResult, CloseResult, DataRowsResult, ExecuteResult, NativeError, QueryResult};
use crate::promise::promise;
use crate::shortcut::{NativeLookUp, NativeShortcut};
use crate::subscription::SubscribeResult;
use crate::upload::NativeUpload;

#[napi(object, object_to_js = false)]
pub struct NativeOptions {
    /// `commit` (acknowledged after fsync), `interval` or `interval:<milliseconds>`, `none`.
    pub durability: Option<String>,
    /// Nothing is written.
    pub read_only: Option<bool>,
    /// For tests: the size at which a journal file is ended and sealed.
    pub journal_file_bytes: Option<u32>,
    pub cache_bytes: Option<f64>,
    /// Where the database's own clock stands, microseconds since 1970-01-01 UTC.
    pub clock_us: Option<f64>,
    /// Bytes that the operators of all queries may hold.
    pub memory_limit: Option<f64>,
    /// Threads that a query may use.
    pub threads: Option<u32>,
}

/// What queries may use.
#[napi(object)]
pub struct NativeLimits {
    /// Bytes.
    pub memory_limit: Option<f64>,
    pub threads: Option<u32>,
}

#[napi]
pub struct Engine {
    inner: Arc<Runtime>,
}

#[napi(object, object_from_js = false)]
pub struct Opened {
    pub error: Option<NativeError>,
    pub engine: Option<Engine>,
}

impl From<Result<Runtime>> for Opened {
    fn from(result: Result<Runtime>) -> Self {
        match result {
            Ok(runtime) => Self { error: None, engine: Some(Engine { inner: Arc::new(runtime) }) },
            Err(error) => Self { error: Some(error.into()), engine: None },
        }
    }
}

#[napi]
impl Engine {
    /// Opens a database in a folder, or one in memory for `null`.
    #[napi(catch_unwind, ts_return_type = "Promise<Opened>")]
    pub fn open<'e>(env: &'e Env, path: Option<String>, options: Option<NativeOptions>) -> napi::Result<Object<'e>> {
        let options = options.map_or_else(EngineOptions::default, |o| EngineOptions {
            durability: o.durability,
            read_only: o.read_only.unwrap_or(false),
            journal_file_bytes: o.journal_file_bytes.map(u64::from),
            cache_bytes: o.cache_bytes.map(|bytes| bytes as u64),
            clock_us: o.clock_us.map(|us| us as i64),
            memory_limit: o.memory_limit.map(|bytes| bytes as u64),
            threads: o.threads,
        });
        promise::<_, Opened>(env, |reply| Runtime::open_async(path.map(PathBuf::from), options, reply))
    }

    /// The catalog: MessagePack of all definitions, without the bytes of models.
    #[napi(catch_unwind)]
    pub fn catalog(&self) -> napi::Result<Buffer> {
        self.inner.catalog_bytes().map(Buffer::from).map_err(|e| napi::Error::from_reason(e.message))
    }

    /// The id that the next object of the catalog gets.
    #[napi(catch_unwind)]
    pub fn next_relation_id(&self) -> u32 {
        self.inner.next_relation_id().0
    }

    /// What queries may use.
    #[napi(catch_unwind)]
    pub fn limits(&self) -> NativeLimits {
        let (memory_limit, threads) = self.inner.limits();
        NativeLimits { memory_limit: Some(memory_limit as f64), threads: Some(threads) }
    }

    /// Sets it, for queries that begin from now on; what is not given goes back to its default.
    #[napi(catch_unwind)]
    pub fn set_limits(&self, limits: NativeLimits) {
        self.inner.set_limits(limits.memory_limit.map(|bytes| bytes as u64), limits.threads);
    }

    /// INSERT, UPDATE, DELETE and DDL; settles when durable.
    #[napi(catch_unwind, ts_return_type = "Promise<ExecuteResult>")]
    pub fn execute<'e>(&self, env: &'e Env, command: &[u8]) -> napi::Result<Object<'e>> {
        promise::<_, ExecuteResult>(env, |reply| self.inner.execute(command.to_vec(), reply))
    }

    /// Begins a transaction.
    #[napi(catch_unwind, ts_return_type = "Promise<BeginResult>")]
    pub fn begin<'e>(&self, env: &'e Env, command: &[u8]) -> napi::Result<Object<'e>> {
        promise::<_, BeginResult>(env, |reply| self.inner.begin(command, reply))
    }

    /// Runs a query; `ticket` names it for `cancel`.
    #[napi(catch_unwind, ts_return_type = "Promise<QueryResult>")]
    pub fn query<'e>(&self, env: &'e Env, command: &[u8], ticket: u32) -> napi::Result<Object<'e>> {
        promise::<_, QueryResult>(env, |reply| self.inner.query(command.to_vec(), ticket, reply))
    }

    /// Runs a query on this thread if it is a very short one: a row by its key, or constants. Nothing for any other.
    #[napi(catch_unwind)]
    pub fn query_now(&self, command: &[u8]) -> Option<QueryResult> {
        self.inner.query_at_once(command).transpose().map(QueryResult::from)
    }

    /// As `query_now`, as PostgreSQL's `DataRow` messages.
    #[napi(catch_unwind)]
    pub fn rows_now(&self, command: &[u8], formats: Vec<u16>) -> Option<DataRowsResult> {
        self.inner.rows_at_once(command, &formats).transpose().map(DataRowsResult::from)
    }

    /// The look-up by key that a query with parameters is; nothing if it is something else.
    #[napi(catch_unwind)]
    pub fn look_up(&self, command: &[u8]) -> Option<NativeLookUp> {
        self.inner.look_up(command).ok().flatten().map(NativeLookUp::new)
    }

    /// For one client of the server.
    #[napi(catch_unwind)]
    pub fn shortcut(&self) -> NativeShortcut {
        NativeShortcut::new(self.inner.shortcut())
    }

    /// A result as PostgreSQL's `DataRow` messages; `formats` are its format codes. For small results: it takes this thread.
    #[napi(catch_unwind)]
    pub fn data_rows_now(&self, ipc: &[u8], formats: Vec<u16>) -> DataRowsResult {
        millrace_runtime::data_rows(ipc, &formats).into()
    }

    /// As `data_rows_now`, on another thread.
    #[napi(catch_unwind, ts_return_type = "Promise<DataRowsResult>")]
    pub fn data_rows<'e>(&self, env: &'e Env, ipc: &[u8], formats: Vec<u16>) -> napi::Result<Object<'e>> {
        promise::<_, DataRowsResult>(env, |reply| self.inner.data_rows(ipc.to_vec(), formats, reply))
    }

    /// Cancels the query of that ticket, if it still runs.
    #[napi(catch_unwind)]
    pub fn cancel(&self, ticket: u32) {
        self.inner.cancel(ticket);
    }

    /// Appends an Arrow IPC stream of rows, copied in one go.
    #[napi(catch_unwind, ts_return_type = "Promise<ExecuteResult>")]
    pub fn append<'e>(&self, env: &'e Env, head: &[u8], ipc: &[u8]) -> napi::Result<Object<'e>> {
        promise::<_, ExecuteResult>(env, |reply| self.inner.append(head.to_vec(), vec![ipc.to_vec()], reply))
    }

    /// Begins an append.
    #[napi(catch_unwind)]
    pub fn upload(&self) -> NativeUpload {
        NativeUpload::new(self.inner.clone())
    }

    #[napi(catch_unwind, ts_return_type = "Promise<SubscribeResult>")]
    pub fn subscribe<'e>(&self, env: &'e Env, command: &[u8]) -> napi::Result<Object<'e>> {
        promise::<_, SubscribeResult>(env, |reply| self.inner.subscribe(command.to_vec(), reply))
    }

    /// Joins a consumer group.
    #[napi(catch_unwind, ts_return_type = "Promise<ConsumerResult>")]
    pub fn consumer<'e>(&self, env: &'e Env, command: &[u8]) -> napi::Result<Object<'e>> {
        promise::<_, ConsumerResult>(env, |reply| self.inner.consumer(command.to_vec(), reply))
    }

    /// Counters as JSON.
    #[napi(catch_unwind, ts_return_type = "Promise<string>")]
    pub fn stats<'e>(&self, env: &'e Env) -> napi::Result<Object<'e>> {
        promise::<_, StatsText>(env, |reply| self.inner.stats(reply))
    }

    /// Begins the freshness measurement anew.
    #[napi(catch_unwind)]
    pub fn reset_freshness(&self) {
        self.inner.reset_freshness();
    }

    /// Drains, ends all threads, closes the files. Can be called again.
    #[napi(catch_unwind, ts_return_type = "Promise<CloseResult>")]
    pub fn close<'e>(&self, env: &'e Env) -> napi::Result<Object<'e>> {
        let runtime = self.inner.clone();
        promise::<_, CloseResult>(env, |reply| runtime.close_async(reply))
    }
}

/// JSON text; an error is JSON too, as stats never fail.
struct StatsText(String);

impl From<Result<String>> for StatsText {
    fn from(result: Result<String>) -> Self {
        Self(result.unwrap_or_else(|e| format!("{{\"error\":{:?}}}", e.message)))
    }
}

impl napi::bindgen_prelude::ToNapiValue for StatsText {
    unsafe fn to_napi_value(env: napi::sys::napi_env, value: Self) -> napi::Result<napi::sys::napi_value> {
        // SAFETY: forwards the caller's own guarantee that `env` is live on this thread.
        unsafe { String::to_napi_value(env, value.0) }
    }
}
