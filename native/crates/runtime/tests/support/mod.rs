//! Plans as the planner would make them, and an engine that is waited for.
#![allow(dead_code, reason = "each test file is a crate of its own and uses a part of this")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arrow::util::display::{ArrayFormatter, FormatOptions};
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch};
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use millrace_base::{RelationId, Result};
use millrace_plan::*;
use millrace_runtime::{Engine, EngineOptions, Executed, Reply, Subscription};

const PATIENCE: Duration = Duration::from_secs(30);

pub fn wait<T: Send + 'static>(start: impl FnOnce(Reply<T>)) -> Result<T> {
    let (reply, answer) = Reply::channel();
    start(reply);
    answer.recv_timeout(PATIENCE).expect("an answer in time")
}

pub fn memory() -> Engine {
    Engine::open(None, &EngineOptions::default()).expect("a database in memory")
}

pub fn folder(path: &Path) -> Engine {
    Engine::open(Some(path), &EngineOptions::default()).expect("a database in a folder")
}

pub fn execute(engine: &Engine, command: &Command) -> Result<Executed> {
    wait(|reply| engine.execute(encode(command).unwrap(), reply))
}

pub fn ddl(engine: &Engine, changes: Vec<CatalogChange>) -> Result<Executed> {
    execute(engine, &Command::Ddl { version: PLAN_VERSION, changes })
}

pub fn query_command(root: Rel, columns: usize) -> Command {
    let names = (0..columns).map(|c| format!("c{c}")).collect();
    Command::Query { version: PLAN_VERSION, root, names, transaction: None }
}

/// The rows as text, sorted.
pub fn query(engine: &Engine, root: Rel, columns: usize) -> Result<Vec<String>> {
    let command = encode(&query_command(root, columns)).unwrap();
    let ipc = wait(|reply| engine.query(command, 0, reply))?;
    let mut rows: Vec<String> = decode(&ipc).iter().flat_map(texts).collect();
    rows.sort();
    Ok(rows)
}

pub fn decode(ipc: &[u8]) -> Vec<RecordBatch> {
    StreamReader::try_new(ipc, None).unwrap().map(|batch| batch.unwrap()).collect()
}

pub fn texts(batch: &RecordBatch) -> Vec<String> {
    let options = FormatOptions::default().with_null("null");
    let columns: Vec<ArrayFormatter<'_>> =
        batch.columns().iter().map(|c| ArrayFormatter::try_new(c.as_ref(), &options).unwrap()).collect();
    let row = |row: usize| columns.iter().map(|c| c.value(row).to_string()).collect::<Vec<_>>().join(" ");
    (0..batch.num_rows()).map(row).collect()
}

/// Waits for the next changes: `weight row`, in the order of delivery.
pub fn next(subscription: &Arc<Subscription>) -> Result<Option<Vec<String>>> {
    let delivery = wait(|reply| subscription.next(reply))?;
    Ok(delivery.map(|delivery| {
        let batches = decode(&delivery.ipc);
        let rows = batches.iter().flat_map(|batch| {
            let weights = batch.columns().last().unwrap().as_any().downcast_ref::<Int64Array>().unwrap().clone();
            let rows = batch.project(&(0..batch.num_columns() - 1).collect::<Vec<_>>()).unwrap();
            let signed = move |(row, text): (usize, String)| format!("{:+} {text}", weights.value(row));
            texts(&rows).into_iter().enumerate().map(signed).collect::<Vec<_>>()
        });
        rows.collect()
    }))
}

pub fn column(name: &str, data_type: DataType) -> ColumnDef {
    ColumnDef { name: name.into(), data_type, nullable: true, default: None }
}

fn definition(engine: &Engine, name: &str, object: DefinitionKind, depends_on: Vec<RelationId>) -> Definition {
    Definition {
        id: engine.next_relation_id(),
        name: name.into(),
        schema: millrace_plan::PUBLIC.into(),
        sql: format!("-- {name}"),
        object,
        depends_on,
    }
}

pub fn create(engine: &Engine, name: &str, object: DefinitionKind, depends_on: Vec<RelationId>) -> Result<RelationId> {
    let definition = definition(engine, name, object, depends_on);
    let id = definition.id;
    ddl(engine, vec![CatalogChange::Create { definition }]).map(|_| id)
}

/// Two bigint columns, a and b.
pub fn stream(engine: &Engine, name: &str) -> RelationId {
    let columns = vec![column("a", DataType::Bigint), column("b", DataType::Bigint)];
    let object = DefinitionKind::Stream { columns, watermark: None, options: Default::default() };
    create(engine, name, object, vec![]).expect("a stream")
}

/// Two bigint columns, a (the key, not null) and b.
pub fn table(engine: &Engine, name: &str) -> RelationId {
    let key = ColumnDef { nullable: false, ..column("a", DataType::Bigint) };
    let columns = vec![key, column("b", DataType::Bigint)];
    let object = DefinitionKind::Table { columns, primary_key: vec![0], options: Default::default() };
    create(engine, name, object, vec![]).expect("a table")
}

pub fn view(engine: &Engine, name: &str, query: Rel, types: &[DataType], reads: &[RelationId]) -> Result<RelationId> {
    let field =
        |(at, data_type): (usize, &DataType)| Field { name: format!("c{at}"), data_type: *data_type, nullable: true };
    let columns = types.iter().enumerate().map(field).collect();
    create(engine, name, DefinitionKind::MaterializedView { columns, query }, reads.to_vec())
}

