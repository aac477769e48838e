//! Functions of doubles, with PostgreSQL's domain errors, and the distance on the globe.

use std::sync::Arc;

use arrow_array::Float64Array;
use arrow_array::types::Float64Type;
use millrace_base::{Code, Error, Result, Rng, SystemRng};
use millrace_plan::{DataType, Volatility};

use crate::fault;
use crate::node::Call;
use crate::registry::{DOUBLE, Entry, entry, gives};
use crate::value::{Value, build};

const GIVES: millrace_plan::ReturnRule = gives(DataType::Double);

pub(crate) fn table() -> Vec<Entry> {
    let one = |name: &str, run| entry(name, &[DOUBLE], GIVES, run);
    vec![
        one("sqrt", |a, _| unary(a, square_root)),
        one("cbrt", |a, _| unary(a, |x| Ok(x.cbrt()))).infallible(),
        one("exp", |a, _| unary(a, exponential)),
        one("ln", |a, _| unary(a, |x| logarithm(x, f64::ln))),
        one("log", |a, _| unary(a, |x| logarithm(x, f64::log10))),
        one("log10", |a, _| unary(a, |x| logarithm(x, f64::log10))),
        entry("log", &[DOUBLE, DOUBLE], GIVES, |a, _| binary(a, logarithm_of_base)),
        entry("power", &[DOUBLE, DOUBLE], GIVES, |a, _| binary(a, power)),
        entry("pow", &[DOUBLE, DOUBLE], GIVES, |a, _| binary(a, power)),
        one("sin", |a, _| unary(a, |x| finite(x, f64::sin))),
        one("cos", |a, _| unary(a, |x| finite(x, f64::cos))),
        one("tan", |a, _| unary(a, |x| finite(x, f64::tan))),
        one("cot", |a, _| unary(a, |x| finite(x, |x| 1.0 / x.tan()))),
        one("asin", |a, _| unary(a, |x| within_one(x, f64::asin))),
        one("acos", |a, _| unary(a, |x| within_one(x, f64::acos))),
        one("atan", |a, _| unary(a, |x| Ok(x.atan()))).infallible(),
        entry("atan2", &[DOUBLE, DOUBLE], GIVES, |a, _| binary(a, |y, x| Ok(y.atan2(x)))).infallible(),
        one("sinh", |a, _| unary(a, |x| Ok(x.sinh()))).infallible(),
        one("cosh", |a, _| unary(a, |x| Ok(x.cosh()))).infallible(),
        one("tanh", |a, _| unary(a, |x| Ok(x.tanh()))).infallible(),
        one("asinh", |a, _| unary(a, |x| Ok(x.asinh()))).infallible(),
        one("acosh", |a, _| unary(a, |x| if x < 1.0 { Err(out_of_domain()) } else { Ok(x.acosh()) })),
        one("atanh", |a, _| unary(a, |x| within_one(x, f64::atanh))),
        one("radians", |a, _| unary(a, |x| Ok(x.to_radians()))).infallible(),
        one("degrees", |a, _| unary(a, |x| checked(x, x.to_degrees()))),
        entry("pi", &[], GIVES, |_, _| Ok(constant(std::f64::consts::PI))).infallible(),
        entry("random", &[], GIVES, random).infallible().volatility(Volatility::Volatile),
        entry("haversine_km", &[DOUBLE; 4], GIVES, haversine).infallible(),
    ]
}

fn unary(args: &[Value], f: impl Fn(f64) -> Result<f64>) -> Result<Value> {
    let x = args[0].column::<Float64Type>()?;
    build::<Float64Type>(args, DataType::Double, |i| f(x.at(i)))
}

fn binary(args: &[Value], f: impl Fn(f64, f64) -> Result<f64>) -> Result<Value> {
    let (x, y) = (args[0].column::<Float64Type>()?, args[1].column::<Float64Type>()?);
    build::<Float64Type>(args, DataType::Double, |i| f(x.at(i), y.at(i)))
}

fn constant(value: f64) -> Value {
    Value::scalar(Arc::new(Float64Array::from(vec![value])))
}

