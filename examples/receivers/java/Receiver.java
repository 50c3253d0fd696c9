import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PublicKey;
import java.security.Signature;
import java.security.SignatureException;
import java.security.spec.X509EncodedKeySpec;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Receives upload callbacks with nothing but the JDK (17 or newer).
 *
 * <pre>
 * java Receiver.java 8080 http://127.0.0.1:9000/-/callback/public_key.pem
 * javac -d build *.java &amp;&amp; java -cp build Vectors ../vectors.json
 * </pre>
 *
 * Each argument after the port is the URL of a key to trust, or, with a slash at its end, the place of
 * several; without any, the keys of the real OSS are trusted. LISTEN is the address, 127.0.0.1 by default.
 */
public final class Receiver {
    static final List<String> OSS_KEY_URLS =
            List.of("http://gosspublic.alicdn.com/", "https://gosspublic.alicdn.com/");
    private static final int MAX_BODY_BYTES = 1024 * 1024;
    private static final String OK = "{\"Status\":\"OK\"}";
    private static final Pattern PEM =
            Pattern.compile("\\s*-----BEGIN PUBLIC KEY-----(.+)-----END PUBLIC KEY-----\\s*", Pattern.DOTALL);
    private static final Pattern PLAIN_PATH = Pattern.compile("[\\w-][\\w.-]*(/[\\w-][\\w.-]*)*");

    private final List<String> trusted;
    private final Fetch fetch;

    Receiver(List<String> trusted, Fetch fetch) {
        this.trusted = trusted;
        this.fetch = fetch;
    }

    /** Your work goes here: the callback is genuine. The uploading client receives the result. */
    private static String uploaded(byte[] body) {
        System.out.println("verified: " + new String(body, StandardCharsets.UTF_8));
        return OK;
    }

    /** The request is not a callback to act on; the message says why. */
    static final class NotVerified extends Exception {
        private static final long serialVersionUID = 1L;

        NotVerified(String reason) {
            super(reason);
        }
    }

    /** Gets the PEM file behind a URL. */
    interface Fetch {
        String pem(String url) throws IOException;
    }

    /**
     * Throws unless a trusted key signed {@code target} (as in the request line) and {@code body}.
     * {@code header} gives the value of a header, or null.
     */
    void verify(String target, Function<String, String> header, byte[] body) throws NotVerified {
        byte[] signature = decoded(header, "authorization");
        String keyUrl = new String(decoded(header, "x-oss-pub-key-url"), StandardCharsets.ISO_8859_1);
        if (trusted.stream().noneMatch(place -> isWithin(keyUrl, place))) {
            throw new NotVerified("the key URL is not trusted");
        }
        if (!isSigned(publicKey(keyUrl), target, body, signature)) {
            throw new NotVerified("the signature does not match path, query and body");
        }
    }

    private static byte[] decoded(Function<String, String> header, String name) throws NotVerified {
        String value = header.apply(name);
        if (value == null || value.isEmpty()) {
            throw new NotVerified("the header " + name + " is missing");
        }
        try {
            return Base64.getDecoder().decode(value);
        } catch (IllegalArgumentException error) {
            throw new NotVerified("the header " + name + " is not base64");
        }
    }

    /**
     * Whether {@code url} is {@code place} or, where that ends with a slash, a plain path below it.
     *
     * <p>The request chooses the URL. The slash after the host ends the host, and a path without dot
     * segments, escapes or a query means the same to everyone who reads it.
     */
    private static boolean isWithin(String url, String place) {
        if (!place.endsWith("/")) {
            return url.equals(place);
        }
        return url.startsWith(place) && PLAIN_PATH.matcher(url.substring(place.length())).matches();
    }

    private PublicKey publicKey(String url) throws NotVerified {
        try {
            Matcher pem = PEM.matcher(fetch.pem(url));
            if (!pem.matches()) {
                throw new IOException("not a PEM file");
            }
            byte[] der = Base64.getMimeDecoder().decode(pem.group(1));
            return KeyFactory.getInstance("RSA").generatePublic(new X509EncodedKeySpec(der));
        } catch (IOException | GeneralSecurityException | IllegalArgumentException error) {
            throw new NotVerified("the key cannot be fetched or used");
        }
    }

    private static boolean isSigned(PublicKey key, String target, byte[] body, byte[] signature)
            throws NotVerified {
        try {
            Signature checked = Signature.getInstance("MD5withRSA");
            checked.initVerify(key);
            checked.update(signedTarget(target));
            checked.update(body);
            return checked.verify(signature);
        } catch (SignatureException error) {
            return false;
        } catch (GeneralSecurityException error) {
            throw new NotVerified("the key cannot be fetched or used");
        }
    }

