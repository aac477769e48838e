//! Writes: a statement's effect is committed at once or joins its transaction. They run one after another on one
//! thread, so what a statement has checked still holds when it commits.

use std::sync::Arc;

use millrace_base::{Epoch, Result};
use millrace_log::Commit;
use millrace_plan::{Append, Command, validate_command, validate_conflict};

use crate::catalog::Catalog;
use crate::effect::Effect;
use crate::engine::Executed;
use crate::ipc;
use crate::reply::{Reply, caught};
use crate::shared::Shared;
use crate::statement::{Statement, concat, types, writable};
use crate::transaction::Transaction;

/// Runs a statement that changes rows, or ends a transaction; the reply is sent when it is durable.
pub fn execute(shared: &Arc<Shared>, command: Command, reply: Reply<Executed>) {
    match command {
        Command::Commit { transaction, .. } => return commit_transaction(shared, transaction, reply),
        Command::Rollback { transaction, .. } => {
            return reply.answer(|| {
                shared.transactions.take(transaction)?;
                Ok(Executed::new(0, shared.log.durable_epoch()))
            });
        }
        Command::Savepoint { transaction, .. } => {
            return reply.answer(|| within(shared, transaction, |t| t.savepoint()));
        }
        Command::RollbackTo { transaction, savepoint, .. } => {
            return reply.answer(|| within(shared, transaction, |t| t.rollback_to(shared, savepoint)));
        }
        Command::Release { transaction, savepoint, .. } => {
            return reply.answer(|| within(shared, transaction, |t| t.release(savepoint)));
        }
        _ => {}
    }
    run(shared, command.transaction(), reply, |statement| {
        validate_command(&command, &**statement.catalog)?;
        match &command {
            Command::ConsumerCommit { group, stream, member, offsets, .. } => {
                shared.groups.commit(&shared.log, group, *stream, *member, offsets)
            }
            Command::ConsumerSeek { group, stream, seek, .. } => {
                shared.groups.seek(shared, statement.catalog, group, *stream, seek)
            }
            Command::ConsumerDrop { group, stream, if_exists, .. } => {
                shared.groups.forget(&shared.log, statement.catalog, group, *stream, *if_exists)
            }
            _ => statement.effect(&command),
        }
    });
}

/// What changes nothing but the transaction itself.
fn within(shared: &Shared, transaction: u64, change: impl FnOnce(&mut Transaction) -> Result<()>) -> Result<Executed> {
    shared.check_alive()?;
    change(&mut shared.transactions.get(transaction)?.lock())?;
    Ok(Executed::new(0, shared.log.durable_epoch()))
}

/// Appends rows that came as an Arrow IPC stream.
pub fn append(shared: &Arc<Shared>, head: &Append, ipc: Vec<Vec<u8>>, reply: Reply<Executed>) {
    run(shared, head.transaction, reply, |statement| {
        let target = writable(statement.catalog, head.relation)?;
        let columns = target.stored_columns().expect("writable relations have columns");
        let schema = target.schema().expect("writable relations have columns");
        validate_conflict(&head.on_conflict, &types(target), &**statement.catalog)?;
        let batches = ipc::decode(ipc, columns, &schema)?;
        statement.insert(target, concat(&schema, &batches)?, &head.on_conflict)
    });
}

/// Plans a statement's effect and puts it where it belongs.
fn run(
    shared: &Arc<Shared>,
    transaction: Option<u64>,
    reply: Reply<Executed>,
    plan: impl FnOnce(&Statement<'_>) -> Result<Effect>,
) {
    let _gate = shared.gate.read();
    let catalog = shared.catalog();
    let planned = shared.check_writable().and_then(|()| {
        caught(|| match transaction {
            None => {
                let statement = Statement { shared, catalog: &catalog, transaction: None };
                let effect = plan(&statement)?;
                statement.check(&effect)?;
                Ok(effect)
            }
            Some(number) => {
                let slot = shared.transactions.get(number)?;
                let mut transaction = slot.lock();
                let statement = Statement { shared, catalog: &catalog, transaction: Some(&transaction) };
                let mut effect = plan(&statement)?;
                statement.check(&effect)?;
                let (rows, returned) = (effect.rows, effect.returned.take());
                effect.shown = None;
                transaction.absorb(shared, effect)?;
                Ok(Effect { rows, returned, ..Effect::default() })
            }
        })
    });
    match planned {
        Err(error) => reply.send(Err(error)),
        Ok(mut effect) => {
            let told = Told { rows: effect.rows, returned: effect.returned.take() };
            let claims = std::mem::take(&mut effect.claims);
            match effect.into_commit(shared, &catalog) {
                Ok(commit) => send(shared, &catalog, commit, told, reply, |_| shared.groups.check(&claims)),
                Err(error) => reply.send(Err(error)),
            }
        }
    }
}

fn commit_transaction(shared: &Arc<Shared>, number: u64, reply: Reply<Executed>) {
    let _gate = shared.gate.read();
    let catalog = shared.catalog();
    let commit = shared.check_alive().and_then(|()| {
        let slot = shared.transactions.take(number)?;
        let commit = slot.lock().commit(shared, &catalog)?;
        Ok((slot, commit))
    });
    match commit {
        Err(error) => reply.send(Err(error)),
        Ok((transaction, commit)) => {
            let rows = commit.rows.iter().map(|part| part.batch.num_rows() as u64).sum();
            send(shared, &catalog, commit, Told { rows, returned: None }, reply, |log| {
                transaction.lock().check(shared, log)
            });
        }
    }
}

/// What the answer says beside the epoch.
struct Told {
    rows: u64,
    returned: Option<Vec<u8>>,
}

/// Commits, and answers when that is durable; nothing to commit is answered at once.
fn send(
    shared: &Arc<Shared>,
    catalog: &Catalog,
    commit: Commit,
    told: Told,
    reply: Reply<Executed>,
    check: impl FnOnce(&millrace_log::Log) -> Result<()>,
) {
    let Told { rows, returned } = told;
    let empty = commit.rows.is_empty() && commit.truncated.is_empty() && commit.groups.is_empty();
    if empty {
        return reply.send(Ok(Executed { rows, epoch: shared.log.durable_epoch(), returned }));
    }
    let deltas = match shared.uniques.deltas(catalog, &commit.rows) {
        Ok(deltas) => deltas,
        Err(error) => return reply.send(Err(error)),
    };
    // The reply waits in `done`; if the commit is refused, it comes back through the slot.
    let slot = Arc::new(parking_lot::Mutex::new(Some(reply)));
    let done = {
        let (slot, outstanding) = (slot.clone(), shared.outstanding.clone());
        Box::new(move |outcome: Result<Epoch>| {
            if let Some(reply) = slot.lock().take() {
                reply.send(outcome.map(|epoch| Executed { rows, epoch, returned }));
            }
            outstanding.end();
        })
    };
    shared.outstanding.begin();
    let checked = |log: &millrace_log::Log| {
        check(log)?;
        shared.uniques.check_commit(log, catalog, &deltas)
    };
    match shared.log.commit_checked(commit, checked, done) {
        Ok(_) => shared.uniques.apply(deltas),
        Err(error) => {
            shared.outstanding.end();
            if let Some(reply) = slot.lock().take() {
                reply.send(Err(error));
            }
        }
    }
}
