import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import java.util.concurrent.Executors;

/**
 * A small API whose data is in PostgreSQL, on the JDK's own HTTP server.
 *
 * <p>GET /players, GET /players/{id}, POST /players, and GET /healthz, which asks the database.
 * Where that is comes from the environment: DATABASE_HOST, _PORT, _NAME, _USER, _PASSWORD. It
 * begins when the database is there, and tries nothing twice: without it, it ends.
 */
public class Api {
  private static final int LARGEST_BODY = 10_000;

  private final Players players;

  private Api(Players players) {
    this.players = players;
  }

  private record Answer(int status, String body) {}

  public static void main(String[] arguments) throws Exception {
    // Without it the kernel holds a small answer back until the last one is acknowledged.
    System.setProperty("sun.net.httpserver.nodelay", "true");
    Api api = new Api(new Players(Database.ofEnvironment()));
    int port = Integer.parseInt(arguments[0]);
    var server = HttpServer.create(new InetSocketAddress(port), 128);
    server.createContext("/", api::serve);
    server.setExecutor(Executors.newFixedThreadPool(8));
    server.start();
    System.out.println("listening on port " + port);
  }

  private void serve(HttpExchange exchange) throws IOException {
    Answer answer;
    try {
      answer = answerTo(exchange);
    } catch (SQLException fault) {
      System.err.println("the database failed: " + fault.getMessage());
      answer = new Answer(503, "{\"error\":\"the database failed\"}");
    }
    byte[] bytes = answer.body.getBytes(StandardCharsets.UTF_8);
    exchange.getResponseHeaders().set("Content-Type", "application/json");
    exchange.sendResponseHeaders(answer.status, bytes.length);
    try (var out = exchange.getResponseBody()) {
      out.write(bytes);
    }
  }

  private Answer answerTo(HttpExchange exchange) throws IOException, SQLException {
    String path = exchange.getRequestURI().getPath();
    String request = exchange.getRequestMethod() + " " + path;
    if (request.equals("GET /healthz")) {
      players.count();
      return new Answer(200, "{\"status\":\"ok\"}");
    }
    if (request.equals("GET /players")) {
      return new Answer(200, Json.of(players.all()));
    }
    if (request.equals("POST /players")) {
      return create(exchange);
    }
    if (request.matches("GET /players/\\d{1,9}")) {
      var player = players.byId(Integer.parseInt(path.substring("/players/".length())));
      return player == null ? missing() : new Answer(200, Json.of(player));
    }
    return missing();
  }

  private Answer create(HttpExchange exchange) throws IOException, SQLException {
    byte[] body = exchange.getRequestBody().readNBytes(LARGEST_BODY + 1);
    if (body.length > LARGEST_BODY) {
      return new Answer(413, "{\"error\":\"at most " + LARGEST_BODY + " bytes were expected\"}");
    }
    try {
      return new Answer(201, Json.of(players.create(new String(body, StandardCharsets.UTF_8))));
    } catch (Players.NotAPlayer fault) {
      return new Answer(400, "{\"error\":\"a name and a number of goals were expected\"}");
    }
  }

  private static Answer missing() {
    return new Answer(404, "{\"error\":\"nothing is here\"}");
  }
}
