//! Arithmetic, comparison and logic.

use millrace_base::Code;
use millrace_plan::BinaryOp::*;
use millrace_plan::{DataType as T, Expr, Literal};

use super::*;

fn n(precision: u8, scale: u8) -> T {
    T::Numeric { precision, scale }
}

#[test]
fn integers_truncate_and_never_wrap() {
    check(op(Divide, int(7), int(2), T::Integer), "3");
    check(op(Divide, int(-7), int(2), T::Integer), "-3");
    check(op(Modulo, int(-7), int(3), T::Integer), "-1");
    check(op(Modulo, int(i32::MIN), int(-1), T::Integer), "0");
    check(op(Add, int(1), null(T::Integer), T::Integer), "NULL");
    check(op(Divide, null(T::Integer), int(0), T::Integer), "NULL");
    fails(op(Divide, int(1), int(0), T::Integer), Code::DivisionByZero, "division by zero");
    fails(op(Modulo, bigint(1), bigint(0), T::Bigint), Code::DivisionByZero, "division by zero");
    fails(op(Add, int(i32::MAX), int(1), T::Integer), Code::NumericValueOutOfRange, "integer out of range");
    fails(op(Multiply, bigint(i64::MAX), bigint(2), T::Bigint), Code::NumericValueOutOfRange, "bigint out of range");
    fails(op(Divide, int(i32::MIN), int(-1), T::Integer), Code::NumericValueOutOfRange, "integer out of range");
    fails(Expr::Negate { input: Box::new(int(i32::MIN)) }, Code::NumericValueOutOfRange, "integer out of range");
}

#[test]
fn doubles_overflow_and_divide_as_postgresql() {
    check(op(Divide, double(1.0), double(4.0), T::Double), "0.25");
    check(op(Multiply, double(0.0), double(5.0), T::Double), "0");
    check(op(Divide, double(f64::NAN), double(0.0), T::Double), "NaN");
    fails(op(Divide, double(1.0), double(0.0), T::Double), Code::DivisionByZero, "division by zero");
    let (over, under) = ("value out of range: overflow", "value out of range: underflow");
    fails(op(Multiply, double(1e300), double(1e300), T::Double), Code::NumericValueOutOfRange, over);
    fails(op(Multiply, double(1e-300), double(1e-300), T::Double), Code::NumericValueOutOfRange, under);
    check(op(Add, double(f64::INFINITY), double(1.0), T::Double), "Infinity");
}

#[test]
fn numerics_are_exact() {
    check(op(Add, numeric("1.10"), numeric("2.205"), n(38, 3)), "3.305");
    check(op(Multiply, numeric("1.15"), numeric("3.00"), n(38, 4)), "3.4500");
    check(op(Divide, numeric("1"), numeric("3"), n(38, 16)), "0.3333333333333333");
    check(op(Divide, numeric("2"), numeric("3"), n(38, 16)), "0.6666666666666667");
    check(op(Divide, numeric("-2"), numeric("3"), n(38, 2)), "-0.67");
    check(
        op(Divide, numeric("99999999999999999999.99"), numeric("0.03"), n(38, 10)),
        "3333333333333333333333.0000000000",
    );
    check(op(Modulo, numeric("5.5"), numeric("-2.25"), n(38, 2)), "1.00");
    check(
        op(Multiply, numeric("12345678901234567890.1234567890"), numeric("0.0000000001"), n(38, 10)),
        "1234567890.1234567890",
    );
    fails(op(Divide, numeric("1.0"), numeric("0.0"), n(38, 16)), Code::DivisionByZero, "division by zero");
    fails(op(Add, numeric("99.9"), numeric("0.1"), n(3, 1)), Code::NumericValueOutOfRange, "numeric field overflow");
    check(op(Equal, numeric("1.50"), numeric("1.5"), T::Boolean), "true");
    check(op(Less, numeric("1.49999"), numeric("1.5"), T::Boolean), "true");
    let huge = "99999999999999999999999999999999999999";
    check(op(Greater, numeric(huge), numeric("1.123456789"), T::Boolean), "true");
}

