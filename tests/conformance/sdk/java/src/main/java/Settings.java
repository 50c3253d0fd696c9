import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

import com.google.gson.Gson;

/** What test_sdks.py tells every suite. */
final class Settings {
    /** shared.json: test data that is the same in every language. */
    record Shared(List<String> awkward_keys, CallbackData callback) {
    }

    record CallbackData(Map<String, String> variables, String json, String form) {
    }

    static final String ENDPOINT = get("ENDPOINT");
    static final boolean VIRTUAL = get("STYLE").equals("virtual");
    static final String SIGNATURE = get("SIGNATURE");
    static final String REGION = get("REGION");
    static final String ID = get("ACCESS_KEY_ID");
    static final String SECRET = get("ACCESS_KEY_SECRET");
    static final String BUCKET = get("PREFIX");
    static final String INBOX = get("INBOX");
    static final String STS_ENDPOINT = get("STS_ENDPOINT");
    static final String STS_ID = get("STS_ACCESS_KEY_ID");
    static final String STS_SECRET = get("STS_ACCESS_KEY_SECRET");
    static final String ROLE_ARN = get("ROLE_ARN");
    static final String ROLE_BUCKET = get("ROLE_BUCKET");
    static final Shared SHARED = readShared();
    /** For V2 the SDK encodes key by char, which loses what UTF-16 writes as two. */
    static final List<String> AWKWARD_KEYS = SHARED.awkward_keys().stream()
            .filter(key -> !SIGNATURE.equals("v2") || key.chars().noneMatch(each -> Character.isSurrogate((char) each)))
            .toList();

    private static String get(String name) {
        String value = System.getenv("OSSIA_TEST_" + name);
        if (value == null) {
            throw new IllegalStateException("OSSIA_TEST_" + name + " is not set");
        }
        return value;
    }

    private static Shared readShared() {
        try {
            return new Gson().fromJson(Files.readString(Path.of(get("SHARED"))), Shared.class);
        } catch (IOException error) {
            throw new IllegalStateException(error);
        }
    }

    static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    static Path scratch(String name) {
        return Path.of(get("SCRATCH"), name);
    }

    static Path file(String name, byte[] content) throws IOException {
        return Files.write(scratch(name), content);
    }

    private Settings() {
    }
}
