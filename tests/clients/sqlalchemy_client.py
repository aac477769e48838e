"""SQLAlchemy: what its reflection finds, and a model through its ORM. Prints a line a case."""

import sys

import sqlalchemy as sa
from sqlalchemy import orm

# A change of the catalog is a commit of its own in Millrace, and so not a part of a transaction.
engine = sa.create_engine(sys.argv[1])
alone = engine.execution_options(isolation_level="AUTOCOMMIT")
with alone.connect() as connection:
    for statement in (
        "CREATE SCHEMA shop",
        "CREATE TABLE shop.item (id BIGINT PRIMARY KEY, name TEXT NOT NULL DEFAULT 'x', price NUMERIC(10, 2), tags TEXT[], UNIQUE (name), CONSTRAINT dear CHECK (price > 0))",
        "CREATE INDEX item_price ON shop.item (price DESC, id)",
        "CREATE VIEW shop.dear_item AS SELECT id FROM shop.item WHERE price > 10",
        "CREATE TABLE plain (a INTEGER, b TIMESTAMPTZ, PRIMARY KEY (b, a))",
    ):
        connection.exec_driver_sql(statement)

inspector = sa.inspect(engine)


def show(name, value):
    print(f"{name}: {value}")


show("schemas", sorted(inspector.get_schema_names()))
show("default", inspector.default_schema_name)
show("tables", inspector.get_table_names())
show("tables of shop", inspector.get_table_names(schema="shop"))
show("views of shop", inspector.get_view_names(schema="shop"))
show("view", inspector.get_view_definition("dear_item", schema="shop"))
for column in inspector.get_columns("item", schema="shop"):
    show("column", (column["name"], str(column["type"]), column["nullable"], column["default"]))
show("key", inspector.get_pk_constraint("item", schema="shop")["constrained_columns"])
show("key of plain", inspector.get_pk_constraint("plain")["constrained_columns"])
show("indexes", [(i["name"], i["column_names"], i["unique"]) for i in inspector.get_indexes("item", schema="shop")])
show("unique", [u["column_names"] for u in inspector.get_unique_constraints("item", schema="shop")])
show("checks", [c["name"] for c in inspector.get_check_constraints("item", schema="shop")])
show("foreign", inspector.get_foreign_keys("item", schema="shop"))
show("comment", inspector.get_table_comment("item", schema="shop"))
show("there", (inspector.has_table("plain"), inspector.has_table("item"), inspector.has_table("item", schema="shop")))
metadata = sa.MetaData()
metadata.reflect(engine, schema="shop", views=True)
show("reflected", sorted(metadata.tables))


class Base(orm.DeclarativeBase):
    pass


class Person(Base):
    __tablename__ = "person"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True, autoincrement=False)
    name: orm.Mapped[str]
    age: orm.Mapped[int | None]


Base.metadata.create_all(alone)
with orm.Session(engine) as session:
    session.add_all([Person(id=1, name="Ann", age=30), Person(id=2, name="Bob"), Person(id=3, name="Cy", age=50)])
    session.commit()
    session.get(Person, 2).age = 40
    session.delete(session.get(Person, 3))
    session.commit()
    show("people", [(p.id, p.name, p.age) for p in session.scalars(sa.select(Person).where(Person.age >= 30).order_by(Person.id))])
    show("sum", session.scalar(sa.select(sa.func.sum(Person.age))))
Base.metadata.drop_all(alone)
with alone.connect() as connection:
    for statement in ("DROP VIEW shop.dear_item", "DROP TABLE shop.item", "DROP SCHEMA shop", "DROP TABLE plain"):
        connection.exec_driver_sql(statement)
