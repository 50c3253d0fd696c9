import java.io.ByteArrayInputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

import com.aliyun.oss.model.CompleteMultipartUploadRequest;
import com.aliyun.oss.model.InitiateMultipartUploadRequest;
import com.aliyun.oss.model.ObjectMetadata;
import com.aliyun.oss.model.ServerSideEncryptionByDefault;
import com.aliyun.oss.model.ServerSideEncryptionConfiguration;
import com.aliyun.oss.model.SetBucketEncryptionRequest;
import com.aliyun.oss.model.UploadPartRequest;

final class Encryption {
    private static final String MISSING = "NoSuchServerSideEncryptionRule";

    static void addTo(Map<String, Suite.Case> cases) {
        cases.put("encryption", Encryption::encryption);
    }

    private static Object setRule(String algorithm, String data) {
        var byDefault = new ServerSideEncryptionByDefault(algorithm).withKMSDataEncryption(data);
        var rule = new ServerSideEncryptionConfiguration().withApplyServerSideEncryptionByDefault(byDefault);
        return Oss.CLIENT.setBucketEncryption(new SetBucketEncryptionRequest(Oss.BUCKET, rule));
    }

    private static Object put(String key, String text, String algorithm, String keyId) {
        ObjectMetadata metadata = new ObjectMetadata();
        if (algorithm != null) {
            metadata.setServerSideEncryption(algorithm);
        }
        if (keyId != null) {
            metadata.setServerSideEncryptionKeyId(keyId);
        }
        return Oss.CLIENT.putObject(Oss.BUCKET, key, new ByteArrayInputStream(Settings.utf8(text)), metadata);
    }

    private static String text(String key) throws Exception {
        try (var found = Oss.CLIENT.getObject(Oss.BUCKET, key)) {
            return new String(found.getObjectContent().readAllBytes(), "UTF-8");
        }
    }

    private static ObjectMetadata head(String key) {
        return Oss.CLIENT.getObjectMetadata(Oss.BUCKET, key);
    }

    private static void encryption() throws Exception {
        Check.refused(MISSING, () -> Oss.CLIENT.getBucketEncryption(Oss.BUCKET));
        Check.refused("InvalidEncryptionAlgorithmError", () -> setRule("AES128", null));
        setRule("KMS", "SM4");
        var rule = Oss.CLIENT.getBucketEncryption(Oss.BUCKET).getApplyServerSideEncryptionByDefault();
        Check.equal("rule", rule.getSSEAlgorithm(), "KMS");
        Check.equal("data", rule.getKMSDataEncryption(), "SM4");
        Check.equal("id of a key", rule.getKMSMasterKeyID(), null);
        put("encrypted/rule", "0123456789", null, null);
        Check.equal("by the rule", head("encrypted/rule").getServerSideEncryption(), "KMS");
        Check.equal("data", head("encrypted/rule").getServerSideDataEncryption(), "SM4");
        Check.equal("id of its key", head("encrypted/rule").getServerSideEncryptionKeyId().length(), 36);
        Check.equal("content", text("encrypted/rule"), "0123456789");
        put("encrypted/header", "by header", "AES256", null);
        Check.equal("a header goes before", head("encrypted/header").getServerSideEncryption(), "AES256");
        upload("encrypted/parts", "SM4");
        Oss.CLIENT.deleteBucketEncryption(Oss.BUCKET);
        Check.refused(MISSING, () -> Oss.CLIENT.getBucketEncryption(Oss.BUCKET));
        Oss.CLIENT.copyObject(Oss.BUCKET, "encrypted/rule", Oss.BUCKET, "encrypted/not");
        Check.equal("copied in plain", head("encrypted/not").getServerSideEncryption(), null);
        Check.equal("its content", text("encrypted/not"), "0123456789");
        Check.refused("KeyNotFound", () -> put("encrypted/wrong", "x", "KMS", "none"));
    }

    private static void upload(String key, String algorithm) throws Exception {
        ObjectMetadata metadata = new ObjectMetadata();
        metadata.setServerSideEncryption(algorithm);
        var begin = new InitiateMultipartUploadRequest(Oss.BUCKET, key, metadata);
        String id = Oss.CLIENT.initiateMultipartUpload(begin).getUploadId();
        var body = new ByteArrayInputStream(Settings.utf8("part"));
        var part = Oss.CLIENT.uploadPart(new UploadPartRequest(Oss.BUCKET, key, id, 1, body, 4)).getPartETag();
        Oss.CLIENT.completeMultipartUpload(new CompleteMultipartUploadRequest(Oss.BUCKET, key, id, new ArrayList<>(List.of(part))));
        Check.equal("upload", head(key).getServerSideEncryption(), algorithm);
        Check.equal("its content", text(key), "part");
    }

    private Encryption() {
    }
}
