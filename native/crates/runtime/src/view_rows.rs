//! The rows of a view's snapshot as a query scans them.

use arrow_array::RecordBatch;
use millrace_base::Result;
use millrace_flow::ViewSnapshot;

type Rows = Box<dyn Iterator<Item = Result<RecordBatch>> + Send>;

/// The chosen columns of all rows, each as often as its weight says.
pub fn view_rows(snapshot: &ViewSnapshot, columns: &[u32]) -> Result<Rows> {
    Ok(Box::new(snapshot.scan(columns)?.into_iter().map(Ok)))
}