pub fn drop_object(engine: &Engine, id: RelationId) -> Result<Executed> {
    ddl(engine, vec![CatalogChange::Drop { id }])
}

pub fn scan(relation: RelationId) -> Rel {
    Rel::Scan { relation, columns: vec![0, 1], as_of: None }
}

pub fn col(index: u32) -> Expr {
    Expr::Column { index }
}

pub fn bigint(value: i64) -> Expr {
    Expr::Literal { literal: Literal::Bigint { value } }
}

pub fn null() -> Expr {
    Expr::Literal { literal: Literal::Null { data_type: DataType::Bigint } }
}

pub fn binary(operator: BinaryOp, left: Expr, right: Expr, data_type: DataType) -> Expr {
    Expr::Binary { operator, left: Box::new(left), right: Box::new(right), data_type }
}

pub fn equal(left: Expr, right: Expr) -> Expr {
    binary(BinaryOp::Equal, left, right, DataType::Boolean)
}

/// SELECT a, count(*), sum(b) FROM relation GROUP BY a.
pub fn sums(relation: RelationId) -> Rel {
    let call = |function, arg, data_type| AggregateCall {
        function,
        arg,
        distinct: false,
        filter: None,
        data_type,
        order: Vec::new(),
    };
    Rel::Aggregate {
        input: Box::new(scan(relation)),
        group: vec![col(0)],
        aggregates: vec![
            call(AggregateFunction::CountStar, None, DataType::Bigint),
            call(AggregateFunction::Sum, Some(col(1)), SUM),
        ],
    }
}

pub const SUM: DataType = DataType::Numeric { precision: 38, scale: 0 };
pub const SUMS: &[DataType] = &[DataType::Bigint, DataType::Bigint, SUM];

/// SELECT a, b, b + d FROM left JOIN right ON a = c.
pub fn joined(left: RelationId, right: RelationId) -> Rel {
    let join = Rel::Join {
        kind: JoinKind::Left,
        left: Box::new(scan(left)),
        right: Box::new(scan(right)),
        keys: vec![JoinKey { left: col(0), right: col(0), nulls_equal: false }],
        residual: None,
    };
    let sum = binary(BinaryOp::Add, col(1), col(3), DataType::Bigint);
    Rel::Project { input: Box::new(join), exprs: vec![col(0), col(1), sum] }
}

pub const JOINED: &[DataType] = &[DataType::Bigint; 3];

pub fn insert_command(relation: RelationId, rows: &[(Option<i64>, i64)], on_conflict: ConflictAction) -> Command {
    let rows = rows.iter().map(|&(a, b)| vec![a.map_or_else(null, bigint), bigint(b)]).collect();
    let source = Rel::Values { types: vec![DataType::Bigint; 2], rows };
    Command::Insert { version: PLAN_VERSION, relation, source, on_conflict, transaction: None }
}

pub fn insert(engine: &Engine, relation: RelationId, rows: &[(i64, i64)]) -> Result<Executed> {
    let rows: Vec<_> = rows.iter().map(|&(a, b)| (Some(a), b)).collect();
    execute(engine, &insert_command(relation, &rows, ConflictAction::Error))
}

/// UPDATE relation SET b = b + by WHERE a = key.
pub fn add(engine: &Engine, relation: RelationId, key: i64, by: i64) -> Result<Executed> {
    let value = binary(BinaryOp::Add, col(1), bigint(by), DataType::Bigint);
    let assignments = vec![Assignment { column: 1, value }];
    let predicate = Some(equal(col(0), bigint(key)));
    execute(engine, &Command::Update { version: PLAN_VERSION, relation, assignments, predicate, transaction: None })
}

pub fn delete(engine: &Engine, relation: RelationId, key: i64) -> Result<Executed> {
    let predicate = Some(equal(col(0), bigint(key)));
    execute(engine, &Command::Delete { version: PLAN_VERSION, relation, predicate, transaction: None })
}

pub fn append(engine: &Engine, relation: RelationId, rows: &[(i64, i64)]) -> Result<Executed> {
    let a: ArrayRef = Arc::new(rows.iter().map(|r| r.0).collect::<Int64Array>());
    let b: ArrayRef = Arc::new(rows.iter().map(|r| r.1).collect::<Int64Array>());
    let batch = RecordBatch::try_from_iter_with_nullable([("a", a, true), ("b", b, true)]).unwrap();
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    let ipc = writer.into_inner().unwrap();
    let head = encode(&Append { relation, on_conflict: ConflictAction::Error, transaction: None }).unwrap();
    wait(|reply| engine.append(head, vec![ipc], reply))
}

pub fn subscribe(engine: &Engine, root: Rel, columns: usize, snapshot: bool) -> Result<Arc<Subscription>> {
    let names = (0..columns).map(|c| format!("c{c}")).collect();
    let command = Command::Subscribe { version: PLAN_VERSION, root, names, snapshot };
    wait(|reply| engine.subscribe(encode(&command).unwrap(), reply))
}

pub fn stats(engine: &Engine) -> serde_json::Value {
    serde_json::from_str(&wait(|reply| engine.stats(reply)).unwrap()).unwrap()
}
