import android.content.Context;
import com.alibaba.sdk.android.oss.ClientConfiguration;
import com.alibaba.sdk.android.oss.ClientException;
import com.alibaba.sdk.android.oss.OSS;
import com.alibaba.sdk.android.oss.OSSClient;
import com.alibaba.sdk.android.oss.ServiceException;
import com.alibaba.sdk.android.oss.common.OSSLog;
import com.alibaba.sdk.android.oss.common.auth.OSSAuthCredentialsProvider;
import com.alibaba.sdk.android.oss.common.auth.OSSFederationToken;
import com.alibaba.sdk.android.oss.model.ListPartsRequest;
import com.alibaba.sdk.android.oss.model.MultipartUploadRequest;
import com.alibaba.sdk.android.oss.model.OSSRequest;
import com.alibaba.sdk.android.oss.model.PutObjectRequest;
import com.alibaba.sdk.android.oss.model.ResumableUploadRequest;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import org.json.JSONObject;

/**
 * The Android SDK's own classes on the JVM, with stubs for what Android brings along.
 *
 * <p>The endpoint is the bucket's own host: of a host that is not Alibaba Cloud's this SDK believes
 * that it is a CNAME, and leaves the bucket out of the path.
 *
 * <p>Arguments: endpoint, bucket, token URL, callback URL, folder. Each case is one line of JSON.
 */
public final class Suite {
    private interface Case {
        void run() throws Exception;
    }

    private final String endpoint;
    private final String bucket;
    private final String tokenUrl;
    private final String callbackUrl;
    private final Path folder;

    private Suite(String[] given) {
        endpoint = given[0];
        bucket = given[1];
        tokenUrl = given[2];
        callbackUrl = given[3];
        folder = Path.of(given[4]);
    }

    public static void main(String[] arguments) {
        OSSLog.disableLog();
        Suite suite = new Suite(arguments);
        suite.report("put_with_callback", suite::putWithCallback);
        suite.report("put_whose_application_is_not_there", suite::putUnanswered);
        suite.report("multipart_with_callback", suite::multipartWithCallback);
        suite.report("multipart_without_callback", suite::multipartPlain);
        suite.report("resumed_upload", suite::resumed);
        suite.report("token_is_kept_and_refreshed", suite::refreshed);
        suite.report("refused_token_is_told", suite::refusedToken);
        System.exit(0);
    }

    private void report(String name, Case one) {
        JSONObject line = new JSONObject().put("case", name);
        try {
            one.run();
            line.put("ok", true);
        } catch (Exception | Error problem) {
            line.put("ok", false).put("detail", problem.toString());
        }
        System.out.println(line);
    }

    private OSS client(OSSAuthCredentialsProvider provider) {
        ClientConfiguration configuration = new ClientConfiguration();
        configuration.setMaxErrorRetry(0);
        configuration.setCheckCRC64(true);
        return new OSSClient(new Context(), endpoint, provider, configuration);
    }

    private OSS client() {
        return client(new OSSAuthCredentialsProvider(tokenUrl));
    }

    private Map<String, String> callback(String url) {
        String body = "filename=${object}&size=${size}&photo=${x:photo}&system=${x:system}";
        return Map.of("callbackUrl", url, "callbackBody", body);
    }

    private static final Map<String, String> VARIABLES =
            Map.of("x:photo", "me at the sea", "x:system", "android");

    private void expect(Object found, Object expected) {
        if (!expected.equals(found)) {
            throw new AssertionError("expected " + expected + ", found " + found);
        }
    }

    private void expectAnswer(String body, String key, long size) {
        JSONObject answer = new JSONObject(body);
        expect(answer.getString("Status"), "OK");
        expect(answer.getString("object"), key);
        expect(answer.getLong("size"), size);
        expect(answer.getJSONObject("vars").getString("photo"), "me at the sea");
    }

    private void putWithCallback() throws Exception {
        PutObjectRequest request = new PutObjectRequest(bucket, "android/一 +.jpg", "photo".getBytes());
        request.setCallbackParam(callback(callbackUrl));
        request.setCallbackVars(VARIABLES);
        expectAnswer(client().putObject(request).getServerCallbackReturnBody(), "android/一 +.jpg", 5);
    }

    private void putUnanswered() throws Exception {
        PutObjectRequest request = new PutObjectRequest(bucket, "android/203", "photo".getBytes());
        request.setCallbackParam(callback("http://127.0.0.1:1/"));
        try {
            client().putObject(request);
        } catch (ServiceException refused) {
            expect(refused.getStatusCode(), 203);
            expect(refused.getErrorCode(), "CallbackFailed");
            return;
        }
        throw new AssertionError("203 was no failure");
    }

