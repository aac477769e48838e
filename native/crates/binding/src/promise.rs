//! A promise that a thread of the runtime settles. Not napi's async work: that would hold one of libuv's few threads
//! for as long as a query runs.

use millrace_base::Result;
use millrace_runtime::Reply;
use napi::Env;
use napi::bindgen_prelude::{Object, ToNapiValue};

/// Starts work with the reply that settles the promise. The promise never rejects: errors are data.
pub fn promise<'e, T, D>(env: &'e Env, start: impl FnOnce(Reply<T>)) -> napi::Result<Object<'e>>
where
    T: Send + 'static,
    D: ToNapiValue + From<Result<T>> + 'static,
{
    let (deferred, promise) = env.create_deferred()?;
    start(Reply::new(move |result| deferred.resolve(move |_env| Ok(D::from(result)))));
    Ok(promise)
}
