import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.ProcessBuilder.Redirect;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import com.aliyun.oss.OSS;
import com.aliyun.oss.OSSClientBuilder;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * Runs Ossia for the tests of a class, in memory, with an inbox for callbacks:
 * {@code @RegisterExtension static final OssiaServer OSSIA = new OssiaServer();}
 */
final class OssiaServer implements BeforeAllCallback, AfterAllCallback {
    final String accessKeyId = "LTAI" + random();
    final String accessKeySecret = random();
    String endpoint;
    String region;
    String inboxUrl;

    private final BlockingQueue<String> received = new LinkedBlockingQueue<>();
    private Process process;
    private HttpServer inbox;

    @Override
    public void beforeAll(ExtensionContext context) throws IOException {
        ProcessBuilder builder = new ProcessBuilder(List.of("ossia", "serve", "--json",
                "--listen", "127.0.0.1:0", "--metadata", "memory", "--blobs", "memory"));
        builder.environment().putAll(Map.of(
                "OSSIA_ROOT_ACCESS_KEY_ID", accessKeyId, "OSSIA_ROOT_ACCESS_KEY_SECRET", accessKeySecret));
        process = builder.redirectError(Redirect.INHERIT).start();
        Runtime.getRuntime().addShutdownHook(new Thread(process::destroy));
        String ready = new BufferedReader(
                new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8)).readLine();
        if (ready == null) {
            throw new IllegalStateException("ossia did not start: what it says is above");
        }
        endpoint = field(ready, "endpoint");
        region = field(ready, "region");
        inbox = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        inbox.createContext("/", this::receive);
        inbox.start();
        inboxUrl = "http://127.0.0.1:" + inbox.getAddress().getPort() + "/callback";
    }

    @Override
    public void afterAll(ExtensionContext context) throws InterruptedException {
        inbox.stop(0);
        process.destroy();
        process.waitFor();
    }

    /** The official SDK with the server's keys. */
    OSS client() {
        return new OSSClientBuilder().build(endpoint, accessKeyId, accessKeySecret);
    }

    /** A bucket that was not there before. */
    String freshBucket() {
        String name = "test-" + random();
        OSS client = client();
        client.createBucket(name);
        client.shutdown();
        return name;
    }

    /** The body of the next callback. */
    String nextCallback() throws InterruptedException {
        String body = received.poll(5, TimeUnit.SECONDS);
        if (body == null) {
            throw new AssertionError("no callback arrived at " + inboxUrl
                    + ": was anything uploaded, and with a callback to this URL?");
        }
        return body;
    }

    private void receive(HttpExchange exchange) throws IOException {
        try (exchange) {
            received.add(new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8));
            byte[] answer = "{\"Status\":\"OK\"}".getBytes(StandardCharsets.UTF_8);
            exchange.getResponseHeaders().set("Content-Type", "application/json");
            exchange.sendResponseHeaders(200, answer.length);
            exchange.getResponseBody().write(answer);
        }
    }

    private static String field(String json, String name) {
        Matcher found = Pattern.compile("\"" + name + "\": \"([^\"]*)\"").matcher(json);
        if (!found.find()) {
            throw new IllegalStateException("no " + name + " in " + json);
        }
        return found.group(1);
    }

    private static String random() {
        return UUID.randomUUID().toString().replace("-", "");
    }
}
