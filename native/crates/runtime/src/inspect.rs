//! What the engine knows of itself, as rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray};
use millrace_base::{RelationId, Result};
use millrace_plan::Inspection;

use crate::catalog::Catalog;
use crate::ipc;
use crate::shared::Shared;

/// The answer as an Arrow IPC stream.
pub fn inspect(shared: &Shared, catalog: &Catalog, what: Inspection) -> Result<Vec<u8>> {
    let columns = match what {
        Inspection::ConsumerGroups => consumer_groups(shared, catalog),
        Inspection::Segments => segments(shared, catalog),
        Inspection::CheckDatabase => check_database(shared),
    };
    let fields = what.fields();
    let names: Vec<String> = fields.iter().map(|f| f.name.clone()).collect();
    let types: Vec<_> = fields.iter().map(|f| f.data_type).collect();
    let schema = ipc::result_schema(&names, &types);
    let rows = columns.first().map_or(0, |column| column.len());
    ipc::encode(&schema, [ipc::with_columns(&schema, columns, rows)] as [Result<RecordBatch>; 1])
}

fn name(catalog: &Catalog, id: RelationId) -> String {
    catalog.get(id).map_or_else(|| format!("#{}", id.0), |object| object.definition.name.clone())
}

fn texts(values: impl Iterator<Item = String>) -> ArrayRef {
    Arc::new(values.map(Some).collect::<StringArray>())
}

fn bigints(values: impl Iterator<Item = u64>) -> ArrayRef {
    Arc::new(values.map(|v| Some(v as i64)).collect::<Int64Array>())
}

fn integers(values: impl Iterator<Item = u32>) -> ArrayRef {
    Arc::new(values.map(|v| Some(v as i32)).collect::<Int32Array>())
}

fn consumer_groups(shared: &Shared, catalog: &Catalog) -> Vec<ArrayRef> {
    let groups = shared.log.groups();
    let mut ends: BTreeMap<(RelationId, u32), u64> = BTreeMap::new();
    for (_, stream, _, _) in &groups {
        for (partition, extent) in shared.log.extents(*stream) {
            ends.insert((*stream, partition), extent.end);
        }
    }
    let end = |stream: RelationId, partition: u32| ends.get(&(stream, partition)).copied().unwrap_or(0);
    vec![
        texts(groups.iter().map(|g| g.0.clone())),
        texts(groups.iter().map(|g| name(catalog, g.1))),
        integers(groups.iter().map(|g| g.2)),
        bigints(groups.iter().map(|g| g.3)),
        bigints(groups.iter().map(|g| end(g.1, g.2))),
        bigints(groups.iter().map(|g| end(g.1, g.2).saturating_sub(g.3))),
    ]
}

fn segments(shared: &Shared, catalog: &Catalog) -> Vec<ArrayRef> {
    let segments = shared.log.segments();
    vec![
        texts(segments.iter().map(|s| name(catalog, s.key.relation))),
        integers(segments.iter().map(|s| s.key.partition)),
        texts(segments.iter().map(|s| format!("{:016}.seg", s.id.file))),
        bigints(segments.iter().map(|s| s.rows)),
        bigints(segments.iter().map(|s| s.bytes)),
        bigints(segments.iter().map(|s| s.epochs.0.0)),
        bigints(segments.iter().map(|s| s.epochs.1.0)),
    ]
}

fn check_database(shared: &Shared) -> Vec<ArrayRef> {
    let findings = shared.log.check().findings;
    // The text of an error names the offset where one is known.
    let offset = |what: &str| -> Option<i64> {
        let (_, behind) = what.split_once("at offset ")?;
        behind.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    };
    vec![
        texts(findings.iter().map(|f| f.file.clone())),
        Arc::new(findings.iter().map(|f| offset(&f.what)).collect::<Int64Array>()),
        texts(findings.iter().map(|_| "error".to_string())),
        texts(findings.iter().map(|f| f.what.clone())),
    ]
}
