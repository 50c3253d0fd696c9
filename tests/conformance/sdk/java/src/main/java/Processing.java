import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.Map;

import com.aliyun.oss.internal.OSSUtils;
import com.aliyun.oss.model.Callback;
import com.aliyun.oss.model.Callback.CalbackBodyType;
import com.aliyun.oss.model.PolicyConditions;
import com.aliyun.oss.model.ProcessObjectRequest;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;

/** Callbacks about objects that exist, and forms. */
final class Processing {
    private static final DateTimeFormatter BASIC =
            DateTimeFormatter.ofPattern("yyyyMMdd'T'HHmmss'Z'").withZone(ZoneOffset.UTC);
    private static final String BOUNDARY = "9431149156168";

    static void addTo(Map<String, Suite.Case> cases) {
        cases.put("trigger_callback", Processing::trigger);
        cases.put("post_object", Processing::post);
    }

    private static String triggered() {
        Callback to = Callbacks.to("/processed", CalbackBodyType.JSON);
        return "trigger/callback,callback_" + Callbacks.base64(OSSUtils.jsonizeCallback(to))
                + ",callback-var_" + Callbacks.base64(OSSUtils.jsonizeCallbackVar(to));
    }

    private static Object refusable(String key, String process) {
        return Oss.CLIENT.processObject(new ProcessObjectRequest(Oss.BUCKET, key, process));
    }

    private static void trigger() throws Exception {
        String key = "trigger/键.txt";
        Oss.put(key, Settings.utf8("hello"));
        var result = Oss.CLIENT.processObject(new ProcessObjectRequest(Oss.BUCKET, key, triggered()));
        try (InputStream stream = result.getResponse().getContent()) {
            JsonObject found = JsonParser.parseString(new String(stream.readAllBytes(), "UTF-8")).getAsJsonObject();
            Check.equal("bucket", found.get("bucket").getAsString(), Oss.BUCKET);
            Check.equal("object", found.get("object").getAsString(), key);
            Check.equal("size", found.get("fileSize").getAsInt(), 5);
            String note = Settings.SHARED.callback().variables().get("note");
            Check.equal("status", found.get("status").getAsString(), "ProcessObject: " + note);
        }
        Check.refused("NoSuchKey", () -> refusable("trigger/missing", triggered()));
        Check.refused("NotImplemented", () -> refusable(key, "image/resize,w_100"));
    }

    /** The fields of a form as the SDK signs its policy: by V4, or by V1 for V2, too. */
    private static Map<String, String> signed() {
        PolicyConditions conditions = new PolicyConditions();
        conditions.addConditionItem("bucket", Oss.BUCKET);
        conditions.addConditionItem(PolicyConditions.COND_CONTENT_LENGTH_RANGE, 1, 1024);
        Map<String, String> fields = new LinkedHashMap<>();
        if (!Settings.SIGNATURE.equals("v4")) {
            String policy = Oss.CLIENT.generatePostPolicy(Presigned.inSeconds(60), conditions);
            fields.put("OSSAccessKeyId", Settings.ID);
            fields.put("policy", Callbacks.base64(policy));
            fields.put("Signature", Oss.CLIENT.calculatePostSignature(policy));
            return fields;
        }
        Instant now = Instant.now();
        String stamp = BASIC.format(now);
        fields.put("x-oss-signature-version", "OSS4-HMAC-SHA256");
        fields.put("x-oss-credential", String.join("/",
                Settings.ID, stamp.substring(0, 8), Settings.REGION, "oss", "aliyun_v4_request"));
        fields.put("x-oss-date", stamp);
        fields.forEach(conditions::addConditionItem);
        String policy = Oss.CLIENT.generatePostPolicy(Presigned.inSeconds(60), conditions);
        fields.put("policy", Callbacks.base64(policy));
        fields.put("x-oss-signature", Oss.CLIENT.calculatePostSignature(policy, Date.from(now)));
        return fields;
    }

    private static Oss.Reply send(Map<String, String> signed, String key, byte[] content) throws IOException {
        Callback to = Callbacks.to(Callbacks.ECHO, CalbackBodyType.JSON);
        Map<String, String> fields = new LinkedHashMap<>(signed);
        fields.put("key", key);
        fields.put("x-oss-content-type", "text/plain");
        fields.put("callback", Callbacks.base64(OSSUtils.jsonizeCallback(to)));
        Settings.SHARED.callback().variables().forEach((name, value) -> fields.put("x:" + name, value));
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        for (var field : fields.entrySet()) {
            body.write(Settings.utf8(head(field.getKey()) + "\"\r\n\r\n" + field.getValue() + "\r\n"));
        }
        body.write(Settings.utf8(head("file") + "\"; filename=\"file.txt\"\r\n\r\n"));
        body.write(content);
        body.write(Settings.utf8("\r\n--" + BOUNDARY + "--\r\n"));
        Map<String, String> headers = Map.of("Content-Type", "multipart/form-data; boundary=" + BOUNDARY);
        return Oss.fetch("POST", Oss.bareUrl(""), headers, body.toByteArray());
    }

    private static String head(String name) {
        return "--" + BOUNDARY + "\r\nContent-Disposition: form-data; name=\"" + name;
    }

    private static void isRefused(Oss.Reply reply, int status, String code) {
        Check.equal("status of " + reply.text(), reply.status(), status);
        Check.that(code + " in " + reply.text(), reply.text().contains("<Code>" + code + "</Code>"));
    }

    private static void post() throws Exception {
        String key = "post/键 ${x}.txt";
        Oss.Reply reply = send(signed(), key, Settings.utf8("hello"));
        Check.equal("status of " + reply.text(), reply.status(), 200);
        JsonObject echo = JsonParser.parseString(reply.text()).getAsJsonObject();
        Callbacks.equalEcho(echo, CalbackBodyType.JSON, Oss.BUCKET, key, "PostObject");
        Check.equal("content", Oss.text(key), "hello");
        Check.equal("type", Oss.CLIENT.getObjectMetadata(Oss.BUCKET, key).getContentType(), "text/plain");
        isRefused(send(signed(), key, new byte[1025]), 400, "EntityTooLarge");
        Map<String, String> wrong = signed();
        wrong.replaceAll((name, value) -> name.toLowerCase().endsWith("signature") ? "x" : value);
        isRefused(send(wrong, key, Settings.utf8("x")), 403, "SignatureDoesNotMatch");
    }

    private Processing() {
    }
}