    private String movie(int bytes) throws Exception {
        Path path = Files.createTempFile(folder, "movie", ".mp4");
        byte[] content = new byte[bytes];
        new Random(7).nextBytes(content);
        Files.write(path, content);
        return path.toString();
    }

    private void multipartWithCallback() throws Exception {
        int size = 3 * 256 * 1024 + 77;
        MultipartUploadRequest<?> request =
                new MultipartUploadRequest<>(bucket, "android/movie.mp4", movie(size));
        request.setCallbackParam(callback(callbackUrl));
        request.setCallbackVars(VARIABLES);
        String body = client().multipartUpload(request).getServerCallbackReturnBody();
        expectAnswer(body, "android/movie.mp4", size);
    }

    private void multipartPlain() throws Exception {
        MultipartUploadRequest<?> request =
                new MultipartUploadRequest<>(bucket, "android/plain.mp4", movie(600_000));
        var result = client().multipartUpload(request);
        expect(result.getServerCallbackReturnBody() == null, true);
        expect(result.getObjectKey(), "android/plain.mp4");
    }

    /** Cancelled after two parts, then the same upload goes on. */
    private void resumed() throws Exception {
        int size = 4 * 256 * 1024 + 5;
        String path = movie(size);
        File records = Files.createDirectory(folder.resolve("records")).toFile();
        OSS client = client();
        var first = resumable(path, records);
        first.setDeleteUploadOnCancelling(false);
        var task = new java.util.concurrent.atomic.AtomicReference<
                com.alibaba.sdk.android.oss.internal.OSSAsyncTask<?>>();
        first.setProgressCallback(
                (request, done, total) -> {
                    if (done >= 2 * 256 * 1024 && task.get() != null) {
                        task.get().cancel();
                    }
                });
        task.set(client.asyncResumableUpload(first, null));
        boolean cancelled = false;
        try {
            task.get().getResult();
        } catch (ClientException stopped) {
            cancelled = true;
        }
        expect(cancelled, true);
        String uploadId = Files.readString(records.listFiles(f -> f.length() < 100)[0].toPath());
        int before = client.listParts(
                new ListPartsRequest(bucket, "android/resumed.mp4", uploadId.trim())).getParts().size();
        expect(before > 0, true);
        var again = resumable(path, records);
        AtomicInteger progressed = new AtomicInteger();
        again.setProgressCallback((request, done, total) -> progressed.incrementAndGet());
        String body = client.resumableUpload(again).getServerCallbackReturnBody();
        expectAnswer(body, "android/resumed.mp4", size);
        // One report of what is there, one for each part that was missing.
        expect(progressed.get(), 1 + 5 - before);
    }

    private ResumableUploadRequest resumable(String path, File records) {
        ResumableUploadRequest request =
                new ResumableUploadRequest(bucket, "android/resumed.mp4", path, records.getPath());
        request.setCRC64(OSSRequest.CRC64Config.YES);
        request.setCallbackParam(callback(callbackUrl));
        request.setCallbackVars(VARIABLES);
        return request;
    }

    private void refreshed() throws Exception {
        AtomicInteger fetched = new AtomicInteger();
        long[] shift = {0};
        OSSAuthCredentialsProvider provider =
                new OSSAuthCredentialsProvider(tokenUrl) {
                    @Override
                    public OSSFederationToken getFederationToken() throws ClientException {
                        fetched.incrementAndGet();
                        OSSFederationToken token = super.getFederationToken();
                        token.setExpiration(token.getExpiration() - shift[0]);
                        return token;
                    }
                };
        OSS client = client(provider);
        for (int time = 0; time < 3; time++) {
            client.putObject(new PutObjectRequest(bucket, "android/token", "x".getBytes()));
        }
        expect(fetched.get(), 1);
        // The next one seems to end within five minutes, so it serves once.
        shift[0] = 601;
        OSS other = client(provider);
        provider.getValidFederationToken().setExpiration(System.currentTimeMillis() / 1000 + 299);
        other.putObject(new PutObjectRequest(bucket, "android/token", "x".getBytes()));
        other.putObject(new PutObjectRequest(bucket, "android/token", "x".getBytes()));
        expect(fetched.get(), 3);
    }

    private void refusedToken() throws Exception {
        OSS client = client(new OSSAuthCredentialsProvider(tokenUrl + "/no-such-path"));
        try {
            client.putObject(new PutObjectRequest(bucket, "android/x", "x".getBytes()));
        } catch (ClientException told) {
            return;
        }
        throw new AssertionError("a token that was refused was used");
    }
}
