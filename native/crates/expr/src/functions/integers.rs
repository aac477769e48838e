//! Functions of integers (and some of NUMERIC): division, common divisors, factorials, bits and their texts.

use arrow_array::types::{ArrowPrimitiveType, Decimal128Type, Float64Type, Int16Type, Int32Type, Int64Type};
use millrace_base::{Code, Error, Result};
use millrace_plan::{DataType, ReturnRule};

use crate::decimal::{fit, power_of_ten, rescale, scale_of};
use crate::fault;
use crate::registry::{BIGINT, BYTEA, DOUBLE, Entry, INTEGER, NUMERIC, SMALLINT, entry, gives, like};
use crate::value::{Present, Value, build, build_text};

pub(crate) fn table() -> Vec<Entry> {
    let (int, big) = (|| gives(DataType::Integer), || gives(DataType::Bigint));
    let mut table = vec![
        entry("gcd", &[INTEGER, INTEGER], int(), |a, c| two::<Int32Type>(a, c.result, gcd)),
        entry("gcd", &[BIGINT, BIGINT], big(), |a, c| two::<Int64Type>(a, c.result, gcd)),
        entry("lcm", &[INTEGER, INTEGER], int(), |a, c| two::<Int32Type>(a, c.result, lcm)),
        entry("lcm", &[BIGINT, BIGINT], big(), |a, c| two::<Int64Type>(a, c.result, lcm)),
        entry("div", &[NUMERIC, NUMERIC], ReturnRule::Numeric { scale: 0 }, |a, c| quotient(a, c.result)),
        entry("factorial", &[BIGINT], ReturnRule::Numeric { scale: 0 }, |a, c| factorial(a, c.result)),
        entry("scale", &[NUMERIC], int(), |a, _| {
            let scale = i32::from(scale_of(&a[0]));
            build::<Int32Type>(a, DataType::Integer, |_| Ok(scale))
        })
        .infallible(),
        entry("trim_scale", &[NUMERIC], like(0), |a, _| Ok(a[0].clone())).infallible(),
        entry("min_scale", &[NUMERIC], int(), |a, _| least_scale(a)).infallible(),
        entry("width_bucket", &[DOUBLE, DOUBLE, DOUBLE, INTEGER], int(), |a, _| bucket_of_double(a)),
        entry("width_bucket", &[NUMERIC, NUMERIC, NUMERIC, INTEGER], int(), |a, _| bucket_of_numeric(a)),
        entry("bit_count", &[BYTEA], big(), |a, _| {
            let bytes = a[0].bytes()?;
            let ones = |i: usize| bytes.at(i).iter().map(|byte| i64::from(byte.count_ones())).sum();
            build::<Int64Type>(a, DataType::Bigint, |i| Ok(ones(i)))
        })
        .infallible(),
    ];
    macro_rules! texts {
        ($name:literal, $format:literal) => {
            table.push(entry($name, &[INTEGER], gives(DataType::Text), |a, _| {
                let x = a[0].column::<Int32Type>()?;
                build_text(a, |i, out| write(out, format_args!($format, x.at(i))))
            }));
            table.push(entry($name, &[BIGINT], gives(DataType::Text), |a, _| {
                let x = a[0].column::<Int64Type>()?;
                build_text(a, |i, out| write(out, format_args!($format, x.at(i))))
            }));
        };
    }
    texts!("to_bin", "{:b}");
    texts!("to_oct", "{:o}");
    // Behind `&`, `|`, `#`, `~`, `<<` and `>>`. A shift counts within the width, as the processor does.
    macro_rules! bits {
        ($kind:expr, $arrow:ty, $native:ty) => {
            for (name, run) in [
                ("bit_and_of", (|a, c| two::<$arrow>(a, c.result, |x, y| Ok(x & y))) as crate::registry::Run),
                ("bit_or_of", |a, c| two::<$arrow>(a, c.result, |x, y| Ok(x | y))),
                ("bit_xor_of", |a, c| two::<$arrow>(a, c.result, |x, y| Ok(x ^ y))),
            ] {
                table.push(entry(name, &[$kind, $kind], like(0), run).infallible());
            }
            table.push(
                entry("bit_not_of", &[$kind], like(0), |a, c| {
                    let x = a[0].column::<$arrow>()?;
                    build::<$arrow>(a, c.result, |i| Ok(!x.at(i)))
                })
                .infallible(),
            );
            table.push(
                entry("shift_left_of", &[$kind, INTEGER], like(0), |a, c| {
                    let (x, by) = (a[0].column::<$arrow>()?, a[1].column::<Int32Type>()?);
                    build::<$arrow>(a, c.result, |i| {
                        Ok(shifted_left(i64::from(x.at(i)), by.at(i), <$native>::BITS) as $native)
                    })
                })
                .infallible(),
            );
            table.push(
                entry("shift_right_of", &[$kind, INTEGER], like(0), |a, c| {
                    let (x, by) = (a[0].column::<$arrow>()?, a[1].column::<Int32Type>()?);
                    build::<$arrow>(a, c.result, |i| {
                        Ok(shifted_right(i64::from(x.at(i)), by.at(i), <$native>::BITS) as $native)
                    })
                })
                .infallible(),
            );
        };
    }
    bits!(SMALLINT, Int16Type, i16);
    bits!(INTEGER, Int32Type, i32);
    bits!(BIGINT, Int64Type, i64);
    table
}

