import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;

/** The table of players. */
final class Players {
  private static final String COLUMNS = "id, name, goals";
  // The database reads JSON better than a few lines here would.
  private static final String CREATE =
      "INSERT INTO players (name, goals)"
          + " SELECT name, goals FROM json_to_record(?::json) AS new(name text, goals integer)"
          + " RETURNING "
          + COLUMNS;

  private final Database database;

  Players(Database database) {
    this.database = database;
  }

  record Player(int id, String name, int goals) {}

  /** What was posted is no player. */
  @SuppressWarnings("serial")
  static final class NotAPlayer extends Exception {}

  int count() throws SQLException {
    return database.with(
        connection -> {
          try (var statement = connection.prepareStatement("SELECT count(*) FROM players");
              var rows = statement.executeQuery()) {
            rows.next();
            return rows.getInt(1);
          }
        });
  }

  List<Player> all() throws SQLException {
    return database.with(
        connection -> {
          String query = "SELECT " + COLUMNS + " FROM players ORDER BY id";
          try (var statement = connection.prepareStatement(query);
              var rows = statement.executeQuery()) {
            return read(rows);
          }
        });
  }

  /** Null: there is none. */
  Player byId(int id) throws SQLException {
    var found =
        database.with(
            connection -> {
              String query = "SELECT " + COLUMNS + " FROM players WHERE id = ?";
              try (var statement = connection.prepareStatement(query)) {
                statement.setInt(1, id);
                try (var rows = statement.executeQuery()) {
                  return read(rows);
                }
              }
            });
    return found.isEmpty() ? null : found.get(0);
  }

  Player create(String json) throws SQLException, NotAPlayer {
    try {
      return database.with(
          connection -> {
            try (var statement = connection.prepareStatement(CREATE)) {
              statement.setString(1, json);
              try (var rows = statement.executeQuery()) {
                return read(rows).get(0);
              }
            }
          });
    } catch (SQLException fault) {
      String state = fault.getSQLState();
      // Class 22: a value that cannot be one; 23: a column that may not be empty.
      if (state != null && (state.startsWith("22") || state.startsWith("23"))) {
        throw new NotAPlayer();
      }
      throw fault;
    }
  }

  private static List<Player> read(ResultSet rows) throws SQLException {
    var players = new ArrayList<Player>();
    while (rows.next()) {
      players.add(new Player(rows.getInt(1), rows.getString(2), rows.getInt(3)));
    }
    return players;
  }
}
