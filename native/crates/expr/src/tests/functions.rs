//! Functions of numbers and texts, conditional functions, digests and patterns.

use millrace_base::Code;
use millrace_plan::{DataType as T, Expr, Literal};

use super::*;

#[test]
fn mathematics() {
    check(call("abs", &[int(-5)]), "5");
    check(call("abs", &[numeric("-5.50")]), "5.50");
    check(call("ceil", &[double(-1.5)]), "-1");
    check(call("floor", &[numeric("-1.5")]), "-2");
    check(call("ceiling", &[numeric("1.01")]), "2");
    check(call("round", &[double(2.5)]), "2");
    check(call("round", &[double(3.5)]), "4");
    check(call("round", &[numeric("2.5")]), "3");
    check(call("round", &[numeric("-2.5")]), "-3");
    check(call("round", &[numeric("2.675"), int(2)]), "2.680");
    check(call("round", &[numeric("1250.00"), int(-2)]), "1300.00");
    check(call("trunc", &[numeric("-2.679"), int(1)]), "-2.600");
    check(call("trunc", &[double(-2.7)]), "-2");
    check(call("sqrt", &[double(9.0)]), "3");
    check(call("cbrt", &[double(27.0)]), "3");
    check(call("power", &[double(2.0), double(10.0)]), "1024");
    check(call("log", &[double(100.0)]), "2");
    check(call("log", &[double(2.0), double(8.0)]), "3");
    check(call("mod", &[int(-7), int(3)]), "-1");
    check(call("sign", &[double(-3.5)]), "-1");
    check(call("degrees", &[call("pi", &[])]), "180");
    check(call("atan2", &[double(0.0), double(-1.0)]), "3.141592653589793");
    check(call("greatest", &[int(1), null(T::Integer), int(3)]), "3");
    check(call("least", &[numeric("1.5"), numeric("-2.0")]), "-2.0");
    check(call("greatest", &[null(T::Text), null(T::Text)]), "NULL");
    let (log, power, out) = (Code::InvalidArgumentForLog, Code::InvalidArgumentForPower, Code::NumericValueOutOfRange);
    fails(call("ln", &[double(0.0)]), log, "cannot take logarithm of zero");
    fails(call("ln", &[double(-1.0)]), log, "cannot take logarithm of a negative number");
    fails(call("sqrt", &[double(-1.0)]), power, "cannot take square root of a negative number");
    fails(call("power", &[double(0.0), double(-1.0)]), power, "zero raised to a negative power is undefined");
    fails(call("exp", &[double(1000.0)]), out, "value out of range: overflow");
    fails(call("acos", &[double(2.0)]), out, "input is out of range");
    fails(call("abs", &[int(i32::MIN)]), out, "integer out of range");
}

#[test]
fn distance_on_the_globe() {
    let shown =
        cast(call("haversine_km", &[double(51.5074), double(-0.1278), double(40.7128), double(-74.006)]), T::Integer);
    check(shown, "5570");
    check(call("haversine_km", &[double(1.0), double(2.0), double(1.0), double(2.0)]), "0");
    check(call("haversine_km", &[double(1.0), null(T::Double), double(1.0), double(2.0)]), "NULL");
    let antipodes = call("haversine_km", &[double(0.0), double(0.0), double(0.0), double(180.0)]);
    check(cast(antipodes, T::Integer), "20015");
}

#[test]
fn random_differs_by_row() {
    let array = run(&call("random", &[]), &[], &batch(vec![], 50)).unwrap();
    let values: &arrow_array::Float64Array = array.as_primitive();
    assert!(values.values().iter().all(|v| (0.0..1.0).contains(v)));
    assert!(values.values().iter().any(|v| *v != values.value(0)));
}

