import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.Type;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import com.aliyun.oss.OSS;
import com.aliyun.oss.OSSException;
import com.aliyun.oss.model.Callback;
import com.aliyun.oss.model.CallbackResult;
import com.aliyun.oss.model.CompleteMultipartUploadRequest;
import com.aliyun.oss.model.CompleteMultipartUploadResult;
import com.aliyun.oss.model.GenericResult;
import com.aliyun.oss.model.InitiateMultipartUploadRequest;
import com.aliyun.oss.model.PutObjectRequest;
import com.aliyun.oss.model.PutObjectResult;
import com.aliyun.oss.model.UploadPartRequest;
import com.google.gson.Gson;
import com.google.gson.reflect.TypeToken;

/** What the Java SDK shows of callbacks that fail; see test_sdk_faults.py. */
public final class Faults {
    /** One upload and the target of its callback. */
    record Case(String id, String operation, String endpoint, String bucket, String key, String content, String url,
            String body) {
    }

    private static final Map<String, OSS> CLIENTS = new HashMap<>();

    public static void main(String[] arguments) throws IOException {
        Type cases = new TypeToken<List<Case>>() { }.getType();
        String text = Files.readString(Path.of(System.getenv("OSSIA_TEST_FAULTS")));
        List<Case> given = new Gson().fromJson(text, cases);
        for (Case each : given) {
            System.out.println(new Gson().toJson(Map.of("case", each.id(), "shown", show(each))));
        }
        System.exit(0);
    }

    private static Map<String, Object> show(Case each) {
        Map<String, Object> shown = new LinkedHashMap<>();
        try {
            if (each.operation().equals("put")) {
                PutObjectResult result = put(each);
                returned(shown, result, result, result.getETag());
            } else {
                CompleteMultipartUploadResult result = complete(each);
                returned(shown, result, result, result.getETag());
            }
        } catch (OSSException error) {
            shown.put("how", "raised");
            shown.put("type", error.getClass().getSimpleName());
            shown.put("code", error.getErrorCode());
            shown.put("message", error.getErrorMessage());
            shown.put("ec", error.getEC());
            shown.put("request_id", error.getRequestId());
        } catch (Exception error) {
            shown.put("how", "crashed");
            shown.put("type", error.getClass().getSimpleName());
            shown.put("message", String.valueOf(error.getMessage()));
        }
        return shown;
    }

    private static void returned(Map<String, Object> shown, GenericResult result, CallbackResult answer, String etag)
            throws IOException {
        Map<String, String> headers = result.getResponse().getHeaders();
        shown.put("how", "returned");
        shown.put("type", result.getClass().getSimpleName());
        shown.put("status", result.getResponse().getStatusCode());
        shown.put("etag", etag == null ? headers.get("ETag").replace("\"", "") : etag);
        // With a callback, the SDK leaves its own field empty.
        shown.put("crc", headers.get("x-oss-hash-crc64ecma"));
        shown.put("request_id", result.getRequestId());
        try (InputStream stream = answer.getCallbackResponseBody()) {
            shown.put("body", new String(stream.readAllBytes(), StandardCharsets.UTF_8).strip());
        }
    }

    private static OSS client(Case each) {
        return CLIENTS.computeIfAbsent(each.endpoint(), at -> Oss.client(Settings.ID, Settings.SECRET, null, at));
    }

    private static Callback callback(Case each) {
        Callback callback = new Callback();
        callback.setCallbackUrl(each.url());
        callback.setCallbackBody(each.body());
        return callback;
    }

    private static InputStream content(Case each) {
        return new ByteArrayInputStream(Settings.utf8(each.content()));
    }

    private static PutObjectResult put(Case each) {
        PutObjectRequest request = new PutObjectRequest(each.bucket(), each.key(), content(each));
        request.setCallback(callback(each));
        return client(each).putObject(request);
    }

    private static CompleteMultipartUploadResult complete(Case each) {
        OSS client = client(each);
        var begin = new InitiateMultipartUploadRequest(each.bucket(), each.key());
        String upload = client.initiateMultipartUpload(begin).getUploadId();
        var part = client.uploadPart(new UploadPartRequest(
                each.bucket(), each.key(), upload, 1, content(each), each.content().length())).getPartETag();
        // The SDK sorts the list.
        var request = new CompleteMultipartUploadRequest(each.bucket(), each.key(), upload, new ArrayList<>(List.of(part)));
        request.setCallback(callback(each));
        return client.completeMultipartUpload(request);
    }

    private Faults() {
    }
}
