import java.io.IOException;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What the API promises, asked of the one at HEADSTART_URL.
 *
 * <p>Leaves what became of each test as JUnit XML in the folder that it is given, and ends with 1
 * when one failed.
 */
public class Contract {
  private static final String URL = System.getenv("HEADSTART_URL");

  private interface Test {
    void run() throws Exception;
  }

  private record Answer(int status, String type, String body) {}

  public static void main(String[] arguments) throws IOException {
    if (URL == null) {
      System.err.println("HEADSTART_URL is missing in the environment");
      System.exit(2);
    }
    var tests = new LinkedHashMap<String, Test>();
    tests.put("the database is reached", Contract::theDatabaseIsReached);
    tests.put("players are listed by their number", Contract::playersAreListed);
    tests.put("a player is found by number", Contract::aPlayerIsFound);
    tests.put("a player who is not there is a 404", Contract::nobodyIsA404);
    tests.put("a player who is posted can be read", Contract::aPostedPlayerCanBeRead);
    tests.put("what is no player is a 400", Contract::noPlayerIsA400);
    System.exit(report(tests, Path.of(arguments[0])) == 0 ? 0 : 1);
  }

  private static void theDatabaseIsReached() throws IOException {
    expect(ask("GET", "/healthz", null), 200, "{\"status\":\"ok\"}");
  }

  private static void playersAreListed() throws IOException {
    var answer = ask("GET", "/players", null);
    expect(answer.status == 200, "status " + answer.status);
    expect(answer.type.equals("application/json"), "Content-Type " + answer.type);
    String first = "[{\"id\":1,\"name\":\"Player 1\",\"goals\":7},{\"id\":2,\"name\":\"Player 2\",";
    expect(answer.body.startsWith(first), "it begins with " + begin(answer.body));
  }

  private static void aPlayerIsFound() throws IOException {
    expect(ask("GET", "/players/3", null), 200, "{\"id\":3,\"name\":\"Player 3\",\"goals\":21}");
  }

  private static void nobodyIsA404() throws IOException {
    expect(ask("GET", "/players/999999", null), 404, "{\"error\":\"nothing is here\"}");
  }

  private static void aPostedPlayerCanBeRead() throws IOException {
    var created = ask("POST", "/players", "{\"name\":\"Zoë \\\"Z\\\"\",\"goals\":4}");
    expect(created.status == 201, "status " + created.status + ": " + begin(created.body));
    String number = created.body.replaceFirst("^\\{\"id\":(\\d+),.*$", "$1");
    String whole = "{\"id\":" + number + ",\"name\":\"Zoë \\\"Z\\\"\",\"goals\":4}";
    expect(created.body.equals(whole), "posting answers " + begin(created.body));
    expect(ask("GET", "/players/" + number, null), 200, whole);
  }

  private static void noPlayerIsA400() throws IOException {
    for (String body : new String[] {"", "{", "{\"name\":\"Ada\"}", "{\"name\":null,\"goals\":1}"}) {
      int status = ask("POST", "/players", body).status;
      expect(status == 400, "status " + status + " for '" + body + "'");
    }
  }

  private static Answer ask(String method, String path, String body) throws IOException {
    var connection = (HttpURLConnection) URI.create(URL + path).toURL().openConnection();
    connection.setConnectTimeout(10_000);
    connection.setReadTimeout(10_000);
    connection.setRequestMethod(method);
    if (body != null) {
      connection.setDoOutput(true);
      try (OutputStream out = connection.getOutputStream()) {
        out.write(body.getBytes(StandardCharsets.UTF_8));
      }
    }
    int status = connection.getResponseCode();
    try (var in = status < 400 ? connection.getInputStream() : connection.getErrorStream()) {
      String text = in == null ? "" : new String(in.readAllBytes(), StandardCharsets.UTF_8);
      return new Answer(status, String.valueOf(connection.getContentType()), text);
    }
  }

  private static void expect(Answer answer, int status, String body) {
    boolean right = answer.status == status && answer.body.equals(body);
    expect(right, "status " + answer.status + ": " + begin(answer.body));
  }

  private static void expect(boolean right, String found) {
    if (!right) throw new AssertionError(found);
  }

  private static String begin(String text) {
    return text.substring(0, Math.min(text.length(), 120));
  }

  /** Run them all, write the report; how many failed. */
  private static int report(Map<String, Test> tests, Path folder) throws IOException {
    var cases = new StringBuilder();
    int failures = 0;
    for (var each : tests.entrySet()) {
      long begun = System.nanoTime();
      String fault = faultOf(each.getValue());
      double seconds = (System.nanoTime() - begun) / 1e9;
      cases.append(
          String.format(
              java.util.Locale.ROOT,
              "  <testcase classname=\"Contract\" name=\"%s\" time=\"%.3f\"",
              escaped(each.getKey()),
              seconds));
      if (fault == null) {
        cases.append("/>\n");
      } else {
        failures++;
        System.err.println(each.getKey() + ": " + fault);
        cases.append("><failure message=\"").append(escaped(fault)).append("\"/></testcase>\n");
      }
    }
    String head = "<testsuite name=\"Contract\" tests=\"%d\" failures=\"%d\">\n";
    String suite = String.format(head, tests.size(), failures) + cases + "</testsuite>\n";
    Files.writeString(folder.resolve("contract.xml"), suite);
    System.out.println(tests.size() - failures + " of " + tests.size() + " tests passed");
    return failures;
  }

  /** Null: it passed. */
  private static String faultOf(Test test) {
    try {
      test.run();
      return null;
    } catch (Exception | AssertionError fault) {
      return String.valueOf(fault.getMessage());
    }
  }

  private static String escaped(String text) {
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("\"", "&quot;")
        .replaceAll("[\\x00-\\x1f]", " ");
  }
}
