//! Trigonometry in degrees, exact where the answer is: sind(30) is 0.5, tand(45) is 1.

use arrow_array::types::Float64Type;
use millrace_base::{Code, Error, Result};
use millrace_plan::DataType;

use crate::registry::{DOUBLE, Entry, entry, gives};
use crate::value::{Value, build};

pub(crate) fn table() -> Vec<Entry> {
    let one = |name: &str, run| entry(name, &[DOUBLE], gives(DataType::Double), run);
    vec![
        one("sind", |a, _| unary(a, |x| finite(x, sine))),
        one("cosd", |a, _| unary(a, |x| finite(x, cosine))),
        one("tand", |a, _| unary(a, |x| finite(x, |x| positive_zero(sine(x) / cosine(x))))),
        one("cotd", |a, _| unary(a, |x| finite(x, |x| positive_zero(cosine(x) / sine(x))))),
        one("asind", |a, _| unary(a, |x| within_one(x, |x| if x < 0.0 { -arcsine(-x) } else { arcsine(x) }))),
        one("acosd", |a, _| unary(a, |x| within_one(x, |x| if x < 0.0 { 90.0 + arcsine(-x) } else { arccosine(x) }))),
        one("atand", |a, _| unary(a, |x| Ok(x.atan() / 1f64.atan() * 45.0))),
        entry("atan2d", &[DOUBLE, DOUBLE], gives(DataType::Double), |a, _| {
            let (y, x) = (a[0].column::<Float64Type>()?, a[1].column::<Float64Type>()?);
            build::<Float64Type>(a, DataType::Double, |i| Ok(y.at(i).atan2(x.at(i)) / 1f64.atan() * 45.0))
        }),
    ]
}

fn unary(args: &[Value], f: impl Fn(f64) -> Result<f64>) -> Result<Value> {
    let x = args[0].column::<Float64Type>()?;
    build::<Float64Type>(args, DataType::Double, |i| f(x.at(i)))
}

fn out_of_range() -> Error {
    Error::new(Code::NumericValueOutOfRange, "input is out of range")
}

fn finite(x: f64, f: impl Fn(f64) -> f64) -> Result<f64> {
    if x.is_infinite() { Err(out_of_range()) } else { Ok(f(x)) }
}

fn within_one(x: f64, f: impl Fn(f64) -> f64) -> Result<f64> {
    if (-1.0..=1.0).contains(&x) || x.is_nan() { Ok(f(x)) } else { Err(out_of_range()) }
}

fn positive_zero(x: f64) -> f64 {
    if x == 0.0 { 0.0 } else { x }
}

/// From 0 to 30 degrees, scaled so that 30 gives one half.
fn low_sine(x: f64) -> f64 {
    x.to_radians().sin() / 30f64.to_radians().sin() / 2.0
}

/// From 0 to 60 degrees, scaled so that 60 gives one half.
fn low_cosine(x: f64) -> f64 {
    1.0 - (1.0 - x.to_radians().cos()) / (1.0 - 60f64.to_radians().cos()) / 2.0
}

fn first_quadrant_sine(x: f64) -> f64 {
    if x <= 30.0 { low_sine(x) } else { low_cosine(90.0 - x) }
}

fn first_quadrant_cosine(x: f64) -> f64 {
    if x <= 60.0 { low_cosine(x) } else { low_sine(90.0 - x) }
}

fn sine(x: f64) -> f64 {
    let (mut x, mut sign) = (x % 360.0, 1.0);
    if x < 0.0 {
        (x, sign) = (-x, -sign);
    }
    if x > 180.0 {
        (x, sign) = (360.0 - x, -sign);
    }
    if x > 90.0 {
        x = 180.0 - x;
    }
    sign * first_quadrant_sine(x)
}

fn cosine(x: f64) -> f64 {
    let (mut x, mut sign) = ((x % 360.0).abs(), 1.0);
    if x > 180.0 {
        x = 360.0 - x;
    }
    if x > 90.0 {
        (x, sign) = (180.0 - x, -sign);
    }
    sign * first_quadrant_cosine(x)
}

/// From 0 to 1, in degrees.
fn arcsine(x: f64) -> f64 {
    if x <= 0.5 { x.asin() / 0.5f64.asin() * 30.0 } else { 90.0 - x.acos() / 0.5f64.acos() * 60.0 }
}

fn arccosine(x: f64) -> f64 {
    if x <= 0.5 { 90.0 - x.asin() / 0.5f64.asin() * 30.0 } else { x.acos() / 0.5f64.acos() * 60.0 }
}
