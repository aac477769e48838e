//! Members of consumer groups.

use std::sync::Arc;

use millrace_base::{Code, Error, RelationId, Result};
use millrace_log::Log;
use millrace_plan::{PartitionOffset, Seek};

use crate::catalog::Catalog;
use crate::effect::Effect;
use crate::shared::Shared;

#[derive(Default)]
pub struct Groups;

impl Groups {
    pub fn commit(&self, _: &Log, _: &str, _: RelationId, _: u64, _: &[PartitionOffset]) -> Result<Effect> {
        Err(Error::new(Code::FeatureNotSupported, "consumer groups"))
    }
    pub fn seek(&self, _: &Arc<Shared>, _: &Catalog, _: &str, _: RelationId, _: &Seek) -> Result<Effect> {
        Err(Error::new(Code::FeatureNotSupported, "consumer groups"))
    }
}
