//! The same plan on one thread over plain batches, and on several over encoded pieces of which some rows are gone.

use arrow_array::StringArray;
use arrow_buffer::BooleanBuffer;
use millrace_base::{Code, Error};
use millrace_kernels::encodings::{EncodedColumn, encode};
use millrace_plan::{
    AggregateCall, AggregateFunction as F, BinaryOp, JoinKey, JoinKind, KeyOrder, Rel, RowField, RowFields,
};

use super::*;
use crate::{Morsel, RowIterator, Rows, ScanRequest};

/// Columns 0 and 1 are bigints, 2 is a text.
const TYPES: [DataType; 3] = [DataType::Bigint, DataType::Bigint, DataType::Text];

struct Piece {
    columns: Vec<ArrayRef>,
    alive: Option<BooleanBuffer>,
    encoded: bool,
}

impl Piece {
    fn rows(&self) -> RecordBatch {
        let batch = batch_of(&anonymous_schema(&TYPES), self.columns.clone(), self.columns[0].len()).unwrap();
        match &self.alive {
            None => batch,
            Some(alive) => {
                let keep = arrow_array::BooleanArray::new(alive.clone(), None);
                arrow_select::filter::filter_record_batch(&batch, &keep).unwrap()
            }
        }
    }
}

struct View<'a> {
    piece: &'a Piece,
    columns: Vec<usize>,
}

impl Morsel for View<'_> {
    fn rows(&self) -> usize {
        self.piece.columns[0].len()
    }

    fn alive(&self) -> Option<&BooleanBuffer> {
        self.piece.alive.as_ref()
    }

    fn nulls(&self, column: usize) -> Option<usize> {
        self.piece.encoded.then(|| self.piece.columns[self.columns[column]].null_count())
    }

    fn extremes(&self, column: usize) -> Option<(ArrayRef, ArrayRef)> {
        let values = self.piece.columns[self.columns[column]].as_primitive_opt::<Int64Type>()?;
        let (least, most) = (arrow::compute::min(values)?, arrow::compute::max(values)?);
        let one = |value| Arc::new(Int64Array::from(vec![value])) as ArrayRef;
        self.piece.encoded.then(|| (one(least), one(most)))
    }

    fn encoded(&self, column: usize) -> Result<Option<EncodedColumn>> {
        let array = &self.piece.columns[self.columns[column]];
        let mut bytes = Vec::new();
        encode(array, &mut bytes).expect("the types are stored ones");
        let encoded = EncodedColumn::new(Arc::new(bytes), array.data_type(), array.len());
        Ok(self.piece.encoded.then_some(encoded))
    }

    fn damaged(&self, why: &str) -> Error {
        Error::new(Code::DataCorrupted, why.to_string())
    }

    fn column(&self, column: usize) -> Result<ArrayRef> {
        Ok(self.piece.columns[self.columns[column]].clone())
    }
}

/// Relation n is table n; `pieces` says how it is read.
pub(super) struct World {
    tables: Vec<Vec<Piece>>,
    pub pieces: bool,
}

impl Snapshot for World {
    fn scan(&self, relation: RelationId, columns: &[u32]) -> Result<RowIterator<'_>> {
        let columns: Vec<usize> = columns.iter().map(|&c| c as usize).collect();
        let pieces = self.tables[relation.0 as usize].iter();
        Ok(Box::new(pieces.map(move |piece| Ok(piece.rows().project(&columns).expect("the plan was validated")))))
    }

    fn read(&self, request: &ScanRequest<'_>) -> Result<Rows<'_>> {
        if !self.pieces {
            return Ok(Rows::Batches(self.scan(request.relation, request.columns)?));
        }
        let columns: Vec<usize> = request.columns.iter().map(|&c| c as usize).collect();
        let pieces = self.tables[request.relation.0 as usize].iter();
        let views = pieces.map(|piece| Box::new(View { piece, columns: columns.clone() }) as Box<dyn Morsel>);
        Ok(Rows::Morsels(views.collect()))
    }

    fn rows(&self, relation: RelationId) -> Option<u64> {
        let rows: usize = self.tables[relation.0 as usize].iter().map(|piece| piece.columns[0].len()).sum();
        self.pieces.then_some(rows as u64)
    }
}

impl Relations for World {
    fn columns(&self, id: RelationId) -> Option<Vec<DataType>> {
        self.tables.get(id.0 as usize).map(|_| TYPES.to_vec())
    }