/// PostgreSQL widens a smallint to 32 bits before it shifts.
fn shifted_left(value: i64, by: i32, bits: u32) -> i64 {
    if bits == 64 { value.wrapping_shl(by as u32) } else { i64::from((value as i32).wrapping_shl(by as u32)) }
}

fn shifted_right(value: i64, by: i32, bits: u32) -> i64 {
    if bits == 64 { value.wrapping_shr(by as u32) } else { i64::from((value as i32).wrapping_shr(by as u32)) }
}

fn write(out: &mut String, text: std::fmt::Arguments<'_>) -> Result<Present> {
    std::fmt::Write::write_fmt(out, text).expect("writing to a string");
    Ok(Present::Yes)
}

fn two<T: ArrowPrimitiveType>(
    args: &[Value],
    kind: DataType,
    f: impl Fn(T::Native, T::Native) -> Result<T::Native>,
) -> Result<Value> {
    let (x, y) = (args[0].column::<T>()?, args[1].column::<T>()?);
    build::<T>(args, kind, |i| f(x.at(i), y.at(i)))
}

/// What both integer types need here.
trait Whole: Copy + TryFrom<i128> + Into<i128> {
    const TYPE: DataType;
}

impl Whole for i32 {
    const TYPE: DataType = DataType::Integer;
}

impl Whole for i64 {
    const TYPE: DataType = DataType::Bigint;
}

fn divisor(mut a: i128, mut b: i128) -> i128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.abs()
}

fn whole<N: Whole>(value: i128) -> Result<N> {
    N::try_from(value).map_err(|_| fault::out_of_range(N::TYPE))
}

fn gcd<N: Whole>(a: N, b: N) -> Result<N> {
    whole(divisor(a.into(), b.into()))
}

fn lcm<N: Whole>(a: N, b: N) -> Result<N> {
    let (a, b): (i128, i128) = (a.into(), b.into());
    if a == 0 || b == 0 {
        return whole(0);
    }
    whole((a / divisor(a, b)).checked_mul(b).map_or(i128::MAX, i128::abs))
}

/// The quotient without its fraction.
fn quotient(args: &[Value], kind: DataType) -> Result<Value> {
    let (x, y) = (args[0].column::<Decimal128Type>()?, args[1].column::<Decimal128Type>()?);
    let (sx, sy) = (scale_of(&args[0]), scale_of(&args[1]));
    let (fx, fy) = (power_of_ten((sy - sx).max(0) as u32), power_of_ten((sx - sy).max(0) as u32));
    build::<Decimal128Type>(args, kind, |i| {
        if y.at(i) == 0 {
            return Err(fault::division_by_zero());
        }
        let too_large = || fault::numeric_overflow(38, 0);
        let (x, y) = (x.at(i).checked_mul(fx).ok_or_else(too_large)?, y.at(i).checked_mul(fy));
        // A divisor that is too large to be written at this scale is larger than any value.
        fit(y.map_or(0, |y| x / y), 38, 0)
    })
}