#[test]
fn texts() {
    check(call("length", &[text("naïve")]), "5");
    check(call("octet_length", &[text("naïve")]), "6");
    check(call("upper", &[text("straße é")]), "STRAßE É");
    check(call("lower", &[text("ÀB")]), "àb");
    check(call("initcap", &[text("hi THOMAS")]), "Hi Thomas");
    check(call("btrim", &[text("xyxtrimyyx"), text("xyz")]), "trim");
    check(call("ltrim", &[text("zzzytest"), text("xyz")]), "test");
    check(call("trim", &[text("  a b ")]), "a b");
    check(call("substring", &[text("Thomas"), int(2), int(3)]), "hom");
    check(call("substring", &[text("hello"), int(-1), int(4)]), "he");
    check(call("substring", &[text("hello"), int(0)]), "hello");
    check(call("substring", &[text("hello"), int(9)]), "");
    check(call("substring", &[text("hello"), int(2), int(i32::MAX)]), "ello");
    check(call("substr", &[text("größe"), int(3), int(2)]), "öß");
    check(call("left", &[text("abcde"), int(2)]), "ab");
    check(call("left", &[text("abcde"), int(-2)]), "abc");
    check(call("right", &[text("abcde"), int(2)]), "de");
    check(call("right", &[text("abcde"), int(-2)]), "cde");
    check(call("right", &[text("abcde"), int(-9)]), "");
    check(call("replace", &[text("abcdefabcdef"), text("cd"), text("XX")]), "abXXefabXXef");
    check(call("replace", &[text("abc"), text(""), text("X")]), "abc");
    check(call("repeat", &[text("Pg"), int(3)]), "PgPgPg");
    check(call("repeat", &[text("Pg"), int(-3)]), "");
    check(call("reverse", &[text("abé")]), "éba");
    check(call("strpos", &[text("high"), text("ig")]), "2");
    check(call("position", &[text("high"), text("zz")]), "0");
    check(call("split_part", &[text("abc~@~def~@~ghi"), text("~@~"), int(2)]), "def");
    check(call("split_part", &[text("abc,def,ghi,jkl"), text(","), int(-2)]), "ghi");
    check(call("split_part", &[text("abc"), text(","), int(5)]), "");
    check(call("lpad", &[text("hi"), int(5), text("xy")]), "xyxhi");
    check(call("rpad", &[text("hi"), int(5), text("xy")]), "hixyx");
    check(call("lpad", &[text("hello"), int(2)]), "he");
    check(call("lpad", &[text("hi"), int(5), text("")]), "hi");
    check(call("starts_with", &[text("alphabet"), text("alph")]), "true");
    check(call("ascii", &[text("x")]), "120");
    check(call("chr", &[int(233)]), "é");
    check(call("to_hex", &[int(-1)]), "ffffffff");
    check(call("to_hex", &[bigint(255)]), "ff");
    check(call("translate", &[text("12345"), text("143"), text("ax")]), "a2x5");
    let parameter = Code::InvalidParameterValue;
    fails(
        call("substring", &[text("a"), int(1), int(-1)]),
        Code::SubstringError,
        "negative substring length not allowed",
    );
    fails(call("split_part", &[text("a"), text(","), int(0)]), parameter, "field position must not be zero");
    fails(call("repeat", &[text("abcdefgh"), int(i32::MAX)]), Code::OutOfMemory, "requested length too large");
    fails(call("chr", &[int(0)]), parameter, "null character not permitted");
}

#[test]
fn concat_skips_null() {
    check(call("concat", &[text("a"), null(T::Text), int(2), numeric("1.50"), boolean(Some(true))]), "a21.50true");
    check(call("concat", &[null(T::Text)]), "");
    check(call("concat_ws", &[text(","), text("a"), null(T::Text), text("b")]), "a,b");
    check(call("concat_ws", &[null(T::Text), text("a")]), "NULL");
    check(call("concat_ws", &[text(",")]), "");
}

