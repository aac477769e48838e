//! CHECKPOINT and BACKUP: long work on the log, beside which writes and reads go on.

use std::path::Path;

use millrace_base::{Code, Error, Result};
use millrace_plan::{Command, validate_command};

use crate::engine::Executed;
use crate::shared::Shared;

pub fn run(shared: &Shared, command: Command) -> Result<Executed> {
    shared.check_alive()?;
    validate_command(&command, &*shared.catalog())?;
    match command {
        Command::Checkpoint { .. } => {
            shared.log.checkpoint()?;
            Ok(Executed::new(0, shared.log.durable_epoch()))
        }
        Command::Backup { path, .. } => Ok(Executed::new(0, shared.log.backup(Path::new(&path))?)),
        _ => Err(Error::new(Code::ProtocolViolation, "the command is neither a checkpoint nor a backup")),
    }
}
