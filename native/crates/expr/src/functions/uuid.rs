//! UUIDs: their text, and random ones.

use std::sync::Arc;

use arrow_array::FixedSizeBinaryArray;
use arrow_array::cast::AsArray;
use arrow_buffer::Buffer;
use millrace_base::{Result, Rng, SystemRng};
use millrace_kernels::{Uuid, parse_uuid, write_uuid};
use millrace_plan::{DataType, UUID_BYTES, Volatility};

use crate::fault;
use crate::node::Call;
use crate::registry::{Entry, entry, gives};
use crate::value::{Present, Value, build_text, finish, shape, strict_nulls};

pub(crate) fn table() -> Vec<Entry> {
    let random = entry("gen_random_uuid", &[], gives(DataType::Uuid), random);
    vec![random.infallible().volatility(Volatility::Volatile)]
}

/// Version 4. One a row.
fn random(_: &[Value], call: &Call) -> Result<Value> {
    let mut bytes = Vec::with_capacity(call.rows * UUID_BYTES as usize);
    for _ in 0..call.rows {
        let mut uuid: Uuid = (u128::from(SystemRng.next_u64()) << 64 | u128::from(SystemRng.next_u64())).to_be_bytes();
        uuid[6] = uuid[6] & 0x0f | 0x40;
        uuid[8] = uuid[8] & 0x3f | 0x80;
        bytes.extend(uuid);
    }
    Ok(Value::array(Arc::new(FixedSizeBinaryArray::new(UUID_BYTES, Buffer::from_vec(bytes), None))))
}

pub(crate) fn uuid_from_text(value: &Value) -> Result<Value> {
    let args = std::slice::from_ref(value);
    let texts = value.texts()?;
    let (rows, scalar) = shape(args);
    let nulls = strict_nulls(args, rows);
    let mut bytes = Vec::with_capacity(rows * UUID_BYTES as usize);
    for row in 0..rows {
        let uuid = if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            Uuid::default()
        } else {
            parse_uuid(texts.at(row)).ok_or_else(|| fault::invalid_text(DataType::Uuid, texts.at(row)))?
        };
        bytes.extend(uuid);
    }
    Ok(finish(Arc::new(FixedSizeBinaryArray::new(UUID_BYTES, Buffer::from_vec(bytes), nulls)), scalar))
}

pub(crate) fn uuid_to_text(value: &Value) -> Result<Value> {
    let uuids = value.inner().as_fixed_size_binary();
    let step = usize::from(!value.is_scalar());
    build_text(std::slice::from_ref(value), |row, out| {
        write_uuid(uuids.value(row * step), out);
        Ok(Present::Yes)
    })
}
