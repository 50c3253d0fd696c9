import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.List;
import java.util.Map;

import com.aliyun.oss.OSS;
import com.aliyun.oss.internal.OSSUtils;
import com.aliyun.oss.model.BucketQosInfo;
import com.aliyun.oss.model.Callback;
import com.aliyun.oss.model.Callback.CalbackBodyType;
import com.aliyun.oss.model.CannedAccessControlList;
import com.aliyun.oss.model.GenericRequest;
import com.aliyun.oss.model.PolicyCallbackItem;
import com.aliyun.oss.model.PutBucketPublicAccessBlockRequest;
import com.aliyun.oss.model.PutObjectRequest;
import com.aliyun.oss.model.PutPublicAccessBlockRequest;
import com.aliyun.oss.model.SetBucketCallbackPolicyRequest;

/** Who may, by a bucket's policy or whether it is public; callbacks by policy. */
final class Policies {
    private static final OSS CLIENT = Oss.CLIENT;
    private static final String MISSING = "NoSuchBucketPolicy";
    private static final String NO_QOS = "NoSuchBucketQosInfo";
    private static final String NO_CALLBACKS = "BucketCallbackPolicyNotExist";
    /** Anybody reads what lies below open/. */
    private static final String OPEN = "{\"Version\":\"1\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":[\"*\"],"
            + "\"Action\":[\"oss:GetObject\"],\"Resource\":[\"acs:oss:*:*:" + Oss.BUCKET + "/open/*\"]}]}";

    static void addTo(Map<String, Suite.Case> cases) {
        cases.put("bucket_policy", Policies::ofBucket);
        cases.put("policy_status", Policies::status);
        cases.put("public_access_block", Policies::blockOfBucket);
        cases.put("account_access_block", Policies::blockOfAccount);
        cases.put("callback_policies", Policies::ofCallbacks);
        cases.put("bucket_qos", Policies::qos);
    }

    private static List<Integer> strangers() throws IOException {
        Oss.put("open/k", Settings.utf8("x"));
        Oss.put("closed/k", Settings.utf8("x"));
        return List.of(strangerGets("open/k"), strangerGets("closed/k"));
    }

    private static int strangerGets(String key) throws IOException {
        return Oss.fetch("GET", Oss.bareUrl(key), Map.of(), null).status();
    }

    private static void ofBucket() throws Exception {
        Check.refused(MISSING, () -> CLIENT.getBucketPolicy(Oss.BUCKET));
        Check.refused("InvalidPolicyDocument", () -> CLIENT.setBucketPolicy(Oss.BUCKET, "{\"Version\":\"1\"}"));
        CLIENT.setBucketPolicy(Oss.BUCKET, OPEN);
        Check.equal("policy", CLIENT.getBucketPolicy(Oss.BUCKET).getPolicyText(), OPEN);
        Check.equal("what strangers get", strangers(), List.of(200, 403));
        CLIENT.deleteBucketPolicy(Oss.BUCKET);
        Check.refused(MISSING, () -> CLIENT.getBucketPolicy(Oss.BUCKET));
        Check.equal("what strangers get", strangers(), List.of(403, 403));
    }

    private static void qos() throws Exception {
        Check.refused(NO_QOS, () -> CLIENT.getBucketQosInfo(Oss.BUCKET));
        BucketQosInfo wanted = new BucketQosInfo();
        wanted.setTotalUploadBw(5);
        wanted.setIntranetUploadBw(4);
        wanted.setTotalQps(1000);
        CLIENT.setBucketQosInfo(Oss.BUCKET, wanted);
        BucketQosInfo found = CLIENT.getBucketQosInfo(Oss.BUCKET);
        Check.equal("uploads", List.of(found.getTotalUploadBw(), found.getIntranetUploadBw()), List.of(5, 4));
        Check.equal("downloads", found.getTotalDownloadBw(), -1);
        Check.equal("requests", List.of(found.getTotalQps(), found.getIntranetQps()), List.of(1000, -1));
        wanted.setIntranetUploadBw(6);
        Check.refused("InvalidArgument", () -> {
            CLIENT.setBucketQosInfo(Oss.BUCKET, wanted);
            return null;
        });
        CLIENT.deleteBucketQosInfo(Oss.BUCKET);
        Check.refused(NO_QOS, () -> CLIENT.getBucketQosInfo(Oss.BUCKET));
    }

    private static boolean isPublic() {
        return CLIENT.getBucketPolicyStatus(Oss.BUCKET).isPublic();
    }

    private static void status() {
        Check.equal("without a policy", isPublic(), false);
        CLIENT.setBucketPolicy(Oss.BUCKET, OPEN);
        Check.equal("for anybody", isPublic(), true);
        CLIENT.setBucketPolicy(Oss.BUCKET, OPEN.replace("Allow", "Deny"));
        Check.equal("for nobody", isPublic(), false);
        CLIENT.deleteBucketPolicy(Oss.BUCKET);
    }

    private static Object setAcl(CannedAccessControlList acl) {
        return CLIENT.setBucketAcl(Oss.BUCKET, acl);
    }

    private static void canBePublicAgain() {
        setAcl(CannedAccessControlList.PublicRead);
        setAcl(CannedAccessControlList.Private);
    }

    private static boolean bucketIsBlocked() {
        return CLIENT.getBucketPublicAccessBlock(Oss.BUCKET).getBlockPublicAccess();
    }

    private static void block(boolean yes) {
        CLIENT.putBucketPublicAccessBlock(new PutBucketPublicAccessBlockRequest(Oss.BUCKET, yes));
    }

    private static void blockOfBucket() throws Exception {
        Check.equal("at first", bucketIsBlocked(), false);
        block(true);
        Check.equal("blocked", bucketIsBlocked(), true);
        Check.refused("AccessDenied", () -> setAcl(CannedAccessControlList.PublicRead));
        Check.refused("AccessDenied", () -> CLIENT.setBucketPolicy(Oss.BUCKET, OPEN));
        block(false);
        Check.equal("no longer", bucketIsBlocked(), false);
        block(true);
        CLIENT.deleteBucketPublicAccessBlock(Oss.BUCKET);
        Check.equal("at last", bucketIsBlocked(), false);
        canBePublicAgain();
    }

    private static boolean accountIsBlocked() {
        return CLIENT.getPublicAccessBlock().getBlockPublicAccess();
    }

    private static void blockOfAccount() throws Exception {
        Check.equal("at first", accountIsBlocked(), false);
        // The account is everybody's: the next suite finds it as this one did.
        try {
            CLIENT.putPublicAccessBlock(new PutPublicAccessBlockRequest(true));
            Check.equal("blocked", accountIsBlocked(), true);
            Check.refused("AccessDenied", () -> setAcl(CannedAccessControlList.PublicRead));
        } finally {
            CLIENT.deletePublicAccessBlock();
        }
        Check.equal("at last", accountIsBlocked(), false);
        canBePublicAgain();
    }

    private static List<PolicyCallbackItem> callbacks() {
        return CLIENT.getBucketCallbackPolicy(new GenericRequest(Oss.BUCKET)).getPolicyCallbackItems();
    }

    /** The SDK's Callback knows no policies: the header is the user's. */
    private static String named(String policy) {
        return Callbacks.base64("{\"callbackPolicy\":\"" + policy + "\"}");
    }

    private static Object put(String policy) {
        var content = new ByteArrayInputStream(Settings.utf8("x"));
        PutObjectRequest request = new PutObjectRequest(Oss.BUCKET, "callback/by policy", content);
        request.addHeader("x-oss-callback", named(policy));
        return CLIENT.putObject(request);
    }

    private static void ofCallbacks() throws Exception {
        Check.refused(NO_CALLBACKS, Policies::callbacks);
        Callback to = Callbacks.to(Callbacks.ECHO, CalbackBodyType.JSON);
        String callback = Callbacks.base64(OSSUtils.jsonizeCallback(to));
        String variables = Callbacks.base64(OSSUtils.jsonizeCallbackVar(to));
        var told = new PolicyCallbackItem("told", callback).withCallbackVar(variables);
        CLIENT.setBucketCallbackPolicy(new SetBucketCallbackPolicyRequest(Oss.BUCKET, List.of(told)));
        Check.equal("number of policies", callbacks().size(), 1);
        PolicyCallbackItem found = callbacks().get(0);
        Check.equal("name", found.getPolicyName(), "told");
        Check.equal("callback", found.getCallback(), callback);
        Check.equal("variables", found.getCallbackVar(), variables);
        put("told");
        Check.refused("InvalidArgument", () -> put("other"));
        var presigned = Presigned.putting(Oss.BUCKET, Callbacks.KEY, "text/plain");
        presigned.addHeader("x-oss-callback", named("told"));
        Map<String, String> headers = Map.of("Content-Type", "text/plain", "x-oss-callback", named("told"));
        Callbacks.fetchEcho(CLIENT.generatePresignedUrl(presigned).toString(), headers);
        CLIENT.deleteBucketCallbackPolicy(new GenericRequest(Oss.BUCKET));
        Check.refused(NO_CALLBACKS, Policies::callbacks);
    }

    private Policies() {
    }
}