    fn model_inputs(&self, _: RelationId) -> Option<u32> {
        None
    }
}

fn piece(random: &mut StdRng) -> Piece {
    let rows = random.random_range(1..400usize);
    let nulls = [0.0, 0.2, 1.0][random.random_range(0..3)];
    let range = [3i64, 60, 1 << 40][random.random_range(0..3)];
    let mut some = || (!random.random_bool(nulls)).then(|| random.random_range(-range..=range) % 1_000_003);
    let ints = |values: Vec<Option<i64>>| Arc::new(Int64Array::from(values)) as ArrayRef;
    let (a, b) = (ints((0..rows).map(|_| some()).collect()), ints((0..rows).map(|_| some()).collect()));
    let texts: StringArray = (0..rows).map(|_| some().map(|v| format!("t{}", v % 7))).collect();
    let alive = random.random_bool(0.4).then(|| (0..rows).map(|_| random.random_bool(0.7)).collect());
    Piece { columns: vec![a, b, Arc::new(texts)], alive, encoded: random.random_bool(0.7) }
}

pub(super) fn world(random: &mut StdRng) -> World {
    let tables = (0..3).map(|_| (0..random.random_range(0..7)).map(|_| piece(random)).collect()).collect();
    World { tables, pieces: false }
}

fn text(value: &str) -> Expr {
    Expr::Literal { literal: Literal::Text { value: value.into() } }
}

/// A condition on columns 0 to 2 from `offset` on.
fn condition(random: &mut StdRng, offset: u32) -> Expr {
    let comparisons = [
        BinaryOp::Less,
        BinaryOp::LessEqual,
        BinaryOp::Equal,
        BinaryOp::NotEqual,
        BinaryOp::Greater,
        BinaryOp::GreaterEqual,
    ];
    let operator = comparisons[random.random_range(0..comparisons.len())];
    let column = column(offset + random.random_range(0..2));
    let value = bigint(random.random_range(-5..5));
    match random.random_range(0..8) {
        0 => compare(operator, value, column),
        1 => Expr::IsNull { input: Box::new(column), negated: random.random() },
        2 => {
            Expr::InList { input: Box::new(column), list: vec![value, bigint(2), bigint(0)], negated: random.random() }
        }
        3 => compare(operator, super::column(offset + 2), text("t3")),
        4 => Expr::Like {
            input: Box::new(super::column(offset + 2)),
            pattern: Box::new(text("%-%")),
            negated: random.random(),
            case_insensitive: false,
        },
        5 => compare(operator, super::column(offset), super::column(offset + 1)),
        6 => Expr::Binary {
            operator: if random.random() { BinaryOp::And } else { BinaryOp::Or },
            left: Box::new(condition(random, offset)),
            right: Box::new(condition(random, offset)),
            data_type: DataType::Boolean,
        },
        _ => compare(operator, column, value),
    }
}

/// Three columns of the types of a table.
fn relation(random: &mut StdRng, depth: usize) -> Rel {
    let scanned = Rel::Scan { relation: RelationId(random.random_range(0..3)), columns: vec![0, 1, 2], as_of: None };
    if depth == 0 {
        return scanned;
    }
    match random.random_range(0..6) {
        0 | 1 => {
            let input = Box::new(relation(random, depth - 1));
            Rel::Filter { input, predicate: condition(random, 0) }
        }
        2 => {
            let input = Box::new(relation(random, depth - 1));
            Rel::Project { input, exprs: vec![column(1), column(0), column(2)] }
        }
        3 | 4 => joined(random, depth),
        _ => Rel::UnionAll { inputs: vec![relation(random, depth - 1), relation(random, depth - 1)] },
    }
}

