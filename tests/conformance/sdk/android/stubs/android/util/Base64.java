package android.util;

import java.util.Arrays;

/** Android's: with line breaks unless NO_WRAP is asked for. */
public final class Base64 {
    public static final int DEFAULT = 0;
    public static final int NO_WRAP = 2;

    public static String encodeToString(byte[] bytes, int flags) {
        if ((flags & NO_WRAP) != 0) {
            return java.util.Base64.getEncoder().encodeToString(bytes);
        }
        return java.util.Base64.getMimeEncoder(76, new byte[] {'\n'}).encodeToString(bytes) + "\n";
    }

    public static byte[] encode(byte[] bytes, int flags) {
        return encodeToString(bytes, flags).getBytes(java.nio.charset.StandardCharsets.US_ASCII);
    }

    public static byte[] decode(String text, int flags) {
        byte[] decoded = java.util.Base64.getMimeDecoder().decode(text);
        return Arrays.copyOf(decoded, decoded.length);
    }
}
