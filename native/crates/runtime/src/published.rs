//! What readers see: the epoch that all views have reached together, and each view at it. The flow thread replaces the
//! whole at once; a reader keeps the one that it began with.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use millrace_base::{Code, Epoch, Error, RelationId, Result};
use millrace_flow::ViewSnapshot;
use parking_lot::{Condvar, Mutex};

/// A view at the frontier, or why it stands still.
#[derive(Clone)]
pub enum ViewState {
    Ready(ViewSnapshot),
    Failed(Error),
}

#[derive(Clone, Default)]
pub struct Views {
    pub frontier: Epoch,
    pub views: HashMap<RelationId, ViewState>,
}

#[derive(Default)]
pub struct Published {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    views: Arc<Views>,
    /// The flow has ended, and with what.
    ended: Option<Error>,
}

impl Published {
    pub fn now(&self) -> Arc<Views> {
        self.state.lock().views.clone()
    }

    pub fn publish(&self, views: Views) {
        let mut state = self.state.lock();
        assert!(views.frontier >= state.views.frontier);
        let before = std::mem::replace(&mut state.views, Arc::new(views));
        self.changed.notify_all();
        drop(state);
        // Outside the lock: this may free what the views no longer hold.
        drop(before);
    }

    /// No epoch after this will be published.
    pub fn end(&self, error: Error) {
        let mut state = self.state.lock();
        state.ended.get_or_insert(error);
        self.changed.notify_all();
    }

    /// Makes those who wait look at their cancel flags.
    pub fn wake(&self) {
        let _state = self.state.lock();
        self.changed.notify_all();
    }

    /// Waits until the views have reached `epoch`.
    pub fn wait(&self, epoch: Epoch, cancel: &AtomicBool) -> Result<Arc<Views>> {
        let mut state = self.state.lock();
        loop {
            if cancel.load(Ordering::Relaxed) {
                return Err(canceled());
            }
            if state.views.frontier >= epoch {
                return Ok(state.views.clone());
            }
            if let Some(error) = &state.ended {
                return Err(error.clone());
            }
            self.changed.wait(&mut state);
        }
    }
}

pub fn canceled() -> Error {
    Error::new(Code::QueryCanceled, "canceling statement due to user request")
}

impl Views {
    /// The view's rows at the frontier; a failed view says why.
    pub fn view(&self, id: RelationId, name: &str) -> Result<&ViewSnapshot> {
        match self.views.get(&id) {
            Some(ViewState::Ready(snapshot)) => Ok(snapshot),
            Some(ViewState::Failed(error)) => Err(failed_view(name, error)),
            None => Err(Error::new(Code::UndefinedTable, format!("relation \"{name}\" does not exist"))),
        }
    }
}

/// The error of a read of a view that stopped.
pub fn failed_view(name: &str, error: &Error) -> Error {
    Error {
        detail: Some(format!("The view stopped when it met: {}.", error.message)),
        hint: Some("Drop the view and create it again with a query that cannot fail on its rows.".into()),
        ..Error::new(error.code, format!("materialized view \"{name}\" has failed: {}", error.message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_waits_for_its_epoch_or_its_cancel() {
        let published = Arc::new(Published::default());
        let cancel = Arc::new(AtomicBool::new(false));
        let wait = |epoch| {
            let (published, cancel) = (published.clone(), cancel.clone());
            std::thread::spawn(move || published.wait(Epoch(epoch), &cancel).map(|v| v.frontier))
        };
        let reader = wait(2);
        published.publish(Views { frontier: Epoch(1), ..Views::default() });
        published.publish(Views { frontier: Epoch(3), ..Views::default() });
        assert_eq!(reader.join().unwrap().unwrap(), Epoch(3));
        let reader = wait(9);
        cancel.store(true, Ordering::Relaxed);
        published.wake();
        assert_eq!(reader.join().unwrap().unwrap_err().code, Code::QueryCanceled);
    }
}
