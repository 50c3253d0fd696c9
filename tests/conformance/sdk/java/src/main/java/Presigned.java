import java.net.URL;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import java.util.Map;

import com.aliyun.oss.HttpMethod;
import com.aliyun.oss.model.GeneratePresignedUrlRequest;
import com.aliyun.oss.model.ObjectMetadata;

final class Presigned {
    private static final String OWN = "text/x-own";

    static void addTo(Map<String, Suite.Case> cases) {
        cases.put("presigned_get", Presigned::get);
        cases.put("presigned_put", Presigned::put);
        cases.put("presigned_expired", Presigned::expired);
    }

    static Date inSeconds(long seconds) {
        return Date.from(Instant.now().plusSeconds(seconds));
    }

    private static List<String> keys() {
        List<String> keys = new ArrayList<>(Settings.AWKWARD_KEYS);
        keys.add("presigned");
        return keys;
    }

    private static void get() throws Exception {
        for (String key : keys()) {
            Oss.put(key, Settings.utf8(key));
            URL url = Oss.CLIENT.generatePresignedUrl(Oss.BUCKET, key, inSeconds(60));
            Check.equal(key, Oss.fetch("GET", url.toString(), Map.of(), null), new Oss.Reply(200, key));
        }
        URL url = Oss.CLIENT.generatePresignedUrl(Oss.BUCKET, "presigned", inSeconds(60));
        Check.equal("a range", Oss.fetch("GET", url.toString(), Map.of("Range", "bytes=0-2"), null),
                new Oss.Reply(206, "pre"));
    }

    static GeneratePresignedUrlRequest putting(String bucket, String key, String contentType) {
        var request = new GeneratePresignedUrlRequest(bucket, key, HttpMethod.PUT);
        request.setExpiration(inSeconds(60));
        request.setContentType(contentType);
        return request;
    }

    private static void put() throws Exception {
        Map<String, String> headers = Map.of("Content-Type", OWN, "x-oss-meta-by", "url");
        String url = "";
        for (String key : keys()) {
            var request = putting(Oss.BUCKET, key, OWN);
            request.addUserMetadata("by", "url");
            url = Oss.CLIENT.generatePresignedUrl(request).toString();
            Check.equal(key, Oss.fetch("PUT", url, headers, Settings.utf8(key)), new Oss.Reply(200, ""));
            Check.equal("content", Oss.text(key), key);
            ObjectMetadata about = Oss.CLIENT.getObjectMetadata(Oss.BUCKET, key);
            Check.equal("type", about.getContentType(), OWN);
            Check.equal("metadata", about.getUserMetadata(), Map.of("by", "url"));
        }
        Map<String, String> other = Map.of("Content-Type", "text/other", "x-oss-meta-by", "url");
        Check.equal("status with another type", Oss.fetch("PUT", url, other, Settings.utf8("x")).status(), 403);
    }

    private static void expired() throws Exception {
        // V4 rounds what is left down to seconds, and none is not allowed.
        URL url = Oss.CLIENT.generatePresignedUrl(Oss.BUCKET, "presigned", inSeconds(2));
        Thread.sleep(3100);
        Check.equal("status", Oss.fetch("GET", url.toString(), Map.of(), null).status(), 403);
    }

    private Presigned() {
    }
}
