package android.webkit;

import java.util.Map;

/** A few types by extension. */
public final class MimeTypeMap {
    private static final MimeTypeMap SINGLETON = new MimeTypeMap();
    private static final Map<String, String> TYPES =
            Map.of("jpg", "image/jpeg", "png", "image/png", "txt", "text/plain", "mp4", "video/mp4");

    public static MimeTypeMap getSingleton() {
        return SINGLETON;
    }

    public String getMimeTypeFromExtension(String extension) {
        return TYPES.get(extension);
    }

    public static String getFileExtensionFromUrl(String url) {
        int dot = url.lastIndexOf('.');
        return dot < 0 ? "" : url.substring(dot + 1);
    }
}
