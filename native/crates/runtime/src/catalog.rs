//! The catalog as one immutable value: a statement runs against the one it began with, a change makes the next.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::Float64Array;
use arrow_schema::SchemaRef;
use millrace_base::{Code, Epoch, Error, RelationId, Result};
use millrace_expr::{Model, Models};
use millrace_model::OnnxModel;
use millrace_plan::{
    AsOf, CatalogChange, ColumnDef, DataType, Definition, DefinitionKind, Field, Rel, Relations, arrow_schema,
    expr_type, validate_rel,
};

/// A definition and what the engine derives from it.
pub struct Object {
    pub definition: Definition,
    /// The columns of what can be scanned.
    types: Option<Vec<DataType>>,
    model: Option<Arc<dyn Model>>,
}

#[derive(Default, Clone)]
pub struct Catalog {
    objects: BTreeMap<RelationId, Arc<Object>>,
    /// The indexes and conditions of each table.
    constraints: BTreeMap<RelationId, Vec<Arc<Object>>>,
}

/// The next catalog, and the changes with what the engine has filled in.
pub struct Planned {
    pub catalog: Catalog,
    pub changes: Vec<CatalogChange>,
    /// Relations that are made with rows, and the queries that give these.
    pub fills: Vec<(RelationId, Rel)>,
}

/// A model of the model crate, as the evaluator wants it.
struct Onnx(OnnxModel);

impl Model for Onnx {
    fn inputs(&self) -> usize {
        self.0.inputs()
    }

    fn predict(&self, features: &[Float64Array]) -> Result<Float64Array> {
        self.0.predict(features)
    }
}

impl Relations for Catalog {
    fn columns(&self, id: RelationId) -> Option<Vec<DataType>> {
        self.objects.get(&id)?.types.clone()
    }

    fn model_inputs(&self, id: RelationId) -> Option<u32> {
        self.objects.get(&id)?.model.as_ref().map(|m| m.inputs() as u32)
    }

    fn append_only(&self, id: RelationId) -> bool {
        let kind = self.objects.get(&id).map(|o| &o.definition.object);
        matches!(kind, Some(DefinitionKind::Stream { .. } | DefinitionKind::Source { .. }))
    }
}

impl Models for Catalog {
    fn model(&self, id: RelationId) -> Option<Arc<dyn Model>> {
        self.objects.get(&id)?.model.clone()
    }
}

impl Catalog {
    /// The catalog of a log that is opened.
    pub fn from_definitions(definitions: Vec<Definition>) -> Result<Self> {
        let mut catalog = Self::default();
        for mut definition in definitions {
            let object = derive(&mut definition)?;
            catalog.objects.insert(definition.id, Arc::new(Object { definition, ..object }));
        }
        catalog.gather();
        Ok(catalog)
    }

    fn gather(&mut self) {
        self.constraints.clear();
        for object in self.objects.values() {
            if let DefinitionKind::Index { table, .. }
            | DefinitionKind::Check { table, .. }
            | DefinitionKind::Generated { table, .. }
            | DefinitionKind::Identity { table, .. } = object.definition.object
            {
                self.constraints.entry(table).or_default().push(object.clone());
            }
        }
    }

    /// The indexes and conditions of a table.
    pub fn constraints(&self, table: RelationId) -> &[Arc<Object>] {
        self.constraints.get(&table).map_or(&[], Vec::as_slice)
    }

    pub fn get(&self, id: RelationId) -> Option<&Arc<Object>> {
        self.objects.get(&id)
    }

    /// The object, or the error of a statement that was planned before a drop.
    pub fn require(&self, id: RelationId) -> Result<&Arc<Object>> {
        self.get(id).ok_or_else(|| {
            Error::new(Code::UndefinedTable, format!("relation {} does not exist", id.0))
                .with_hint("It may have been dropped since the statement was planned.")
        })
    }

    pub fn objects(&self) -> impl Iterator<Item = &Arc<Object>> {
        self.objects.values()
    }

    pub fn sinks(&self) -> impl Iterator<Item = RelationId> {
        let sinks = self.objects().filter(|o| matches!(o.definition.object, DefinitionKind::Sink { .. }));
        sinks.map(|o| o.definition.id)
    }

