import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Checks {@link Receiver} against the shared vectors; a receiver of yours does not need this file. */
final class Vectors {
    private Vectors() {}

    @SuppressWarnings("unchecked")
    public static void main(String[] arguments) throws IOException {
        var vectors = (Map<String, Object>) new Json(Files.readString(Path.of(arguments[0]))).value();
        var keys = (Map<String, String>) vectors.get("keys");
        Receiver receiver = new Receiver((List<String>) vectors.get("trusted_key_urls"), url -> {
            if (!keys.containsKey(url)) {
                throw new IOException("no such key");
            }
            return keys.get(url);
        });
        boolean isGood = true;
        for (var each : (List<Map<String, Object>>) vectors.get("cases")) {
            isGood &= check(receiver, each);
        }
        System.exit(isGood ? 0 : 1);
    }

    @SuppressWarnings("unchecked")
    private static boolean check(Receiver receiver, Map<String, Object> each) {
        var headers = (Map<String, String>) each.get("headers");
        byte[] body = ((String) each.get("body")).getBytes(StandardCharsets.UTF_8);
        String found = "verified";
        String reason = "";
        try {
            receiver.verify((String) each.get("target"), headers::get, body);
        } catch (Receiver.NotVerified error) {
            found = "refused";
            reason = error.getMessage();
        }
        boolean isExpected = found.equals(each.get("expect"));
        String verdict = isExpected ? "ok" : "FAIL";
        System.out.println((verdict + " " + each.get("name") + ": " + found + " " + reason).stripTrailing());
        return isExpected;
    }

    /** As much JSON as the vectors hold: objects, arrays and strings. The JDK has no reader of its own. */
    private static final class Json {
        private static final Pattern TOKEN = Pattern.compile("\\s*([\\[\\]{}:,]|\"((?:[^\"\\\\]|\\\\.)*+)\")");
        private static final Pattern ESCAPE = Pattern.compile("\\\\(?:u(\\p{XDigit}{4})|(.))");
        private static final Map<String, String> ESCAPES = Map.of("n", "\n", "r", "\r", "t", "\t", "b", "\b", "f", "\f");

        private final Matcher tokens;

        Json(String text) {
            tokens = TOKEN.matcher(text);
        }

        Object value() {
            return valueOf(next());
        }

        private Object valueOf(String token) {
            return switch (token) {
                case "{" -> object();
                case "[" -> array();
                default -> string();
            };
        }

        private Map<String, Object> object() {
            Map<String, Object> found = new HashMap<>();
            for (String token = next(); !token.equals("}"); token = next()) {
                if (!token.equals(",")) {
                    String name = string();
                    next();
                    found.put(name, value());
                }
            }
            return found;
        }

        private List<Object> array() {
            List<Object> found = new ArrayList<>();
            for (String token = next(); !token.equals("]"); token = next()) {
                if (!token.equals(",")) {
                    found.add(valueOf(token));
                }
            }
            return found;
        }

        private String string() {
            return ESCAPE.matcher(tokens.group(2)).replaceAll(escape -> Matcher.quoteReplacement(
                    escape.group(1) == null
                            ? ESCAPES.getOrDefault(escape.group(2), escape.group(2))
                            : String.valueOf((char) Integer.parseInt(escape.group(1), 16))));
        }

        private String next() {
            if (!tokens.find()) {
                throw new IllegalStateException("the vectors end too early");
            }
            return tokens.group(1);
        }
    }
}
