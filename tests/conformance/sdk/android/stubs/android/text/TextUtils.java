package android.text;

/** The one method that the SDK uses. */
public final class TextUtils {
    public static boolean isEmpty(CharSequence text) {
        return text == null || text.length() == 0;
    }
}
