import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import com.aliyun.oss.OSS;
import com.aliyun.oss.OSSException;
import com.aliyun.oss.internal.OSSUtils;
import com.aliyun.oss.model.Callback;
import com.aliyun.oss.model.Callback.CalbackBodyType;
import com.aliyun.oss.model.CallbackResult;
import com.aliyun.oss.model.CompleteMultipartUploadRequest;
import com.aliyun.oss.model.CompleteMultipartUploadResult;
import com.aliyun.oss.model.ObjectMetadata;
import com.aliyun.oss.model.PartETag;
import com.aliyun.oss.model.PutObjectRequest;
import com.aliyun.oss.model.PutObjectResult;
import com.google.gson.Gson;
import com.google.gson.JsonParser;
import com.google.gson.JsonObject;

final class Callbacks {
    static final String KEY = "callback/键 &=+.txt";
    static final String ECHO = "/echo?from=sdk";

    static void addTo(Map<String, Suite.Case> cases) {
        cases.put("callback_put_json", () -> put(CalbackBodyType.JSON));
        cases.put("callback_put_form", () -> put(CalbackBodyType.URL));
        cases.put("callback_complete", Callbacks::complete);
        cases.put("callback_presigned", Callbacks::presigned);
        cases.put("callback_fails", Callbacks::fails);
        cases.put("callback_complete_fails", Callbacks::completeFails);
    }

    /** The SDK puts body and variables between quotes as they are, so they are escaped here. */
    static Callback to(String path, CalbackBodyType type) {
        Settings.CallbackData data = Settings.SHARED.callback();
        Callback callback = new Callback();
        callback.setCallbackUrl(Settings.INBOX + path);
        callback.setCallbackBody(escaped(type == CalbackBodyType.JSON ? data.json() : data.form()));
        callback.setCalbackBodyType(type);
        data.variables().forEach((name, value) -> callback.addCallbackVar("x:" + name, escaped(value)));
        return callback;
    }

    private static String escaped(String text) {
        return text.replace("\\", "\\\\").replace("\"", "\\\"");
    }

    static PutObjectResult put(OSS client, String bucket, String key, Callback callback) {
        ObjectMetadata metadata = new ObjectMetadata();
        metadata.setContentType("text/plain");
        var content = new ByteArrayInputStream(Settings.utf8("hello"));
        PutObjectRequest request = new PutObjectRequest(bucket, key, content, metadata);
        request.setCallback(callback);
        return client.putObject(request);
    }

    /** The application server's answer, as the SDK hands it out. */
    static JsonObject answer(CallbackResult result) throws IOException {
        try (InputStream stream = result.getCallbackResponseBody()) {
            return JsonParser.parseReader(new InputStreamReader(stream, StandardCharsets.UTF_8)).getAsJsonObject();
        }
    }

    /** Compares the application server's answer with what it should have received. */
    static void equalEcho(JsonObject echo, CalbackBodyType type, String bucket, String key) {
        boolean isMultipart = Oss.CLIENT.getObjectMetadata(bucket, key).getObjectType().equals("Multipart");
        equalEcho(echo, type, bucket, key, isMultipart ? "CompleteMultipartUpload" : "PutObject");
    }

    static void equalEcho(JsonObject echo, CalbackBodyType type, String bucket, String key, String operation) {
        ObjectMetadata stored = Oss.CLIENT.getObjectMetadata(bucket, key);
        Map<String, String> values = new LinkedHashMap<>(Settings.SHARED.callback().variables());
        values.put("bucket", bucket);
        values.put("object", key);
        values.put("etag", stored.getETag());
        values.put("size", String.valueOf(stored.getContentLength()));
        values.put("crc64", Long.toUnsignedString(stored.getServerCRC()));
        values.put("mimeType", "text/plain");
        values.put("operation", operation);
        JsonObject want = new JsonObject();
        want.addProperty("Status", "OK");
        want.addProperty("target", ECHO);
        want.addProperty("type",
                type == CalbackBodyType.JSON ? "application/json" : "application/x-www-form-urlencoded");
        want.add("values", new Gson().toJsonTree(values));
        Check.equal("the application's answer", echo, want);
    }

