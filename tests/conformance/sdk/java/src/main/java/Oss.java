import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.math.BigInteger;
import java.net.HttpURLConnection;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Map;
import java.util.Random;

import com.aliyun.oss.ClientBuilderConfiguration;
import com.aliyun.oss.OSS;
import com.aliyun.oss.OSSClientBuilder;
import com.aliyun.oss.common.auth.DefaultCredentialProvider;
import com.aliyun.oss.common.comm.SignVersion;
import com.aliyun.oss.common.utils.CRC64;
import com.aliyun.oss.model.PutObjectResult;

/** Clients, and the small things every case does. */
final class Oss {
    static final String BUCKET = Settings.BUCKET;
    static final OSS CLIENT = client(Settings.ID, Settings.SECRET, null);

    static OSS client(String id, String secret, String token) {
        return client(id, secret, token, Settings.ENDPOINT);
    }

    static OSS client(String id, String secret, String token, String endpoint) {
        ClientBuilderConfiguration configuration = new ClientBuilderConfiguration();
        configuration.setSignatureVersion(SignVersion.valueOf(Settings.SIGNATURE.toUpperCase()));
        configuration.setMaxErrorRetry(0);
        return OSSClientBuilder.create()
                .endpoint(endpoint)
                .region(Settings.REGION)
                .credentialsProvider(new DefaultCredentialProvider(id, secret, token))
                .clientConfiguration(configuration)
                .build();
    }

    static PutObjectResult put(String key, byte[] content) {
        return CLIENT.putObject(BUCKET, key, new ByteArrayInputStream(content));
    }

    static byte[] get(String key) throws IOException {
        return get(CLIENT, BUCKET, key);
    }

    static byte[] get(OSS client, String bucket, String key) throws IOException {
        try (var found = client.getObject(bucket, key); InputStream stream = found.getObjectContent()) {
            return stream.readAllBytes();
        }
    }

    static String text(String key) throws IOException {
        return new String(get(key), StandardCharsets.UTF_8);
    }

    static byte[] bytes(int size) {
        byte[] content = new byte[size];
        new Random(size).nextBytes(content);
        return content;
    }

    /** As the SDK hands it out: without quotes. */
    static String etagOf(byte[] content) throws NoSuchAlgorithmException {
        byte[] digest = MessageDigest.getInstance("MD5").digest(content);
        return String.format("%032X", new BigInteger(1, digest));
    }

    static long crcOf(byte[] content) {
        CRC64 crc = new CRC64();
        crc.update(content, content.length);
        return crc.getValue();
    }

    /** The URL of a key for a client that signs nothing. */
    static String bareUrl(String key) {
        URI endpoint = URI.create(Settings.ENDPOINT);
        return Settings.VIRTUAL
                ? "http://" + BUCKET + "." + endpoint.getAuthority() + "/" + key
                : Settings.ENDPOINT + "/" + BUCKET + "/" + key;
    }

    record Reply(int status, String text) {
    }

    /** Sends a request with a plain client. */
    static Reply fetch(String method, String url, Map<String, String> headers, byte[] body) throws IOException {
        HttpURLConnection connection = (HttpURLConnection) URI.create(url).toURL().openConnection();
        connection.setRequestMethod(method);
        headers.forEach(connection::setRequestProperty);
        if (body != null) {
            connection.setDoOutput(true);
            connection.getOutputStream().write(body);
        }
        int status = connection.getResponseCode();
        try (InputStream stream = status < 400 ? connection.getInputStream() : connection.getErrorStream()) {
            String text = stream == null ? "" : new String(stream.readAllBytes(), StandardCharsets.UTF_8);
            return new Reply(status, text);
        }
    }

    private Oss() {
    }
}
