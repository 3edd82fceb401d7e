import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.TreeMap;
import java.util.concurrent.Executors;

/** A small order service on the JDK's own HTTP server: GET /health, GET /orders?n=200. */
public class App {
  record Order(int id, String customer, String sku, int quantity, double price) {}

  static final String[] CUSTOMERS = {"ada", "bob", "cyd", "dan", "eve", "fay", "gus", "hal"};

  /** The same made-up orders on every call: sorted, summed by customer, the first 20 listed. */
  static String report(int count) {
    int x = 12345;
    List<Order> orders = new ArrayList<>(count);
    for (int id = 0; id < count; id++) {
      x ^= x << 13;
      x ^= x >>> 17;
      x ^= x << 5;
      long random = x & 0xffffffffL;
      orders.add(
          new Order(
              id,
              CUSTOMERS[(int) (random & 7)],
              "sku-" + (random % 97),
              (int) (random % 9) + 1,
              (random % 10000) / 100.0));
    }
    orders.sort(
        Comparator.comparing(Order::customer).thenComparing(Order::price, Comparator.reverseOrder()));
    var totals = new TreeMap<String, Double>();
    for (var order : orders) totals.merge(order.customer(), order.price() * order.quantity(), Double::sum);
    var json = new StringBuilder(4096).append("{\"totals\":{");
    String comma = "";
    for (var total : totals.entrySet()) {
      json.append(comma).append('"').append(total.getKey()).append("\":").append(Math.round(total.getValue() * 100));
      comma = ",";
    }
    json.append("},\"first\":[");
    comma = "";
    for (var order : orders.subList(0, Math.min(20, orders.size()))) {
      json.append(comma).append("{\"id\":").append(order.id()).append(",\"customer\":\"").append(order.customer())
          .append("\",\"sku\":\"").append(order.sku()).append("\",\"cents\":").append(Math.round(order.price() * 100)).append('}');
      comma = ",";
    }
    return json.append("]}").toString();
  }

  public static void main(String[] arguments) throws Exception {
    int port = Integer.parseInt(arguments[0]);
    var server = HttpServer.create(new InetSocketAddress(port), 128);
    server.createContext(
        "/",
        exchange -> {
          String path = exchange.getRequestURI().getPath();
          String query = exchange.getRequestURI().getQuery();
          int count = query != null && query.startsWith("n=") ? Integer.parseInt(query.substring(2)) : 200;
          int status = 200;
          String body;
          if (path.equals("/orders")) body = report(count);
          else if (path.equals("/health")) body = "{\"status\":\"ok\"}";
          else {
            status = 404;
            body = "{}";
          }
          byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
          exchange.getResponseHeaders().set("Content-Type", "application/json");
          exchange.sendResponseHeaders(status, bytes.length);
          try (var out = exchange.getResponseBody()) {
            out.write(bytes);
          }
        });
    server.setExecutor(
        Executors.newFixedThreadPool(
            8,
            task -> {
              var thread = new Thread(task);
              thread.setDaemon(true);
              return thread;
            }));
    server.start();
  }
}