    /// All definitions; models without their bytes.
    pub fn listing(&self) -> Vec<Definition> {
        let bare = |definition: &Definition| {
            let mut definition = definition.clone();
            if let DefinitionKind::Model { onnx, .. } = &mut definition.object {
                onnx.clear();
            }
            definition
        };
        self.objects().map(|object| bare(&object.definition)).collect()
    }

    /// Applies changes one after another; nothing when one of them is refused. `next_id` is the first free id.
    pub fn plan(&self, changes: Vec<CatalogChange>, next_id: RelationId) -> Result<Planned> {
        let dropped: Vec<RelationId> = changes
            .iter()
            .filter_map(|change| match change {
                CatalogChange::Drop { id } => Some(*id),
                _ => None,
            })
            .collect();
        let mut catalog = self.clone();
        let mut filled = Vec::with_capacity(changes.len());
        let mut fills = Vec::new();
        for change in changes {
            filled.push(match change {
                CatalogChange::Replace { definition } => {
                    CatalogChange::Replace { definition: catalog.replace(definition)? }
                }
                CatalogChange::Fill { relation, source } => {
                    catalog.check_fill(self, relation, &source)?;
                    fills.push((relation, source));
                    continue;
                }
                CatalogChange::Create { definition } => {
                    CatalogChange::Create { definition: catalog.create(definition, next_id)? }
                }
                CatalogChange::Drop { id } => {
                    catalog.drop_object(id, &dropped)?;
                    CatalogChange::Drop { id }
                }
                CatalogChange::SetOptions { id, options } => {
                    catalog.set_options(id, options.clone())?;
                    CatalogChange::SetOptions { id, options }
                }
            });
        }
        catalog.gather();
        Ok(Planned { catalog, changes: filled, fills })
    }

    fn set_options(&mut self, id: RelationId, options: std::collections::BTreeMap<String, String>) -> Result<()> {
        let mut definition = self.require(id)?.definition.clone();
        if !definition.object.set_options(options) {
            return Err(Error::new(Code::WrongObjectType, format!("\"{}\" has no options", definition.name)));
        }
        millrace_plan::RelationOptions::of(&definition.object)?;
        let object = derive(&mut definition)?;
        self.objects.insert(id, Arc::new(Object { definition, ..object }));
        Ok(())
    }

    fn create(&mut self, mut definition: Definition, next_id: RelationId) -> Result<Definition> {
        if definition.id < next_id || self.objects.contains_key(&definition.id) {
            return Err(Error::new(
                Code::SerializationFailure,
                format!("the catalog changed while \"{}\" was planned", definition.name),
            )
            .with_hint("Run the statement again."));
        }
        self.check_name(&definition)?;
        for id in &definition.depends_on {
            self.require(*id)?;
        }
        self.check(&definition)?;
        let object = derive(&mut definition)?;
        self.objects.insert(definition.id, Arc::new(Object { definition: definition.clone(), ..object }));
        Ok(definition)
    }

    /// Models, conditions and schemas have names of their own; everything else shares one space in each schema.
    fn check_name(&self, definition: &Definition) -> Result<()> {
        let space = |object: &DefinitionKind| match object {
            DefinitionKind::Model { .. } => (1, RelationId(0)),
            DefinitionKind::Schema {} => (2, RelationId(0)),
            DefinitionKind::Check { table, .. } => (3, *table),
            DefinitionKind::Generated { table, .. } | DefinitionKind::Identity { table, .. } => (4, *table),
            _ => (0, RelationId(0)),
        };
        let wanted = space(&definition.object);
        let same = |other: &&Arc<Object>| {
            let other = &other.definition;
            other.id != definition.id
                && other.name == definition.name
                && other.schema == definition.schema
                && space(&other.object) == wanted
        };
        if self.objects().find(same).is_none() {
            return Ok(());
        }
        let (code, kind) = match wanted.0 {
            1 => (Code::DuplicateObject, "model"),
            2 => (Code::DuplicateSchema, "schema"),
            3 | 4 => (Code::DuplicateObject, "constraint"),
            _ => (Code::DuplicateTable, "relation"),
        };
        Err(Error::new(code, format!("{kind} \"{}\" already exists", definition.name)))
    }

