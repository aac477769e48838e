//! abs, sign, mod and rounding, for every number type. Doubles round half to even (as C's rint), NUMERICs half away
//! from zero.

use arrow_array::types::{Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type};
use millrace_base::{Error, Result};
use millrace_plan::{BinaryOp, DataType, ReturnRule};

use crate::arithmetic;
use crate::decimal::{self, divide_rounded, power_of_ten, rescale, scale_of};
use crate::fault;
use crate::node::Call;
use crate::registry::{BIGINT, DOUBLE, Entry, INTEGER, NUMERIC, REAL, SMALLINT, entry, gives, like};
use crate::value::{Value, build};

pub(crate) fn table() -> Vec<Entry> {
    let whole = ReturnRule::Numeric { scale: 0 };
    let double = |name: &str, run| entry(name, &[DOUBLE], gives(DataType::Double), run).infallible();
    let mut table = vec![
        double("ceil", |a, _| floats(a, f64::ceil)),
        double("ceiling", |a, _| floats(a, f64::ceil)),
        double("floor", |a, _| floats(a, f64::floor)),
        double("round", |a, _| floats(a, f64::round_ties_even)),
        double("trunc", |a, _| floats(a, f64::trunc)),
        double("sign", |a, _| floats(a, |x| if x == 0.0 || x.is_nan() { x } else { x.signum() })),
        entry("ceil", &[NUMERIC], whole.clone(), |a, c| {
            decimals(a, c, |v, one| v.div_euclid(one) + i128::from(v.rem_euclid(one) != 0))
        }),
        entry("ceiling", &[NUMERIC], whole.clone(), |a, c| {
            decimals(a, c, |v, one| v.div_euclid(one) + i128::from(v.rem_euclid(one) != 0))
        }),
        entry("floor", &[NUMERIC], whole.clone(), |a, c| decimals(a, c, |v, one| v.div_euclid(one))),
        entry("round", &[NUMERIC], whole.clone(), |a, c| decimals(a, c, divide_rounded)),
        entry("trunc", &[NUMERIC], whole.clone(), |a, c| decimals(a, c, |v, one| v / one)),
        entry("sign", &[NUMERIC], whole, |a, c| decimals(a, c, |v, _| v.signum())),
        entry("round", &[NUMERIC, INTEGER], ReturnRule::NumericOfScale { index: 0 }, |a, c| {
            to_digits(a, c, divide_rounded)
        }),
        entry("trunc", &[NUMERIC, INTEGER], ReturnRule::NumericOfScale { index: 0 }, |a, c| {
            to_digits(a, c, |v, d| v / d)
        }),
    ];
    for kind in [SMALLINT, INTEGER, BIGINT, REAL, DOUBLE, NUMERIC] {
        table.push(entry("abs", &[kind], like(0), |a, c| absolute(&a[0], c.result)));
    }
    for kind in [SMALLINT, INTEGER, BIGINT] {
        table.push(entry("mod", &[kind.clone(), kind], like(0), |a, c| {
            arithmetic::integers(BinaryOp::Modulo, a, c.result)
        }));
    }
    table.push(entry("mod", &[NUMERIC, NUMERIC], like(0), |a, c| decimal::arithmetic(BinaryOp::Modulo, a, c.result)));
    table
}

fn floats(args: &[Value], f: impl Fn(f64) -> f64) -> Result<Value> {
    let x = args[0].column::<Float64Type>()?;
    build::<Float64Type>(args, DataType::Double, |i| Ok(f(x.at(i))))
}

fn numeric_result(call: &Call) -> Result<(u8, u8)> {
    match call.result {
        DataType::Numeric { precision, scale } => Ok((precision, scale)),
        other => Err(Error::internal(format!("a NUMERIC function that gives {other}"))),
    }
}

/// `f` makes a whole number of the value and of 1 at the value's scale.
fn decimals(args: &[Value], call: &Call, f: impl Fn(i128, i128) -> i128) -> Result<Value> {
    let (precision, scale) = numeric_result(call)?;
    let one = power_of_ten(scale_of(&args[0]) as u32);
    let x = args[0].column::<Decimal128Type>()?;
    build::<Decimal128Type>(args, call.result, |i| rescale(f(x.at(i), one), 0, precision, scale))
}

/// Rounds by `f(value, divisor)` to that many digits after the point; negative digits round before it.
fn to_digits(args: &[Value], call: &Call, f: impl Fn(i128, i128) -> i128) -> Result<Value> {
    let (precision, scale) = numeric_result(call)?;
    let from = scale_of(&args[0]);
    let (x, digits) = (args[0].column::<Decimal128Type>()?, args[1].column::<Int32Type>()?);
    build::<Decimal128Type>(args, call.result, |i| {
        let drop = i64::from(from) - i64::from(digits.at(i));
        let value = match drop {
            ..=0 => x.at(i),
            1..=38 => {
                let unit = power_of_ten(drop as u32);
                f(x.at(i), unit).checked_mul(unit).ok_or_else(|| fault::numeric_overflow(precision, scale))?
            }
            // Fewer than half a unit of so large a digit.
            _ => 0,
        };
        rescale(value, from, precision, scale)
    })
}

fn absolute(arg: &Value, kind: DataType) -> Result<Value> {
    let args = std::slice::from_ref(arg);
    macro_rules! checked {
        ($t:ty) => {{
            let x = arg.column::<$t>()?;
            build::<$t>(args, kind, |i| x.at(i).checked_abs().ok_or_else(|| fault::out_of_range(kind)))
        }};
    }
    macro_rules! float {
        ($t:ty) => {{
            let x = arg.column::<$t>()?;
            build::<$t>(args, kind, |i| Ok(x.at(i).abs()))
        }};
    }
    match kind {
        DataType::Smallint => checked!(Int16Type),
        DataType::Integer => checked!(Int32Type),
        DataType::Bigint => checked!(Int64Type),
        DataType::Numeric { .. } => checked!(Decimal128Type),
        DataType::Real => float!(Float32Type),
        _ => float!(Float64Type),
    }
}
