//! Calls a function of `datafusion-functions`: our values in, its values out, in the Arrow type that the plan expects.

use std::sync::{Arc, LazyLock};

use arrow_schema::{Field, FieldRef};
use datafusion_common::ScalarValue;
use datafusion_common::config::ConfigOptions;
use datafusion_expr::{ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF};
use millrace_base::{Error, Result};

use crate::fault;
use crate::node::Call;
use crate::value::Value;

static OPTIONS: LazyLock<Arc<ConfigOptions>> = LazyLock::new(|| Arc::new(ConfigOptions::default()));

pub(crate) fn call(function: &ScalarUDF, args: &[Value], call: &Call) -> Result<Value> {
    let failed = |e| fault::from_library(function.name(), e);
    let mut columns = Vec::with_capacity(args.len());
    let mut scalars = Vec::with_capacity(args.len());
    for arg in args {
        if arg.is_scalar() {
            let scalar = ScalarValue::try_from_array(arg.inner(), 0).map_err(failed)?;
            scalars.push(Some(scalar.clone()));
            columns.push(ColumnarValue::Scalar(scalar));
        } else {
            scalars.push(None);
            columns.push(ColumnarValue::Array(arg.inner().clone()));
        }
    }
    let fields: Vec<FieldRef> =
        args.iter().map(|a| Arc::new(Field::new("a", a.inner().data_type().clone(), true))).collect();
    let known: Vec<Option<&ScalarValue>> = scalars.iter().map(Option::as_ref).collect();
    let return_field = function
        .return_field_from_args(ReturnFieldArgs { arg_fields: &fields, scalar_arguments: &known })
        .map_err(failed)?;
    let all_scalar = args.iter().all(Value::is_scalar);
    let request = ScalarFunctionArgs {
        args: columns,
        arg_fields: fields,
        number_rows: if all_scalar { 1 } else { call.rows },
        return_field,
        config_options: OPTIONS.clone(),
    };
    let array = match function.invoke_with_args(request).map_err(failed)? {
        ColumnarValue::Array(array) => array,
        ColumnarValue::Scalar(scalar) => {
            scalar.to_array_of_size(if all_scalar { 1 } else { call.rows }).map_err(failed)?
        }
    };
    let wanted = call.result.to_arrow();
    let array = if *array.data_type() == wanted {
        array
    } else {
        arrow_cast::cast(&array, &wanted).map_err(|e| Error::internal(e.to_string()))?
    };
    Ok(if all_scalar { Value::scalar(array) } else { Value::array(array) })
}
