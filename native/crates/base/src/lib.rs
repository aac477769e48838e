//! What every crate stands on: error codes, ids, limits, and the traits through which alone the engine
//! reaches time, chance and files. Start at `error.rs`.
//! Never here: anything that knows of SQL, Arrow or Kafka.

mod clock;
mod error;
mod ids;
pub mod limits;
pub mod plant;
mod rng;
mod storage;

pub use clock::{Clock, SystemClock, VirtualClock};
pub use error::{Code, Error, Result};
pub use ids::{Epoch, RelationId};
pub use plant::planted;
pub use rng::{Rng, SystemRng};
pub use storage::{File, FileKind, RealStorage, Storage};
