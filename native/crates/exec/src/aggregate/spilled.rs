//! Groups of which rows were put apart as memory was short: one part at a time a thread, whose rows come from their file
//! and join the groups that were folded before. A part whose groups are still too many is put apart again.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use millrace_base::Result;

use super::Grouping;
use super::groups::Groups;
use super::merge::Listed;
use crate::apart::PARTS;
use crate::control::Control;
use crate::need::Need;
use crate::pipeline::{Emit, Source, Task};
use crate::spill::LazyFile;

/// What was folded and put apart at one level.
struct Level<'a> {
    threads: Vec<(Groups<'a>, Listed)>,
    level: u32,
}

impl<'a> Level<'a> {
    fn of(control: &Control<'_>, threads: Vec<Groups<'a>>, level: u32) -> Result<Self> {
        let mut listed = Vec::with_capacity(threads.len());
        for mut thread in threads {
            control.check()?;
            // Whoever works on a part needs the room.
            if let Some(apart) = &mut thread.apart {
                apart.flush(control)?;
            }
            let parts = Listed::of(control, &thread.states, level)?;
            listed.push((thread, parts));
        }
        Ok(Self { threads: listed, level })
    }
}

pub(crate) struct Spilled<'a> {
    control: Arc<Control<'a>>,
    grouping: Arc<Grouping>,
    all: Level<'a>,
    need: Need,
    next: AtomicUsize,
}

impl<'a> Spilled<'a> {
    pub fn new(
        control: &Arc<Control<'a>>,
        grouping: &Arc<Grouping>,
        threads: Vec<Groups<'a>>,
        need: Need,
    ) -> Result<Self> {
        let all = Level::of(control, threads, 0)?;
        let (control, grouping) = (control.clone(), grouping.clone());
        Ok(Self { control, grouping, all, need, next: AtomicUsize::new(0) })
    }

    fn part(&self, from: &Level<'a>, part: usize, emit: &mut Emit<'_>) -> Result<ControlFlow<()>> {
        let control = &self.control;
        let file = Arc::new(LazyFile::new(control.memory));
        let mut groups = Groups::new(&self.grouping, control, &file, from.level + 1)?;
        for (thread, listed) in &from.threads {
            let pairs = (listed.pairs.as_slice(), listed.pair_rows[part].as_slice());
            groups.states.absorb(control, &thread.states, &listed.ids[part], pairs)?;
        }
        for (thread, _) in &from.threads {
            let Some(apart) = &thread.apart else { continue };
            let _ = apart.part(part).each(control, thread.file(), &mut |batch| {
                groups.push_again(batch)?;
                Ok(ControlFlow::Continue(()))
            })?;
        }
        if groups.apart.is_some() {
            let level = Level::of(control, vec![groups], from.level + 1)?;
            for part in 0..PARTS {
                control.check()?;
                if self.part(&level, part, emit)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            return Ok(ControlFlow::Continue(()));
        }
        groups.states.into_part(control, false)?.each(&self.need, emit)
    }
}

impl Source for Spilled<'_> {
    fn next(&self) -> Result<Option<Task<'_>>> {
        let part = self.next.fetch_add(1, Ordering::Relaxed);
        if part >= PARTS {
            return Ok(None);
        }
        Ok(Some(Task { number: part as u64, run: Box::new(move |emit| self.part(&self.all, part, emit)) }))
    }

    fn width(&self) -> usize {
        PARTS
    }
}
