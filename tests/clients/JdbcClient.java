// The JDBC driver as its users use it. Prints what it found, a line a case.
import java.math.BigDecimal;
import java.sql.*;
import java.util.*;

public class JdbcClient {
  static void show(String name, Object value) {
    System.out.println(name + ": " + value);
  }

  static List<String> rows(ResultSet set, String... columns) throws SQLException {
    List<String> found = new ArrayList<>();
    while (set.next()) {
      StringJoiner row = new StringJoiner(" ");
      for (String column : columns) row.add(String.valueOf(set.getString(column)));
      found.add(row.toString());
    }
    set.close();
    return found;
  }

  public static void main(String[] args) throws Exception {
    try (Connection connection = DriverManager.getConnection(args[0])) {
      DatabaseMetaData meta = connection.getMetaData();
      show("product", meta.getDatabaseProductName());
      try (Statement statement = connection.createStatement()) {
        statement.execute("CREATE TABLE java (id BIGINT PRIMARY KEY, name TEXT NOT NULL, price NUMERIC(10, 2), at TIMESTAMPTZ, tags TEXT[])");
        statement.execute("CREATE INDEX java_name ON java (name)");
      }
      try (PreparedStatement insert = connection.prepareStatement("INSERT INTO java VALUES (?, ?, ?, ?, ?)")) {
        for (int at = 1; at <= 20; at++) {
          insert.setLong(1, at);
          insert.setString(2, "name " + at);
          if (at % 2 == 0) insert.setBigDecimal(3, new BigDecimal(at).movePointLeft(1));
          else insert.setNull(3, Types.NUMERIC);
          insert.setTimestamp(4, new Timestamp(1_700_000_000_000L + at));
          insert.setArray(5, connection.createArrayOf("text", new String[] {"a", "b" + at}));
          insert.addBatch();
        }
        show("batch", Arrays.stream(insert.executeBatch()).sum());
      }
      // After the fifth time the driver names the statement and asks for binary values.
      try (PreparedStatement select = connection.prepareStatement("SELECT id, name, price, at, tags FROM java WHERE id = ?")) {
        for (int at = 1; at <= 8; at++) {
          select.setLong(1, at);
          ResultSet row = select.executeQuery();
          row.next();
          show("row", row.getLong(1) + " " + row.getString(2) + " " + row.getBigDecimal(3) + " " + row.getTimestamp(4).getTime() + " " + Arrays.toString((String[]) row.getArray(5).getArray()));
        }
      }
      connection.setAutoCommit(false);
      try (Statement statement = connection.createStatement()) {
        statement.setFetchSize(3);
        int count = 0;
        ResultSet set = statement.executeQuery("SELECT id FROM java ORDER BY id");
        while (set.next()) count++;
        show("fetched", count);
        statement.executeUpdate("DELETE FROM java");
        connection.rollback();
        Savepoint savepoint = connection.setSavepoint("here");
        try {
          statement.executeQuery("SELECT 1 / 0");
        } catch (SQLException error) {
          show("error", error.getSQLState());
        }
        connection.rollback(savepoint);
        set = statement.executeQuery("SELECT count(*) FROM java");
        set.next();
        show("kept", set.getInt(1));
        connection.commit();
      }
      connection.setAutoCommit(true);
      show("tables", rows(meta.getTables(null, "public", "ja%", new String[] {"TABLE"}), "TABLE_SCHEM", "TABLE_NAME", "TABLE_TYPE"));
      show("columns", rows(meta.getColumns(null, "public", "java", "%"), "COLUMN_NAME", "TYPE_NAME", "COLUMN_SIZE", "IS_NULLABLE"));
      show("key", rows(meta.getPrimaryKeys(null, "public", "java"), "COLUMN_NAME", "PK_NAME"));
      show("indexes", rows(meta.getIndexInfo(null, "public", "java", false, true), "INDEX_NAME", "COLUMN_NAME", "NON_UNIQUE"));
      show("schemas", rows(meta.getSchemas(), "TABLE_SCHEM"));
      show("catalogs", rows(meta.getCatalogs(), "TABLE_CAT").size());
      show("types", rows(meta.getTypeInfo(), "TYPE_NAME").contains("int8"));
      show("foreign", rows(meta.getImportedKeys(null, "public", "java"), "FKTABLE_NAME"));
      try (Statement statement = connection.createStatement()) {
        statement.execute("DROP TABLE java");
      }
    }
  }
}