#[test]
fn conditional_functions() {
    check(call("coalesce", &[null(T::Integer), null(T::Integer), int(3)]), "3");
    check(call("coalesce", &[int(1), op(millrace_plan::BinaryOp::Divide, int(1), int(0), T::Integer)]), "1");
    check(call("nullif", &[int(1), int(1)]), "NULL");
    check(call("nullif", &[int(1), int(2)]), "1");
    check(call("nullif", &[int(1), null(T::Integer)]), "1");
}

#[test]
fn digests_and_encodings() {
    let bytes = |value: &[u8]| lit(Literal::Bytea { value: value.to_vec() });
    check(call("md5", &[text("abc")]), "900150983cd24fb0d6963f7d28e17f72");
    check(call("sha256", &[bytes(b"abc")]), "\\xba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    check(call("encode", &[bytes(b"123\x00\x01"), text("base64")]), "MTIzAAE=");
    check(call("encode", &[bytes(b"123\x00\x01"), text("hex")]), "3132330001");
    check(call("encode", &[bytes(b"123\x00\x01"), text("escape")]), "123\\000\x01");
    check(call("decode", &[text("MTIzAAE="), text("base64")]), "\\x3132330001");
    check(call("decode", &[text("3132"), text("hex")]), "\\x3132");
    let parameter = Code::InvalidParameterValue;
    fails(call("decode", &[text("3"), text("hex")]), parameter, "invalid hexadecimal data: odd number of digits");
    fails(call("encode", &[bytes(b"x"), text("rot13")]), parameter, "unrecognized encoding: \"rot13\"");
}

#[test]
fn regular_expressions() {
    check(call("regexp_replace", &[text("foobarbaz"), text("b.."), text("X")]), "fooXbaz");
    check(call("regexp_replace", &[text("foobarbaz"), text("b.."), text("X"), text("g")]), "fooXX");
    check(call("regexp_replace", &[text("foobarbaz"), text("b(..)"), text("X\\1Y"), text("g")]), "fooXarYXazY");
    check(call("regexp_like", &[text("Hello"), text("hello"), text("i")]), "true");
    check(call("regexp_like", &[text("Hello"), text("hello")]), "false");
    check(call("regexp_count", &[text("ABCABCAXYaxy"), text("A.")]), "3");
    check(call("substring", &[text("foobar"), text("o(.)b")]), "o");
    check(call("regexp_substr", &[text("foobar"), text("z")]), "NULL");
}

#[test]
fn null_in_gives_null_out() {
    // Functions whose answer may have a NULL in it, and those that are looked for in arrays, where NULL is a value.
    let spared = [
        "concat",
        "concat_ws",
        "coalesce",
        "quote_nullable",
        "greatest",
        "least",
        "nullif",
        "row_construct",
        "row_field",
        "map_construct",
        "map_value",
        "array_append",
        "array_prepend",
        "array_cat",
    ];
    let mut calls = 0;
    for signature in registry::signatures() {
        // What only the binder calls takes arguments that only it makes.
        let bound = signature.result == millrace_plan::ReturnRule::Bound;
        if bound || spared.contains(&signature.name.as_str()) || signature.parameters.is_empty() {
            continue;
        }
        let args: Vec<Expr> = signature
            .parameters
            .iter()
            .map(|p| match p {
                millrace_plan::ParameterType::Exact { data_type } => null(*data_type),
                millrace_plan::ParameterType::Array => {
                    let element = T::Numeric { precision: 10, scale: 2 };
                    null(T::array(element))
                }
                _ => null(T::Numeric { precision: 10, scale: 2 }),
            })
            .collect();
        check(call(&signature.name, &args), "NULL");
        calls += 1;
    }
    assert!(calls > 100, "{calls} calls");
}

#[test]
fn an_unknown_function_is_named() {
    let expr = Expr::Call { function: "nope".into(), args: vec![int(1)], data_type: T::Integer };
    let error = Evaluator::compile(&expr, &[], &NoModels).err().unwrap();
    assert_eq!(
        (error.code, error.message.as_str()),
        (Code::UndefinedFunction, "function nope(integer) does not exist")
    );
}