    private static void put(CalbackBodyType type) throws Exception {
        PutObjectResult stored = put(Oss.CLIENT, Oss.BUCKET, KEY, to(ECHO, type));
        equalEcho(answer(stored), type, Oss.BUCKET, KEY);
        Check.equal("ETag", stored.getETag(), Oss.etagOf(Settings.utf8("hello")));
    }

    private static CompleteMultipartUploadResult complete(String key, byte[] content, String path) {
        String upload = Multipart.initiate(key);
        List<PartETag> parts = Multipart.uploadParts(key, upload, content);
        var request = new CompleteMultipartUploadRequest(Oss.BUCKET, key, upload, parts);
        request.setCallback(to(path, CalbackBodyType.JSON));
        return Oss.CLIENT.completeMultipartUpload(request);
    }

    private static void complete() throws Exception {
        String key = "callback/complete 键.bin";
        byte[] content = Oss.bytes(Multipart.PART + 3);
        equalEcho(answer(complete(key, content, ECHO)), CalbackBodyType.JSON, Oss.BUCKET, key);
    }

    /** The SDK has no own way of putting a callback into a URL: the parameters are the user's. */
    private static void presigned() throws Exception {
        Callback callback = to(ECHO, CalbackBodyType.JSON);
        var request = Presigned.putting(Oss.BUCKET, KEY, "text/plain");
        request.addQueryParameter("callback", base64(OSSUtils.jsonizeCallback(callback)));
        request.addQueryParameter("callback-var", base64(OSSUtils.jsonizeCallbackVar(callback)));
        String url = Oss.CLIENT.generatePresignedUrl(request).toString();
        fetchEcho(url, Map.of("Content-Type", "text/plain"));
        // The other way: signed headers, which the sender must repeat.
        Map<String, String> headers = new LinkedHashMap<>();
        OSSUtils.populateRequestCallback(headers, callback);
        var withHeaders = Presigned.putting(Oss.BUCKET, KEY, "text/plain");
        headers.forEach(withHeaders::addHeader);
        headers.put("Content-Type", "text/plain");
        fetchEcho(Oss.CLIENT.generatePresignedUrl(withHeaders).toString(), headers);
    }

    static void fetchEcho(String url, Map<String, String> headers) throws Exception {
        Oss.Reply reply = Oss.fetch("PUT", url, headers, Settings.utf8("hello"));
        Check.equal("status of " + reply.text(), reply.status(), 200);
        JsonObject echo = JsonParser.parseString(reply.text()).getAsJsonObject();
        equalEcho(echo, CalbackBodyType.JSON, Oss.BUCKET, KEY);
    }

    static String base64(String text) {
        return Base64.getEncoder().encodeToString(Settings.utf8(text));
    }

    private static OSSException failed(String path) throws Exception {
        return Check.refused("CallbackFailed",
                () -> put(Oss.CLIENT, Oss.BUCKET, "callback/failed", to(path, CalbackBodyType.JSON)));
    }

    private static void fails() throws Exception {
        OSSException error = failed("/fail");
        Check.equal("message", error.getErrorMessage(), "Error status : 500.");
        Check.that("it has an EC", error.getEC().startsWith("0007-"));
        Check.equal("what is stored", Oss.text("callback/failed"), "hello");
        Check.equal("message", failed("/text").getErrorMessage(), "Response body is not valid json format.");
    }

    private static void completeFails() throws Exception {
        byte[] content = Oss.bytes(Multipart.PART + 3);
        Check.refused("CallbackFailed", () -> complete("callback/complete-failed", content, "/fail"));
        Check.same("content", Oss.get("callback/complete-failed"), content);
    }

    private Callbacks() {
    }
}