fn factorial(args: &[Value], kind: DataType) -> Result<Value> {
    let x = args[0].column::<Int64Type>()?;
    build::<Decimal128Type>(args, kind, |i| {
        if x.at(i) < 0 {
            let message = "factorial of a negative number is undefined";
            return Err(Error::new(Code::NumericValueOutOfRange, message));
        }
        let product = (2..=i128::from(x.at(i).min(64))).try_fold(1i128, i128::checked_mul);
        fit(product.ok_or_else(|| fault::numeric_overflow(38, 0))?, 38, 0)
    })
}

fn least_scale(args: &[Value]) -> Result<Value> {
    let (x, scale) = (args[0].column::<Decimal128Type>()?, i32::from(scale_of(&args[0])));
    build::<Int32Type>(args, DataType::Integer, |i| {
        let (mut value, mut digits) = (x.at(i), scale);
        while digits > 0 && value % 10 == 0 {
            (value, digits) = (value / 10, digits - 1);
        }
        Ok(digits)
    })
}

fn bucket_fault(message: &str) -> Error {
    Error::new(Code::InvalidArgumentForWidthBucket, message)
}

fn bucket_of_double(args: &[Value]) -> Result<Value> {
    let columns: Vec<_> = args[..3].iter().map(|a| a.column::<Float64Type>()).collect::<Result<_>>()?;
    let counts = args[3].column::<Int32Type>()?;
    build::<Int32Type>(args, DataType::Integer, |i| {
        let (value, low, high, count) = (columns[0].at(i), columns[1].at(i), columns[2].at(i), counts.at(i));
        if count <= 0 {
            return Err(bucket_fault("count must be greater than zero"));
        }
        if value.is_nan() || low.is_nan() || high.is_nan() {
            return Err(bucket_fault("operand, lower bound, and upper bound cannot be NaN"));
        }
        if low.is_infinite() || high.is_infinite() {
            return Err(bucket_fault("lower and upper bounds must be finite"));
        }
        if low == high {
            return Err(bucket_fault("lower bound cannot equal upper bound"));
        }
        let (before, past, way) = if low < high {
            (value < low, value >= high, (value - low) / (high - low))
        } else {
            (value > low, value <= high, (low - value) / (low - high))
        };
        if before {
            return Ok(0);
        }
        let most = || count.checked_add(1).ok_or_else(|| fault::out_of_range(DataType::Integer));
        if past { most() } else { Ok(((f64::from(count) * way) as i32).min(count - 1) + 1) }
    })
}

fn bucket_of_numeric(args: &[Value]) -> Result<Value> {
    let scale = args[..3].iter().map(scale_of).max().unwrap_or(0);
    let columns: Vec<_> = args[..3].iter().map(|a| a.column::<Decimal128Type>()).collect::<Result<_>>()?;
    let counts = args[3].column::<Int32Type>()?;
    build::<Int32Type>(args, DataType::Integer, |i| {
        let at = |which: usize| rescale(columns[which].at(i), scale_of(&args[which]), 38, scale as u8);
        let (value, low, high, count) = (at(0)?, at(1)?, at(2)?, counts.at(i));
        if count <= 0 {
            return Err(bucket_fault("count must be greater than zero"));
        }
        if low == high {
            return Err(bucket_fault("lower bound cannot equal upper bound"));
        }
        let (way, span) = if low < high { (value - low, high - low) } else { (low - value, low - high) };
        if way < 0 {
            return Ok(0);
        }
        if way >= span {
            return count.checked_add(1).ok_or_else(|| fault::out_of_range(DataType::Integer));
        }
        let product = way.checked_mul(i128::from(count)).ok_or_else(|| fault::numeric_overflow(38, 0))?;
        Ok((product / span) as i32 + 1)
    })
}