    /// Another definition of the same object: what is stored of it must not change its types.
    fn replace(&mut self, mut definition: Definition) -> Result<Definition> {
        let before = self.require(definition.id)?.clone();
        self.check_name(&definition)?;
        self.check(&definition)?;
        let object = derive(&mut definition)?;
        let kind = std::mem::discriminant(&before.definition.object);
        let key = |object: &DefinitionKind| match object {
            DefinitionKind::Table { primary_key, .. } => primary_key.clone(),
            _ => Vec::new(),
        };
        if kind != std::mem::discriminant(&definition.object)
            || (before.stored_columns().is_some() && before.types != object.types)
            || key(&before.definition.object) != key(&definition.object)
            || before.is_view()
                && !matches!((&before.definition.object, &definition.object),
                    (DefinitionKind::MaterializedView { query: a, .. }, DefinitionKind::MaterializedView { query: b, .. }) if a == b)
        {
            let message = format!("the new definition of \"{}\" does not fit what is stored of it", definition.name);
            return Err(Error::new(Code::ProtocolViolation, message));
        }
        self.objects.insert(definition.id, Arc::new(Object { definition: definition.clone(), ..object }));
        Ok(definition)
    }

    /// A fill is of what the same statement makes, and reads what was there before.
    fn check_fill(&self, before: &Self, relation: RelationId, source: &Rel) -> Result<()> {
        let made = before.get(relation).is_none();
        let types = self.require(relation)?.stored_columns().map(|c| c.iter().map(|c| c.data_type).collect::<Vec<_>>());
        if !made || types != Some(validate_rel(source, before)?) {
            return Err(Error::new(Code::ProtocolViolation, "rows that do not fit the relation that is made of them"));
        }
        Ok(())
    }

