import java.io.ByteArrayInputStream;
import java.util.Base64;
import java.util.List;
import java.util.Map;

import com.aliyun.oss.OSS;
import com.aliyun.oss.OSSException;
import com.aliyun.oss.model.PutObjectRequest;

final class Refusals {
    static void addTo(Map<String, Suite.Case> cases) {
        cases.put("error_no_such_key", Refusals::noSuchKey);
        cases.put("error_no_such_bucket", Refusals::noSuchBucket);
        cases.put("error_wrong_secret", Refusals::wrongSecret);
        cases.put("error_unknown_access_key", Refusals::unknownAccessKey);
        cases.put("error_bucket_not_empty", Refusals::bucketNotEmpty);
        cases.put("error_of_head", Refusals::ofHead);
        cases.put("error_malformed_callback", Refusals::malformedCallback);
    }

    private static void noSuchKey() throws Exception {
        OSSException error = Check.refused("NoSuchKey", () -> Oss.CLIENT.getObject(Oss.BUCKET, "no/such key"));
        Check.that("it has an EC", error.getEC() != null);
    }

    private static void noSuchBucket() throws Exception {
        String missing = Oss.BUCKET + "-missing";
        Check.refused("NoSuchBucket", () -> Oss.CLIENT.listObjects(missing));
        Check.refused("NoSuchBucket", () -> Oss.CLIENT.putObject(missing, "k", new ByteArrayInputStream(new byte[1])));
    }

    private static void wrongSecret() throws Exception {
        OSS stranger = Oss.client(Settings.ID, "wrong", null);
        Check.refused("SignatureDoesNotMatch", () -> stranger.getObject(Oss.BUCKET, "k"));
    }

    private static void unknownAccessKey() throws Exception {
        OSS stranger = Oss.client("LTAIunknown", "wrong", null);
        Check.refused("InvalidAccessKeyId", () -> stranger.listObjectsV2(Oss.BUCKET));
    }

    private static void bucketNotEmpty() throws Exception {
        Oss.put("something", Settings.utf8("x"));
        Check.refused("BucketNotEmpty", () -> Oss.CLIENT.deleteBucket(Oss.BUCKET));
    }

    private static void ofHead() throws Exception {
        Check.refused("NoSuchKey", () -> Oss.CLIENT.headObject(Oss.BUCKET, "no-such-key"));
    }

    private static void malformedCallback() throws Exception {
        String notJson = Base64.getEncoder().encodeToString(Settings.utf8("not JSON"));
        for (String malformed : List.of("{not base64}", notJson)) {
            var request = new PutObjectRequest(
                    Oss.BUCKET, "callback/refused", new ByteArrayInputStream(Settings.utf8("x")));
            request.addHeader("x-oss-callback", malformed);
            Check.refused("InvalidArgument", () -> Oss.CLIENT.putObject(request));
        }
        Check.that("nothing is stored", !Oss.CLIENT.doesObjectExist(Oss.BUCKET, "callback/refused"));
    }

    private Refusals() {
    }
}
