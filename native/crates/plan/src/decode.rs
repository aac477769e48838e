//! MessagePack in and out. Whatever does not decode is SQLSTATE 08P01, never a panic; nesting is bounded by the
//! decoder's depth limit before `validate` counts it.

use millrace_base::{Code, Error, Result, limits::PLAN_DEPTH_MAX};
use serde::{Serialize, de::DeserializeOwned};

use crate::{Command, Definition};

pub fn decode_command(bytes: &[u8]) -> Result<Command> {
    decode(bytes, "plan")
}

pub fn decode_definition(bytes: &[u8]) -> Result<Definition> {
    decode(bytes, "catalog definition")
}

/// MessagePack with field names, as TypeScript reads and writes it.
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    rmp_serde::to_vec_named(value).map_err(|e| Error::internal(format!("could not encode: {e}")))
}

fn decode<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T> {
    let mut decoder = rmp_serde::Deserializer::from_read_ref(bytes);
    // A plan level is a map, and sometimes a list of maps.
    decoder.set_max_depth(PLAN_DEPTH_MAX * 2);
    serde::Deserialize::deserialize(&mut decoder)
        .map_err(|e| Error::new(Code::ProtocolViolation, format!("the {what} is not valid: {e}")))
}
