import java.io.IOException;
import java.net.URI;

/** The questions that the AOT cache is trained on: those of the experiment's load. */
public class Training {
  private static final int REQUESTS = 500;

  public static void main(String[] arguments) throws IOException {
    for (int i = 0; i < REQUESTS; i++) {
      for (String path : new String[] {"/healthz", "/players", "/players/3"}) {
        try (var in = URI.create(arguments[0] + path).toURL().openStream()) {
          in.readAllBytes();
        }
      }
    }
  }
}
