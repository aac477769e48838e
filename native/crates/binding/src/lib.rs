//! What JavaScript calls: converts, hands to the runtime, converts back. Errors cross as data (`NativeError`) and are
//! thrown once, in TypeScript. Start at `engine.rs`.
//! Never here: decisions. A function of this crate is a dozen lines.

mod allocator;
mod consumer;
mod convert;
mod engine;
mod promise;
mod shortcut;
mod subscription;
mod upload;
