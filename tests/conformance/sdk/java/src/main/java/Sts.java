import java.io.ByteArrayInputStream;
import java.util.Map;

import com.aliyun.oss.OSS;
import com.aliyun.oss.model.Callback.CalbackBodyType;
import com.aliyun.oss.model.PutObjectResult;
import com.aliyun.oss.model.UploadFileRequest;
import com.aliyun.sts20150401.Client;
import com.aliyun.sts20150401.models.AssumeRoleRequest;
import com.aliyun.tea.TeaException;
import com.aliyun.teaopenapi.models.Config;

final class Sts {
    private static final String BUCKET = Settings.ROLE_BUCKET;

    static void addTo(Map<String, Suite.Case> cases) {
        cases.put("sts_upload", Sts::upload);
        cases.put("sts_callback", Sts::callback);
        cases.put("sts_presigned", Sts::presigned);
        cases.put("sts_denied", Sts::denied);
        cases.put("sts_session_policy", Sts::sessionPolicy);
    }

    private static Client sts(String secret) throws Exception {
        return new Client(new Config()
                .setAccessKeyId(Settings.STS_ID)
                .setAccessKeySecret(secret)
                .setEndpoint(Settings.STS_ENDPOINT)
                .setProtocol("http"));
    }

    private static AssumeRoleRequest request() {
        return new AssumeRoleRequest()
                .setRoleArn(Settings.ROLE_ARN)
                .setRoleSessionName("java")
                .setDurationSeconds(900L);
    }

    private static OSS assumeRole(AssumeRoleRequest request) throws Exception {
        var given = sts(Settings.STS_SECRET).assumeRole(request).getBody().getCredentials();
        return Oss.client(given.getAccessKeyId(), given.getAccessKeySecret(), given.getSecurityToken());
    }

    private static PutObjectResult put(OSS client, String bucket, String key) {
        return client.putObject(bucket, key, new ByteArrayInputStream(Settings.utf8("hello")));
    }

    private static void upload() throws Throwable {
        OSS session = assumeRole(request());
        put(session, BUCKET, "sts/java 键.txt");
        Check.equal("content", new String(Oss.get(Oss.CLIENT, BUCKET, "sts/java 键.txt")), "hello");
        byte[] content = Oss.bytes(2 * Multipart.PART + 1);
        String file = Settings.file("sts.bin", content).toString();
        session.uploadFile(new UploadFileRequest(BUCKET, "sts/java.bin", file, Multipart.PART, 2));
        Check.same("content", Oss.get(Oss.CLIENT, BUCKET, "sts/java.bin"), content);
    }

    private static void callback() throws Exception {
        String key = "sts/java-callback.txt";
        var callback = Callbacks.to(Callbacks.ECHO, CalbackBodyType.JSON);
        PutObjectResult stored = Callbacks.put(assumeRole(request()), BUCKET, key, callback);
        Callbacks.equalEcho(Callbacks.answer(stored), CalbackBodyType.JSON, BUCKET, key);
    }

    private static void presigned() throws Exception {
        var request = Presigned.putting(BUCKET, "sts/java-presigned.txt", "text/plain");
        String url = assumeRole(request()).generatePresignedUrl(request).toString();
        Oss.Reply reply = Oss.fetch("PUT", url, Map.of("Content-Type", "text/plain"), Settings.utf8("hello"));
        Check.equal("reply", reply, new Oss.Reply(200, ""));
    }

    private static void denied() throws Exception {
        OSS session = assumeRole(request());
        Check.refused("AccessDenied", () -> session.getObject(BUCKET, "k"));
        Check.refused("AccessDenied", () -> put(session, Oss.BUCKET, "k"));
        try {
            sts("wrong").assumeRole(request());
            throw new AssertionError("STS takes a wrong secret");
        } catch (TeaException error) {
            Check.equal("code", error.getCode(), "SignatureDoesNotMatch");
        }
    }

    private static void sessionPolicy() throws Exception {
        String policy = """
                {"Version":"1","Statement":[{"Effect":"Allow","Action":["oss:PutObject","oss:GetObject"],
                "Resource":["acs:oss:*:*:%s/only/*"]}]}""".formatted(BUCKET);
        OSS session = assumeRole(request().setPolicy(policy));
        put(session, BUCKET, "only/here");
        Check.refused("AccessDenied", () -> put(session, BUCKET, "elsewhere"));
        Check.refused("AccessDenied", () -> session.getObject(BUCKET, "only/here"));
    }

    private Sts() {
    }
}
