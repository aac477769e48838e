//! A subscription's handle: the consumer pulls, so that a slow one is seen by the engine and its changes coalesce.

use std::sync::Arc;

use millrace_base::Result;
use millrace_runtime::Subscription;
use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;

use crate::convert::{NativeError, NextResult};
use crate::promise::promise;

#[napi]
pub struct NativeSubscription {
    inner: Arc<Subscription>,
}

#[napi]
impl NativeSubscription {
    /// The next changes; waits until there are some. One call at a time.
    #[napi(catch_unwind, ts_return_type = "Promise<NextResult>")]
    pub fn next<'e>(&self, env: &'e Env) -> napi::Result<Object<'e>> {
        promise::<_, NextResult>(env, |reply| self.inner.next(reply))
    }

    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.inner.close();
    }
}

impl Drop for NativeSubscription {
    fn drop(&mut self) {
        self.inner.close();
    }
}

#[napi(object, object_from_js = false)]
pub struct SubscribeResult {
    pub error: Option<NativeError>,
    pub subscription: Option<NativeSubscription>,
}

impl From<Result<Arc<Subscription>>> for SubscribeResult {
    fn from(result: Result<Arc<Subscription>>) -> Self {
        match result {
            Ok(inner) => Self { error: None, subscription: Some(NativeSubscription { inner }) },
            Err(error) => Self { error: Some(error.into()), subscription: None },
        }
    }
}