fn joined(random: &mut StdRng, depth: usize) -> Rel {
    let kinds = [JoinKind::Inner, JoinKind::Left, JoinKind::Right, JoinKind::Full, JoinKind::Semi, JoinKind::Anti];
    let kind = kinds[random.random_range(0..6)];
    let mut keys = Vec::new();
    for _ in 0..random.random_range(1..3) {
        let of = [0, 1, 2][random.random_range(0..3)];
        let other = if of == 2 { 2 } else { random.random_range(0..2) };
        keys.push(JoinKey { left: column(of), right: column(other), nulls_equal: random.random_bool(0.3) });
    }
    let residual = random.random_bool(0.3).then(|| compare(BinaryOp::LessEqual, column(1), column(3)));
    let (left, right) = (relation(random, depth - 1), relation(random, depth - 1));
    // Duplicates multiply: one side is kept to one row a key.
    let one = |input: Rel| {
        let call = |function, arg: u32, data_type| AggregateCall {
            function,
            arg: Some(column(arg)),
            distinct: false,
            filter: None,
            order: Vec::new(),
            data_type,
        };
        Rel::Project {
            input: Box::new(Rel::Aggregate {
                input: Box::new(input),
                group: vec![column(0)],
                aggregates: vec![call(F::Max, 1, DataType::Bigint), call(F::Min, 2, DataType::Text)],
            }),
            exprs: vec![column(0), column(1), column(2)],
        }
    };
    let join = Rel::Join { kind, left: Box::new(one(left)), right: Box::new(right), keys, residual };
    if matches!(kind, JoinKind::Semi | JoinKind::Anti) {
        return join;
    }
    let exprs = vec![
        column(random.random_range(0..2)),
        column(3 + random.random_range(0..2)),
        column([2, 5][random.random_range(0..2)]),
    ];
    Rel::Limit { input: Box::new(Rel::Project { input: Box::new(join), exprs }), limit: None, offset: 0 }
}

/// The texts of a group by their numbers, so that ties are of equal texts or go by the texts.
fn collection(random: &mut StdRng) -> AggregateCall {
    let (fields, args) = ([DataType::Text, DataType::Bigint], vec![column(2), column(0)]);
    AggregateCall {
        function: F::Collect,
        arg: Some(row_of(&fields, args)),
        distinct: false,
        filter: random.random_bool(0.2).then(|| condition(random, 0)),
        data_type: DataType::array(DataType::Text),
        order: vec![KeyOrder { descending: random.random(), nulls_first: random.random() }],
    }
}

fn row_of(types: &[DataType], args: Vec<Expr>) -> Expr {
    let field = |(kind, at): (&DataType, u32)| RowField { name: format!("f{at}"), data_type: *kind };
    let fields = RowFields::new(types.iter().zip(1..).map(field).collect());
    Expr::Call { function: "row_construct".into(), args, data_type: DataType::Row { fields } }
}

/// Grouping above some relation, or the relation itself.
pub(super) fn plan(random: &mut StdRng) -> Rel {
    let depth = random.random_range(0..4);
    let input = Box::new(relation(random, depth));
    if random.random_bool(0.3) {
        return *input;
    }
    let numeric = |scale| DataType::Numeric { precision: 38, scale };
    let group = match random.random_range(0..5) {
        0 | 1 => vec![],
        2 => vec![column(2)],
        3 => vec![column(0)],
        _ => vec![column(2), column(1)],
    };
    let mut aggregates = Vec::new();
    for _ in 0..random.random_range(1..5) {
        let arg = random.random_range(0..2);
        let (function, arg, data_type) = match random.random_range(0..9) {
            0 => (F::CountStar, None, DataType::Bigint),
            1 => (F::Count, Some(random.random_range(0..3)), DataType::Bigint),
            2 => (F::Sum, Some(arg), numeric(0)),
            3 => (F::Avg, Some(arg), numeric(16)),
            4 => (F::Min, Some(2), DataType::Text),
            5 => (F::BitXor, Some(arg), DataType::Bigint),
            6 => (F::VarSamp, Some(arg), numeric(4)),
            7 => {
                aggregates.push(collection(random));
                continue;
            }
            _ => (F::Max, Some(arg), DataType::Bigint),
        };
        aggregates.push(AggregateCall {
            function,
            distinct: arg.is_some() && random.random_bool(0.2),
            arg: arg.map(column),
            filter: random.random_bool(0.2).then(|| condition(random, 0)),
            order: Vec::new(),
            data_type,
        });
    }
    Rel::Aggregate { input, group, aggregates }
}

pub(super) fn answer(rel: &Rel, world: &World, workers: &Workers) -> Vec<String> {
    let mut rows = in_order(rel, world, workers);
    rows.sort();
    rows
}

fn in_order(rel: &Rel, world: &World, workers: &Workers) -> Vec<String> {
    in_order_within(rel, world, workers, &plenty()).unwrap()
}

pub(super) fn in_order_within(
    rel: &Rel,
    world: &World,
    workers: &Workers,
    memory: &Arc<Memory>,
) -> Result<Vec<String>> {
    let cancel = AtomicBool::new(false);
    let context = ExecContext { now_us: 0, models: &NoModels, relations: world, cancel: &cancel, workers, memory };
    Ok(execute(rel, world, &context)?.iter().flat_map(shown).collect())
}

