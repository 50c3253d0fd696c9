package android.os;

import java.io.File;

/** Where a phone keeps files; this one has no card, and the SDK then keeps no log. */
public final class Environment {
    public static final String MEDIA_MOUNTED = "mounted";

    public static String getExternalStorageState() {
        return "removed";
    }

    public static File getExternalStorageDirectory() {
        return getDataDirectory();
    }

    public static File getDataDirectory() {
        return new File(System.getProperty("java.io.tmpdir"));
    }
}
