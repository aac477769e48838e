//! CHECKPOINT, BACKUP and a clock that is told to go on: work on the log that takes its time, beside which writes and reads
//! go on.

use std::path::Path;

use millrace_base::{Code, Error, Result};
use millrace_log::Commit;
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
        Command::AdvanceClock { by_us, .. } => {
            shared.log.check_writable()?;
            shared.clock.advance(by_us).ok_or_else(|| {
                Error::new(Code::ObjectNotInPrerequisiteState, "the database goes by the system's clock")
                    .with_hint("Open it with a clock of its own to advance that.")
            })?;
            // Views follow, as they do any commit: who reads one waits for it.
            Ok(Executed::new(0, shared.log.commit(Commit::default())?.wait()?))
        }
        _ => Err(Error::new(Code::ProtocolViolation, "the command is for another thread")),
    }
}
