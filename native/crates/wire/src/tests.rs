//! The bytes are those that a PostgreSQL server sends (compared in `tests/server` by its own clients as well).

use std::sync::Arc;

use arrow_array::builder::{Int64Builder, ListBuilder};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, RecordBatch,
    StringArray, TimestampMicrosecondArray,
};
use arrow_ipc::writer::StreamWriter;

use crate::{DataRows, Format, data_rows};

fn ipc(columns: Vec<ArrayRef>) -> Vec<u8> {
    let names: Vec<(String, ArrayRef)> = columns.into_iter().enumerate().map(|(i, c)| (format!("c{i}"), c)).collect();
    let batch = RecordBatch::try_from_iter_with_nullable(names.into_iter().map(|(n, c)| (n, c, true))).unwrap();
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.write(&batch.slice(0, 0)).unwrap();
    writer.into_inner().unwrap()
}

fn fields(rows: &DataRows) -> Vec<Vec<Option<Vec<u8>>>> {
    let mut out = Vec::new();
    let mut rest = rows.bytes.as_slice();
    while !rest.is_empty() {
        assert_eq!(rest[0], b'D');
        let len = i32::from_be_bytes(rest[1..5].try_into().unwrap()) as usize;
        let (mut message, after) = (&rest[5..1 + len], &rest[1 + len..]);
        let count = u16::from_be_bytes(message[..2].try_into().unwrap());
        message = &message[2..];
        let mut row = Vec::new();
        for _ in 0..count {
            let len = i32::from_be_bytes(message[..4].try_into().unwrap());
            message = &message[4..];
            row.push((len >= 0).then(|| {
                let (value, tail) = message.split_at(len as usize);
                message = tail;
                value.to_vec()
            }));
        }
        assert!(message.is_empty());
        out.push(row);
        rest = after;
    }
    assert_eq!(out.len() as u64, rows.rows);
    out
}

#[test]
fn text_is_postgresqls() {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(BooleanArray::from(vec![Some(true), None])),
        Arc::new(Int64Array::from(vec![Some(-7), None])),
        Arc::new(Float64Array::from(vec![Some(1e20), None])),
        Arc::new(Decimal128Array::from(vec![Some(-1250), None]).with_precision_and_scale(10, 2).unwrap()),
        Arc::new(StringArray::from(vec![Some("é"), None])),
        Arc::new(BinaryArray::from(vec![Some(b"\x00\xff".as_slice()), None])),
        Arc::new(Date32Array::from(vec![Some(10_957), None])),
        Arc::new(TimestampMicrosecondArray::from(vec![Some(1_500_000), None]).with_timezone("UTC")),
    ];
    let rows = data_rows(&ipc(columns), &[]).unwrap();
    let text = |s: &str| Some(s.as_bytes().to_vec());
    let expected = vec![
        text("t"),
        text("-7"),
        text("1e+20"),
        text("-12.50"),
        text("é"),
        text("\\x00ff"),
        text("2000-01-01"),
        text("1970-01-01 00:00:01.5+00"),
    ];
    assert_eq!(fields(&rows), vec![expected, vec![None; 8]]);
}

#[test]
fn binary_is_postgresqls() {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(BooleanArray::from(vec![true])),
        Arc::new(Int64Array::from(vec![-2])),
        Arc::new(Float64Array::from(vec![0.5])),
        Arc::new(StringArray::from(vec!["é"])),
        Arc::new(BinaryArray::from(vec![b"\x00\xff".as_slice()])),
        Arc::new(Date32Array::from(vec![10_958])),
        Arc::new(TimestampMicrosecondArray::from(vec![946_684_800_000_001])),
    ];
    let rows = data_rows(&ipc(columns), &[Format::Binary]).unwrap();
    let expected: Vec<Option<Vec<u8>>> = vec![
        Some(vec![1]),
        Some((-2i64).to_be_bytes().to_vec()),
        Some(0.5f64.to_be_bytes().to_vec()),
        Some("é".as_bytes().to_vec()),
        Some(vec![0, 255]),
        Some(vec![0, 0, 0, 1]),
        Some(1i64.to_be_bytes().to_vec()),
    ];
    assert_eq!(fields(&rows), vec![expected]);
}

/// What PostgreSQL 15's `numeric_send` gives: digits, weight, sign, scale, digits of the base 10,000.
#[test]
fn numeric_in_binary() {
    let cases: [(i128, i8, &[u16]); 10] = [
        (0, 0, &[0, 0, 0, 0]),
        (0, 2, &[0, 0, 0, 2]),
        (1, 0, &[1, 0, 0, 0, 1]),
        (-12_345, 0, &[2, 1, 0x4000, 0, 1, 2345]),
        (10_000, 0, &[1, 1, 0, 0, 1]),
        (125, 2, &[2, 0, 0, 2, 1, 2500]),
        (1, 6, &[1, 0xfffe, 0, 6, 100]),
        (123_456_789, 5, &[3, 0, 0, 5, 1234, 5678, 9000]),
        (-5, 1, &[1, 0xffff, 0x4000, 1, 5000]),
        (
            99_999_999_999_999_999_999_999_999_999_999_999_999,
            38,
            &[10, 0xffff, 0, 38, 9999, 9999, 9999, 9999, 9999, 9999, 9999, 9999, 9999, 9900],
        ),
    ];
    for (value, scale, expected) in cases {
        let array = Decimal128Array::from(vec![value]).with_precision_and_scale(38, scale).unwrap();
        let rows = data_rows(&ipc(vec![Arc::new(array)]), &[Format::Binary]).unwrap();
        let bytes: Vec<u8> = expected.iter().flat_map(|w| w.to_be_bytes()).collect();
        assert_eq!(fields(&rows), vec![vec![Some(bytes)]], "{value} e-{scale}");
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let two: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(vec![1])), Arc::new(Int64Array::from(vec![2]))];
    let stream = ipc(two);
    assert!(data_rows(&stream, &[Format::Text; 3]).is_err());
    assert!(data_rows(b"nonsense", &[]).is_err());
    assert!(Format::from_code(2).is_err());
    let mixed = data_rows(&stream, &[Format::Text, Format::Binary]).unwrap();
    assert_eq!(fields(&mixed), vec![vec![Some(b"1".to_vec()), Some(2i64.to_be_bytes().to_vec())]]);
}