#[test]
fn floats_compare_as_postgresql() {
    check(op(Equal, double(0.0), double(-0.0), T::Boolean), "true");
    check(op(Equal, double(f64::NAN), double(f64::NAN), T::Boolean), "true");
    check(op(Greater, double(f64::NAN), double(f64::INFINITY), T::Boolean), "true");
    check(op(Less, double(f64::NAN), double(1.0), T::Boolean), "false");
    check(op(LessEqual, double(f64::NAN), double(f64::NAN), T::Boolean), "true");
    check(op(Less, double(1.0), null(T::Double), T::Boolean), "NULL");
    check(op(IsDistinctFrom, double(1.0), null(T::Double), T::Boolean), "true");
    check(op(IsNotDistinctFrom, null(T::Double), null(T::Double), T::Boolean), "true");
    check(op(IsNotDistinctFrom, double(0.0), double(-0.0), T::Boolean), "true");
}

#[test]
fn distinct_from_treats_null_as_a_value() {
    check(op(IsDistinctFrom, int(1), null(T::Integer), T::Boolean), "true");
    check(op(IsDistinctFrom, null(T::Integer), null(T::Integer), T::Boolean), "false");
    check(op(IsNotDistinctFrom, text("a"), text("a"), T::Boolean), "true");
    check(op(IsNotDistinctFrom, numeric("1.0"), numeric("1.00"), T::Boolean), "true");
    check(Expr::IsNull { input: Box::new(null(T::Text)), negated: false }, "true");
    check(Expr::IsNull { input: Box::new(text("")), negated: true }, "true");
}

#[test]
fn logic_has_three_values() {
    let all = [Some(true), Some(false), None];
    let show = |v: Option<bool>| v.map_or("NULL".to_string(), |v| v.to_string());
    for l in all {
        for r in all {
            let and = if l == Some(false) || r == Some(false) { Some(false) } else { l.and(r) };
            let or = if l == Some(true) || r == Some(true) { Some(true) } else { l.and(r) };
            check(op(And, boolean(l), boolean(r), T::Boolean), &show(and));
            check(op(Or, boolean(l), boolean(r), T::Boolean), &show(or));
        }
        check(Expr::Not { input: Box::new(boolean(l)) }, &show(l.map(|v| !v)));
    }
}

#[test]
fn in_lists_know_null() {
    let within = |input: Expr, list: Vec<Expr>, negated| Expr::InList { input: Box::new(input), list, negated };
    check(within(int(2), vec![int(1), int(2)], false), "true");
    check(within(int(3), vec![int(1), null(T::Integer)], false), "NULL");
    check(within(int(3), vec![int(1), null(T::Integer)], true), "NULL");
    check(within(int(1), vec![int(1), null(T::Integer)], true), "false");
    let many = || vec![text("a"), text("b"), text("c"), text("d"), text("e")];
    check(within(text("e"), many(), false), "true");
    check(within(text("z"), many(), true), "true");
    check(within(null(T::Text), many(), false), "NULL");
    let mut with_null = many();
    with_null.push(null(T::Text));
    check(within(text("z"), with_null, true), "NULL");
    check(within(double(-0.0), vec![double(1.0), double(2.0), double(3.0), double(0.0)], false), "true");
}

#[test]
fn patterns() {
    let like = |input: &str, pattern: &str, case_insensitive| Expr::Like {
        input: Box::new(text(input)),
        pattern: Box::new(text(pattern)),
        negated: false,
        case_insensitive,
    };
    check(like("London", "Lon%", false), "true");
    check(like("London", "lon%", false), "false");
    check(like("London", "lon%", true), "true");
    check(like("London", "_ondon", false), "true");
    check(like("10%", "10\\%", false), "true");
    check(like("10x", "10\\%", false), "false");
    check(like("a\nb", "a%b", false), "true");
    check(op(RegexMatch, text("abc"), text("^a.c$"), T::Boolean), "true");
    check(op(RegexNotMatch, text("abc"), text("B"), T::Boolean), "true");
    check(op(RegexIMatch, text("abc"), text("B"), T::Boolean), "true");
    check(op(RegexNotIMatch, text("abc"), text("B"), T::Boolean), "false");
    let Err(error) = run(&op(RegexMatch, text("a"), text("("), T::Boolean), &[], &batch(vec![], 1)) else {
        panic!("an unclosed group was accepted")
    };
    assert_eq!(error.code, Code::InvalidRegularExpression);
    check(op(Concat, text("a"), text("b"), T::Text), "ab");
    check(op(Concat, text("a"), null(T::Text), T::Text), "NULL");
    let bytes = |value: &[u8]| lit(Literal::Bytea { value: value.to_vec() });
    check(op(Concat, bytes(&[1]), bytes(&[0xff]), T::Bytea), "\\x01ff");
}
