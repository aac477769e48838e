//! Keys that were deleted, until nobody can have read what they held: a transaction that began before a deletion must
//! see that it came.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use millrace_base::Epoch;

#[derive(Default)]
pub struct Graves {
    newest: HashMap<Arc<[u8]>, Epoch, ahash::RandomState>,
    in_order: VecDeque<(Epoch, Arc<[u8]>)>,
}

impl Graves {
    pub fn add(&mut self, key: &[u8], epoch: Epoch) {
        let key: Arc<[u8]> = key.into();
        self.in_order.push_back((epoch, key.clone()));
        self.newest.insert(key, epoch);
    }

    /// Puts those of a predecessor up to an epoch before these.
    pub fn inherit(&mut self, before: &Self, upto: Epoch) {
        let after = std::mem::take(self);
        let older = before.in_order.iter().take_while(|(epoch, _)| *epoch <= upto);
        for (epoch, key) in older.chain(&after.in_order) {
            self.in_order.push_back((*epoch, key.clone()));
            self.newest.insert(key.clone(), *epoch);
        }
    }

    pub fn died_after(&self, key: &[u8], since: Epoch) -> bool {
        let died = self.newest.get(key).is_some_and(|&died| died > since);
        died && !millrace_base::planted("deletion-no-conflict")
    }

    /// Nobody asks any more what died up to the horizon.
    pub fn expire(&mut self, horizon: Epoch) {
        while let Some((epoch, key)) = self.in_order.pop_front_if(|(epoch, _)| *epoch <= horizon) {
            if self.newest.get(&key) == Some(&epoch) {
                self.newest.remove(&key);
            }
        }
        if self.newest.is_empty() {
            *self = Self::default();
        }
    }

    pub fn bytes(&self) -> usize {
        self.in_order.iter().map(|(_, key)| key.len() + 64).sum()
    }
}
