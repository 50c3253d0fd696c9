import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;

import com.aliyun.oss.OSS;
import com.aliyun.oss.model.Callback;
import com.aliyun.oss.model.PutObjectRequest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

final class UploadTest {
    @RegisterExtension
    static final OssiaServer OSSIA = new OssiaServer();

    @Test
    void theApplicationHearsOfAnUpload() throws Exception {
        String bucket = OSSIA.freshBucket();
        byte[] content = "hello".getBytes(StandardCharsets.UTF_8);
        PutObjectRequest request = new PutObjectRequest(bucket, "a.txt", new ByteArrayInputStream(content));
        Callback callback = new Callback();
        callback.setCallbackUrl(OSSIA.inboxUrl);
        callback.setCallbackBody("object=${object}&size=${size}");
        callback.setCalbackBodyType(Callback.CalbackBodyType.URL);
        request.setCallback(callback);
        OSS client = OSSIA.client();
        try (var answer = client.putObject(request).getCallbackResponseBody()) {
            String said = new String(answer.readAllBytes(), StandardCharsets.UTF_8);
            assertEquals("{\"Status\":\"OK\"}", said);
        }
        assertEquals("object=a.txt&size=5", OSSIA.nextCallback());
        try (var found = client.getObject(bucket, "a.txt")) {
            assertArrayEquals(content, found.getObjectContent().readAllBytes());
        }
        client.shutdown();
    }
}