    /// What `validate` cannot see without the catalog.
    fn check(&self, definition: &Definition) -> Result<()> {
        let refuse = |why: String| {
            Err(Error::new(Code::ProtocolViolation, format!("invalid definition of \"{}\": {why}", definition.name)))
        };
        match &definition.object {
            DefinitionKind::MaterializedView { columns, query } => {
                let types = validate_rel(query, self)?;
                if millrace_plan::reads_past(query) {
                    return refuse("its query reads a state of the past".into());
                }
                if types.iter().ne(columns.iter().map(|c| &c.data_type)) {
                    return refuse("its query has other columns".into());
                }
                let mut scanned = Vec::new();
                scans(query, &mut scanned);
                if let Some(id) = scanned.iter().find(|id| !definition.depends_on.contains(id)) {
                    return refuse(format!("it reads relation {} without saying so", id.0));
                }
            }
            DefinitionKind::Sink { from, key, .. } => {
                let Some(columns) = self.columns(*from) else {
                    return refuse(format!("relation {} cannot be read", from.0));
                };
                if key.iter().any(|&k| k as usize >= columns.len()) {
                    return refuse("a key column is not there".into());
                }
                if !definition.depends_on.contains(from) {
                    return refuse(format!("it reads relation {} without saying so", from.0));
                }
            }
            DefinitionKind::Index { table, columns, .. } => {
                let Some(there) = self.require(*table)?.stored_columns() else {
                    return refuse("its table has no rows of its own".into());
                };
                if columns.is_empty() || columns.iter().any(|c| c.column as usize >= there.len()) {
                    return refuse("a column is not there".into());
                }
                if !definition.depends_on.contains(table) {
                    return refuse("it belongs to a table without saying so".into());
                }
            }
            DefinitionKind::Check { table, predicate } => {
                let Some(types) = self.columns(*table) else { return refuse("its table has no rows".into()) };
                if expr_type(predicate, &types, self)? != DataType::Boolean {
                    return refuse("its condition is not boolean".into());
                }
                if !definition.depends_on.contains(table) {
                    return refuse("it belongs to a table without saying so".into());
                }
            }
            DefinitionKind::Generated { table, column, expr } => {
                let Some(types) = self.columns(*table) else { return refuse("its table has no rows".into()) };
                if types.get(*column as usize) != Some(&expr_type(expr, &types, self)?) {
                    return refuse("its expression is not of the column's type".into());
                }
                if !definition.depends_on.contains(table) {
                    return refuse("it belongs to a table without saying so".into());
                }
            }
            DefinitionKind::Identity { table, column, increment, .. } => {
                let Some(types) = self.columns(*table) else { return refuse("its table has no rows".into()) };
                let whole = matches!(
                    types.get(*column as usize),
                    Some(DataType::Smallint | DataType::Integer | DataType::Bigint)
                );
                if !whole || *increment == 0 {
                    return refuse("its column cannot be numbered".into());
                }
                if !definition.depends_on.contains(table) {
                    return refuse("it belongs to a table without saying so".into());
                }
            }
            DefinitionKind::Source { kafka, .. } => {
                let object = self.require(kafka.dead_letters)?;
                if !matches!(object.definition.object, DefinitionKind::Stream { .. }) {
                    return refuse("its dead letters do not go to a stream".into());
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn drop_object(&mut self, id: RelationId, dropped: &[RelationId]) -> Result<()> {
        let object = self.require(id)?.clone();
        let dependent = self
            .objects()
            .find(|other| other.definition.depends_on.contains(&id) && !dropped.contains(&other.definition.id));
        if let Some(dependent) = dependent {
            return Err(Error::new(
                Code::DependentObjectsStillExist,
                format!("cannot drop \"{}\" because other objects depend on it", object.definition.name),
            )
            .with_detail(format!("\"{}\" depends on \"{}\".", dependent.definition.name, object.definition.name))
            .with_hint("Use DROP ... CASCADE to drop the dependent objects too."));
        }
        self.objects.remove(&id);
        Ok(())
    }
}

impl Object {
    /// The columns of a stream, source or table.
    pub fn stored_columns(&self) -> Option<&[ColumnDef]> {
        match &self.definition.object {
            DefinitionKind::Stream { columns, .. }
            | DefinitionKind::Table { columns, .. }
            | DefinitionKind::Source { columns, .. } => Some(columns),
            _ => None,
        }
    }

    pub fn is_view(&self) -> bool {
        matches!(self.definition.object, DefinitionKind::MaterializedView { .. })
    }

    /// The columns of what can be scanned, as stored: nullable.
    pub fn schema(&self) -> Option<SchemaRef> {
        let fields: Vec<Field> = match &self.definition.object {
            DefinitionKind::MaterializedView { columns, .. } => columns.clone(),
            _ => self.stored_columns()?.iter().map(ColumnDef::field).collect(),
        };
        let nullable: Vec<Field> = fields.into_iter().map(|f| Field { nullable: true, ..f }).collect();
        Some(Arc::new(arrow_schema(&nullable)))
    }
}

/// Compiles what needs compiling; fills the definition's blanks.
fn derive(definition: &mut Definition) -> Result<Object> {
    let mut object = Object { definition: definition.clone(), types: None, model: None };
    match &mut definition.object {
        DefinitionKind::Model { onnx, inputs, .. } => {
            let model = OnnxModel::load(onnx)?;
            *inputs = model.inputs() as u32;
            object.model = Some(Arc::new(Onnx(model)));
        }
        DefinitionKind::MaterializedView { columns, .. } => {
            object.types = Some(columns.iter().map(|c| c.data_type).collect());
        }
        _ => object.types = object.stored_columns().map(|c| c.iter().map(|c| c.data_type).collect()),
    }
    Ok(object)
}

/// The relations that a plan scans, each once.
pub fn scans(rel: &Rel, out: &mut Vec<RelationId>) {
    if let Rel::Scan { relation, .. } = rel
        && !out.contains(relation)
    {
        out.push(*relation);
    }
    rel.inputs().into_iter().for_each(|input| scans(input, out));
}

/// The plan with all its scans at an epoch of the past; what a view of it reads follows when that is scanned.
pub fn as_of_epoch(rel: Rel, epoch: Epoch) -> Rel {
    match rel.map_inputs(&mut |input| as_of_epoch(input, epoch)) {
        Rel::Scan { relation, columns, .. } => {
            Rel::Scan { relation, columns, as_of: Some(AsOf::Epoch { epoch: epoch.0 }) }
        }
        other => other,
    }
}