/// The bytes of `array_send` for `'{1,NULL}'::int4[]`, `'{}'` and NULL, as a PostgreSQL server sends them. PostgreSQL has no arrays of
/// arrays of different lengths.
#[test]
fn arrays_in_binary_are_rectangular() {
    use arrow_array::ListArray;
    use arrow_array::types::Int32Type;
    let ints = |rows: Vec<Option<Vec<Option<i32>>>>| ListArray::from_iter_primitive::<Int32Type, _, _>(rows);
    let flat: ArrayRef = Arc::new(ints(vec![Some(vec![Some(1), None]), Some(vec![]), None]));
    let rows = data_rows(&ipc(vec![flat]), &[Format::Binary]).unwrap();
    let be = |numbers: &[i32]| numbers.iter().flat_map(|n| n.to_be_bytes()).collect::<Vec<u8>>();
    let found: Vec<_> = fields(&rows).into_iter().map(|row| row[0].clone()).collect();
    assert_eq!(found[0], Some(be(&[1, 1, 23, 2, 1, 4, 1, -1])));
    assert_eq!(found[1], Some(be(&[0, 0, 23])));
    assert_eq!(found[2], None);
    let inner = ints(vec![Some(vec![Some(1), Some(2)]), Some(vec![Some(3)])]);
    let field = Arc::new(arrow_schema::Field::new("item", inner.data_type().clone(), true));
    let offsets = arrow::buffer::OffsetBuffer::new(vec![0, 2].into());
    let nested: ArrayRef = Arc::new(ListArray::new(field, offsets, Arc::new(inner), None));
    let rows = data_rows(&ipc(vec![nested]), &[Format::Binary]).unwrap();
    assert_eq!(fields(&rows)[0][0], Some(be(&[2, 1, 23, 2, 1, 2, 1, 4, 1, 4, 2, 4, 3, -1])));
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// What PostgreSQL 15's `array_send` gives.
#[test]
fn arrays_in_binary() {
    let mut flat = ListBuilder::new(Int64Builder::new());
    flat.append_value([Some(1), None, Some(3)]);
    flat.append_value([]);
    flat.append_null();
    let rows = data_rows(&ipc(vec![Arc::new(flat.finish())]), &[Format::Binary]).unwrap();
    let with_null = "0000000100000001000000140000000300000001000000080000000000000001ffffffff000000080000000000000003";
    let expected = vec![vec![Some(hex(with_null))], vec![Some(hex("000000000000000000000014"))], vec![None]];
    assert_eq!(fields(&rows), expected);

    let mut square = ListBuilder::new(ListBuilder::new(Int64Builder::new()));
    square.values().append_value([Some(1), Some(2)]);
    square.values().append_value([Some(3), Some(4)]);
    square.append(true);
    let rows = data_rows(&ipc(vec![Arc::new(square.finish())]), &[Format::Binary]).unwrap();
    let square = concat!(
        "000000020000000000000014000000020000000100000002000000010000000800000000000000010000000800000000",
        "00000002000000080000000000000003000000080000000000000004",
    );
    assert_eq!(fields(&rows), vec![vec![Some(hex(square))]]);
}

/// A NUMERIC without a scale of its own has that of its digits.
#[test]
fn plain_numeric() {
    let unit = 10i128.pow(17);
    let values = vec![unit + unit / 2, 2_000_500 * unit, 0];
    let array = Decimal128Array::from(values).with_precision_and_scale(38, 17).unwrap();
    let stream = ipc(vec![Arc::new(array)]);
    let one = |bytes: &[u8]| vec![Some(bytes.to_vec())];
    let text = data_rows(&stream, &[Format::Text]).unwrap();
    assert_eq!(fields(&text), vec![one(b"1.5"), one(b"2000500"), one(b"0")]);
    let binary = data_rows(&stream, &[Format::Binary]).unwrap();
    let sent = ["000200000000000100011388", "000200010000000000c801f4", "0000000000000000"];
    assert_eq!(fields(&binary), sent.map(|value| one(&hex(value))).to_vec());
}

#[test]
fn digits_of_whole_numbers() {
    let values = [0, 7, -7, 10, i64::MAX, i64::MIN];
    let column = crate::column::Column::new(
        &(std::sync::Arc::new(arrow_array::Int64Array::from(values.to_vec())) as _),
        Format::Text,
        false,
    )
    .unwrap();
    for (row, value) in values.iter().enumerate() {
        let mut out = Vec::new();
        column.write(row, &mut out);
        let text = value.to_string();
        assert_eq!(out[..4], (text.len() as i32).to_be_bytes());
        assert_eq!(out[4..], *text.as_bytes());
    }
}
