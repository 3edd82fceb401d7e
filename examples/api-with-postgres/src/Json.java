import java.util.List;

/** Players as JSON. */
final class Json {
  private Json() {}

  static String of(List<Players.Player> players) {
    var json = new StringBuilder(64 * players.size() + 2).append('[');
    for (int i = 0; i < players.size(); i++) {
      if (i > 0) json.append(',');
      write(json, players.get(i));
    }
    return json.append(']').toString();
  }

  static String of(Players.Player player) {
    return write(new StringBuilder(64), player).toString();
  }

  private static StringBuilder write(StringBuilder json, Players.Player player) {
    json.append("{\"id\":").append(player.id()).append(",\"name\":\"");
    for (int i = 0; i < player.name().length(); i++) {
      char each = player.name().charAt(i);
      if (each == '"' || each == '\\') json.append('\\').append(each);
      else if (each < ' ') json.append(String.format("\\u%04x", (int) each));
      else json.append(each);
    }
    return json.append("\",\"goals\":").append(player.goals()).append('}');
  }
}