/// A finite argument must not give an infinity.
fn checked(argument: f64, result: f64) -> Result<f64> {
    if result.is_infinite() && argument.is_finite() { Err(fault::overflow()) } else { Ok(result) }
}

fn out_of_domain() -> Error {
    Error::new(Code::NumericValueOutOfRange, "input is out of range")
}

fn finite(x: f64, f: impl Fn(f64) -> f64) -> Result<f64> {
    if x.is_infinite() { Err(out_of_domain()) } else { Ok(f(x)) }
}

fn within_one(x: f64, f: impl Fn(f64) -> f64) -> Result<f64> {
    if (-1.0..=1.0).contains(&x) || x.is_nan() { Ok(f(x)) } else { Err(out_of_domain()) }
}

fn square_root(x: f64) -> Result<f64> {
    if x < 0.0 {
        let message = "cannot take square root of a negative number";
        return Err(Error::new(Code::InvalidArgumentForPower, message));
    }
    Ok(x.sqrt())
}

fn exponential(x: f64) -> Result<f64> {
    let result = x.exp();
    if result == 0.0 && x.is_finite() { Err(fault::underflow()) } else { checked(x, result) }
}

fn logarithm(x: f64, f: impl Fn(f64) -> f64) -> Result<f64> {
    if x == 0.0 {
        return Err(Error::new(Code::InvalidArgumentForLog, "cannot take logarithm of zero"));
    }
    if x < 0.0 {
        return Err(Error::new(Code::InvalidArgumentForLog, "cannot take logarithm of a negative number"));
    }
    Ok(f(x))
}

fn logarithm_of_base(base: f64, x: f64) -> Result<f64> {
    let (base, x) = (logarithm(base, f64::ln)?, logarithm(x, f64::ln)?);
    if base == 0.0 { Err(fault::division_by_zero()) } else { Ok(x / base) }
}

fn power(base: f64, exponent: f64) -> Result<f64> {
    if base == 0.0 && exponent < 0.0 {
        let message = "zero raised to a negative power is undefined";
        return Err(Error::new(Code::InvalidArgumentForPower, message));
    }
    if base < 0.0 && base.is_finite() && exponent.is_finite() && exponent.fract() != 0.0 {
        let message = "a negative number raised to a non-integer power yields a complex result";
        return Err(Error::new(Code::InvalidArgumentForPower, message));
    }
    let result = base.powf(exponent);
    if base.is_finite() && exponent.is_finite() {
        if result.is_infinite() {
            return Err(fault::overflow());
        }
        if result == 0.0 && base != 0.0 {
            return Err(fault::underflow());
        }
    }
    Ok(result)
}

/// One number a row; only an expression outside of views may call it, so it need not be repeatable.
fn random(_: &[Value], call: &Call) -> Result<Value> {
    let next = || (SystemRng.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
    Ok(Value::array(Arc::new(Float64Array::from_iter_values((0..call.rows).map(|_| next())))))
}

/// The mean radius of the Earth (IUGG).
const EARTH_RADIUS_KM: f64 = 6371.0088;

/// `haversine_km(lat1, lon1, lat2, lon2)`: great-circle distance of two points in degrees.
fn haversine(args: &[Value], _: &Call) -> Result<Value> {
    let (lat1, lon1) = (args[0].column::<Float64Type>()?, args[1].column::<Float64Type>()?);
    let (lat2, lon2) = (args[2].column::<Float64Type>()?, args[3].column::<Float64Type>()?);
    build::<Float64Type>(args, DataType::Double, |i| {
        let (phi1, phi2) = (lat1.at(i).to_radians(), lat2.at(i).to_radians());
        let half_phi = ((lat2.at(i) - lat1.at(i)).to_radians() / 2.0).sin();
        let half_lambda = ((lon2.at(i) - lon1.at(i)).to_radians() / 2.0).sin();
        let chord = half_phi * half_phi + phi1.cos() * phi2.cos() * half_lambda * half_lambda;
        // Rounding can push antipodes a hair past 1.
        Ok(2.0 * EARTH_RADIUS_KM * chord.sqrt().min(1.0).asin())
    })
}