/// The rows of a batch as texts.
pub(super) fn shown(batch: &RecordBatch) -> Vec<String> {
    let columns = batch.columns().iter().map(|column| {
        let shown = arrow::util::display::ArrayFormatter::try_new(column.as_ref(), &Default::default());
        let shown = shown.unwrap();
        (0..batch.num_rows())
            .map(|row| if column.is_null(row) { "NULL".into() } else { shown.value(row).to_string() })
            .collect::<Vec<String>>()
    });
    let columns: Vec<Vec<String>> = columns.collect();
    (0..batch.num_rows()).map(|row| columns.iter().map(|c| c[row].as_str()).collect::<Vec<_>>().join("|")).collect()
}

#[test]
fn pieces_and_threads_change_no_answer() {
    let mut random = random();
    let (alone, three) = (Workers::alone(), Workers::new(3));
    for round in 0..1500 {
        let mut world = world(&mut random);
        let rel = plan(&mut random);
        let expected = answer(&rel, &world, &alone);
        world.pieces = true;
        assert_eq!(answer(&rel, &world, &three), expected, "round {round}: {rel:#?}");
    }
}

#[test]
fn collections_without_an_order_are_as_their_rows_lie() {
    let mut random = random();
    let (alone, three) = (Workers::alone(), Workers::new(3));
    for _ in 0..60 {
        let mut world = world(&mut random);
        let input = Box::new(Rel::Scan { relation: RelationId(0), columns: vec![0, 1, 2], as_of: None });
        let call = AggregateCall {
            arg: Some(row_of(&[DataType::Text], vec![column(2)])),
            order: Vec::new(),
            ..collection(&mut random)
        };
        let group = if random.random_bool(0.5) { vec![] } else { vec![column(1)] };
        let rel = Rel::Aggregate { input, group, aggregates: vec![call] };
        let expected = answer(&rel, &world, &alone);
        world.pieces = true;
        assert_eq!(answer(&rel, &world, &three), expected);
    }
}

#[test]
fn rows_without_an_order_come_as_they_lie() {
    let mut random = random();
    let three = Workers::new(3);
    for _ in 0..60 {
        let mut world = world(&mut random);
        let limit = random.random_range(1..600);
        let scan = Box::new(Rel::Scan { relation: RelationId(0), columns: vec![0, 1], as_of: None });
        let rel = Rel::Limit { input: scan, limit: Some(limit), offset: 3 };
        let cancel = AtomicBool::new(false);
        let mut read = |pieces| {
            world.pieces = pieces;
            let memory = plenty();
            let context = ExecContext {
                now_us: 0,
                models: &NoModels,
                relations: &world,
                cancel: &cancel,
                workers: &three,
                memory: &memory,
            };
            execute(&rel, &world, &context).unwrap().iter().flat_map(rows_of).collect::<Vec<Row>>()
        };
        let expected = read(false);
        assert_eq!(read(true), expected);
        assert!(expected.len() as u64 <= limit);
    }
}

#[test]
fn the_first_rows_are_the_same_whatever_is_left_out_on_the_way() {
    let mut random = random();
    let (alone, three) = (Workers::alone(), Workers::new(3));
    for round in 0..300 {
        let mut world = world(&mut random);
        let mut input = Rel::Scan { relation: RelationId(0), columns: vec![0, 1, 2], as_of: None };
        if random.random() {
            input = Rel::Filter { input: Box::new(input), predicate: condition(&mut random, 0) };
        }
        if random.random_bool(0.3) {
            let other = Rel::Scan { relation: RelationId(1), columns: vec![0, 1, 2], as_of: None };
            input = Rel::UnionAll { inputs: vec![input, other] };
        }
        let mut keys = Vec::new();
        for _ in 0..random.random_range(1..3) {
            keys.push(key(random.random_range(0..3), random.random(), random.random()));
        }
        // Short enough that what is held is cut down while rows come.
        let limit = random.random_bool(0.9).then(|| random.random_range(0..30));
        let offset = random.random_range(0..5);
        let rel = Rel::Sort { input: Box::new(input), keys, limit, offset };
        let expected = in_order(&rel, &world, &alone);
        world.pieces = true;
        assert_eq!(in_order(&rel, &world, &three), expected, "round {round}: {rel:#?}");
    }
}