    /** The path decoded once, "+" staying; the query raw with its "?", even a bare one; a line feed. */
    private static byte[] signedTarget(String target) throws NotVerified {
        int mark = target.indexOf('?');
        String path = mark < 0 ? target : target.substring(0, mark);
        String query = mark < 0 ? "" : target.substring(mark);
        try {
            // URLDecoder is for forms and makes "+" a space. Latin-1 keeps every byte as it is.
            String plain = URLDecoder.decode(path.replace("+", "%2B"), StandardCharsets.ISO_8859_1);
            return (plain + query + "\n").getBytes(StandardCharsets.ISO_8859_1);
        } catch (IllegalArgumentException error) {
            throw new NotVerified("the path cannot be decoded");
        }
    }

    /** Fetches keys and remembers them for a while. */
    static final class KeyCache implements Fetch {
        private static final int MAX_KEY_BYTES = 64 * 1024;
        private static final int MAX_KEYS = 64;
        private static final int TIMEOUT_MS = 5000;
        private static final Duration LIFETIME = Duration.ofMinutes(5);

        private record Fetched(String pem, Instant at) {}

        private final Map<String, Fetched> known = new ConcurrentHashMap<>();

        @Override
        public String pem(String url) throws IOException {
            Fetched found = known.get(url);
            if (found != null && found.at().plus(LIFETIME).isAfter(Instant.now())) {
                return found.pem();
            }
            String pem = download(url);
            if (known.size() >= MAX_KEYS) {
                known.clear();
            }
            known.put(url, new Fetched(pem, Instant.now()));
            return pem;
        }

        private static String download(String url) throws IOException {
            HttpURLConnection connection = (HttpURLConnection) URI.create(url).toURL().openConnection();
            connection.setInstanceFollowRedirects(false);
            connection.setConnectTimeout(TIMEOUT_MS);
            connection.setReadTimeout(TIMEOUT_MS);
            try {
                if (connection.getResponseCode() != HttpURLConnection.HTTP_OK) {
                    throw new IOException("status " + connection.getResponseCode());
                }
                try (InputStream stream = connection.getInputStream()) {
                    return new String(stream.readNBytes(MAX_KEY_BYTES), StandardCharsets.ISO_8859_1);
                }
            } finally {
                connection.disconnect();
            }
        }
    }

    private void receive(HttpExchange exchange) throws IOException {
        try (exchange) {
            if (!exchange.getRequestMethod().equals("POST")) {
                exchange.getResponseHeaders().set("Allow", "POST");
                answer(exchange, 405, refusal("callbacks are POST requests"));
                return;
            }
            String length = exchange.getRequestHeaders().getFirst("Content-Length");
            if (length == null || !length.matches("\\d{1,9}") || Integer.parseInt(length) > MAX_BODY_BYTES) {
                answer(exchange, 400, refusal("the body has no length, or is too long"));
                return;
            }
            byte[] body = exchange.getRequestBody().readAllBytes();
            try {
                // The URI's text, not its parts: "//a/b" would be taken for a host and a path.
                String target = exchange.getRequestURI().toString();
                verify(target, exchange.getRequestHeaders()::getFirst, body);
                answer(exchange, 200, uploaded(body));
            } catch (NotVerified error) {
                answer(exchange, 400, refusal(error.getMessage()));
            }
        }
    }

    /** The reasons above need no escapes in JSON; keep it so, or use a library. */
    private static String refusal(String reason) {
        return "{\"Status\":\"verify not ok\",\"reason\":\"" + reason + "\"}";
    }

    /** OSS wants exactly 200, a Content-Length, and JSON. */
    private static void answer(HttpExchange exchange, int status, String json) throws IOException {
        byte[] body = json.getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", "application/json");
        boolean isHead = exchange.getRequestMethod().equals("HEAD");
        exchange.sendResponseHeaders(status, isHead ? -1 : body.length);
        if (!isHead) {
            exchange.getResponseBody().write(body);
        }
    }

    public static void main(String[] arguments) throws IOException {
        if (arguments.length == 0 || !arguments[0].matches("\\d{1,5}")) {
            System.err.println("usage: java Receiver.java PORT [KEY_URL ...]");
            System.exit(2);
        }
        List<String> given = Arrays.asList(arguments).subList(1, arguments.length);
        Receiver receiver = new Receiver(given.isEmpty() ? OSS_KEY_URLS : given, new KeyCache());
        InetAddress address = InetAddress.getByName(System.getenv().getOrDefault("LISTEN", "127.0.0.1"));
        int port = Integer.parseInt(arguments[0]);
        HttpServer server = HttpServer.create(new InetSocketAddress(address, port), 0);
        server.setExecutor(Executors.newFixedThreadPool(16));
        server.createContext("/", receiver::receive);
        server.start();
    }
}
