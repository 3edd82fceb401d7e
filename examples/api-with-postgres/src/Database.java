import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.Properties;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;

/** A few connections to PostgreSQL, open from the start. */
final class Database {
  private static final int CONNECTIONS = 4;

  private final BlockingQueue<Connection> idle = new ArrayBlockingQueue<>(CONNECTIONS);

  interface Work<T> {
    T with(Connection connection) throws SQLException;
  }

  private Database(String url, Properties properties) throws SQLException {
    for (int i = 0; i < CONNECTIONS; i++) {
      idle.add(DriverManager.getConnection(url, properties));
    }
  }

  static Database ofEnvironment() {
    String host = required("DATABASE_HOST");
    String port = required("DATABASE_PORT");
    String url = "jdbc:postgresql://" + host + ":" + port + "/" + required("DATABASE_NAME");
    var properties = new Properties();
    properties.setProperty("user", required("DATABASE_USER"));
    properties.setProperty("password", required("DATABASE_PASSWORD"));
    properties.setProperty("sslmode", "disable");
    try {
      return new Database(url, properties);
    } catch (SQLException fault) {
      System.err.println("no connection to " + url + ": " + fault.getMessage());
      System.exit(1);
      throw new AssertionError(fault);
    }
  }

  /** What `work` makes of a connection that nobody else has meanwhile. */
  <T> T with(Work<T> work) throws SQLException {
    Connection connection;
    try {
      connection = idle.take();
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new SQLException("interrupted while all connections were busy");
    }
    try {
      return work.with(connection);
    } finally {
      idle.add(connection);
    }
  }

  private static String required(String name) {
    String value = System.getenv(name);
    if (value == null || value.isEmpty()) {
      System.err.println(name + " is missing in the environment");
      System.exit(2);
    }
    return value;
  }
}
