//! A client's look-ups by key, answered from the bytes that it sends.

use std::sync::Arc;

use millrace_runtime::{Known, LookUp, Shortcut as Runtime};
use napi::bindgen_prelude::BufferSlice;
use napi_derive::napi;

/// A statement that looks a row up by its key.
#[napi]
pub struct NativeLookUp {
    inner: Arc<LookUp>,
}

impl NativeLookUp {
    pub fn new(inner: LookUp) -> Self {
        Self { inner: Arc::new(inner) }
    }
}

#[napi]
pub struct NativeShortcut {
    inner: Runtime,
}

impl NativeShortcut {
    pub fn new(inner: Runtime) -> Self {
        Self { inner }
    }
}

#[napi]
impl NativeShortcut {
    /// The simple protocol's text, its numbers exchanged for parameters. `description` is a RowDescription with all columns as text,
    /// `oids` are the types of the values.
    #[napi(catch_unwind)]
    pub fn learn_query(&mut self, text: String, look_up: &NativeLookUp, description: &[u8], oids: Vec<u32>) {
        if let Some(known) = Known::new(look_up.inner.clone(), description.to_vec(), oids, 0) {
            self.inner.learn_query(&text, known);
        }
    }

    /// A statement of the extended protocol: by its name, and by its text and the types that it was parsed with if it has no name.
    /// `number` is what `take_unnamed` gives.
    #[napi(catch_unwind)]
    #[allow(clippy::too_many_arguments)]
    pub fn learn_statement(
        &mut self,
        name: String,
        text: String,
        declared: Vec<u32>,
        look_up: &NativeLookUp,
        description: &[u8],
        oids: Vec<u32>,
        number: u32,
    ) {
        let known = || Known::new(look_up.inner.clone(), description.to_vec(), oids.clone(), number);
        if name.is_empty()
            && let Some(known) = known()
        {
            self.inner.learn_parse(&text, &declared, known);
        }
        if let Some(known) = known() {
            self.inner.learn_name(&name, known);
        }
    }

    #[napi(catch_unwind)]
    pub fn forget(&mut self, name: String) {
        self.inner.forget(&name);
    }

    #[napi(catch_unwind)]
    pub fn forget_all(&mut self) {
        self.inner.forget_all();
    }

    /// The number of the unnamed statement, if it was made here since this was asked.
    #[napi(catch_unwind)]
    pub fn take_unnamed(&mut self) -> Option<u32> {
        self.inner.take_unnamed()
    }

    /// Writes the answer to all that `asked` holds into `answer`, from `at` on, and gives its length; 0 where a part of it has to be
    /// answered elsewhere, or there is no room.
    #[napi(catch_unwind)]
    pub fn answer(&mut self, asked: BufferSlice, mut answer: BufferSlice, at: u32) -> u32 {
        let Some(bytes) = self.inner.answer(&asked) else { return 0 };
        let at = at as usize;
        let Some(room) = answer.get_mut(at..at + bytes.len()) else { return 0 };
        room.copy_from_slice(bytes);
        bytes.len() as u32
    }
}
