"""psycopg 3 as its users use it. Prints what it found, a line a case; the test holds the lines against what PostgreSQL 15 gives."""

import datetime
import decimal
import json
import sys
import uuid

import psycopg
from psycopg.rows import dict_row


def show(name, value):
    print(f"{name}: {value!r}")


with psycopg.connect(sys.argv[1], autocommit=True) as connection:
    connection.execute("CREATE TABLE py (id INTEGER PRIMARY KEY, name TEXT, price NUMERIC(10, 2), at TIMESTAMPTZ, tags TEXT[], doc JSONB)")
    at = datetime.datetime(2024, 2, 29, 12, 30, 15, 250000, tzinfo=datetime.timezone.utc)
    rows = [
        (1, "one", decimal.Decimal("1.25"), at, ["a", "b c"], '{"k": [1, 2]}'),
        (2, None, None, None, [], None),
    ]
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO py VALUES (%s, %s, %s, %s, %s, %s)", rows)
        show("inserted", cursor.rowcount)
    for binary in (False, True):
        with connection.cursor(binary=binary) as cursor:
            cursor.execute("SELECT * FROM py ORDER BY id")
            show("rows", cursor.fetchall())
            show("columns", [(c.name, c.type_code) for c in cursor.description])
            cursor.execute(
                "SELECT %s::uuid, %s::date, %s::interval, %s::bytea, %s::boolean, %s::double precision, %s::int[]",
                (uuid.UUID(int=5), datetime.date(2024, 1, 2), datetime.timedelta(days=1, seconds=2), b"\x00\xff", True, 0.1, [1, None]),
            )
            show("values", cursor.fetchone())
    with connection.cursor(row_factory=dict_row) as cursor:
        show("dict", cursor.execute("SELECT id, name FROM py WHERE name = %s", ("one",)).fetchone())
    # The sixth time it is a prepared statement of the server.
    show("prepared", [connection.execute("SELECT name FROM py WHERE id = %s", (at % 2 + 1,), prepare=True).fetchone() for at in range(8)])
    with connection.cursor() as cursor:
        with cursor.copy("COPY py (id, name) FROM STDIN") as copy:
            for at in range(3, 6):
                copy.write_row((at, f"copied\t{at}"))
        with cursor.copy("COPY (SELECT id, name FROM py ORDER BY id) TO STDOUT") as copy:
            show("copied", list(copy.rows()))
    try:
        with connection.transaction():
            connection.execute("DELETE FROM py")
            raise psycopg.Rollback
    except psycopg.Error as error:
        show("error", error)
    show("kept", connection.execute("SELECT count(*) FROM py").fetchone())
    with connection.transaction():
        connection.execute("UPDATE py SET name = 'two' WHERE id = 2")
        try:
            with connection.transaction():
                connection.execute("SELECT 1 / 0")
        except psycopg.errors.DivisionByZero as error:
            show("inside", error.sqlstate)
    show("updated", connection.execute("SELECT name FROM py WHERE id = 2").fetchone())
    try:
        connection.execute("SELECT missing FROM py")
    except psycopg.errors.UndefinedColumn as error:
        show("diagnosis", (error.diag.sqlstate, error.diag.statement_position))
    with connection.pipeline():
        cursors = [connection.execute("SELECT %s::int + 1", (at,)) for at in range(4)]
    show("pipeline", [cursor.fetchone()[0] for cursor in cursors])
    show("streamed", sum(row[0] for row in connection.cursor().stream("SELECT g FROM generate_series(1, 1000) AS g")))
    show("json", json.dumps(connection.execute("SELECT doc FROM py WHERE id = 1").fetchone()[0]))
    connection.execute("DROP TABLE py")
