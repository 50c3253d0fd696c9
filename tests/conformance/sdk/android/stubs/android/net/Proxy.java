package android.net;

import android.content.Context;

/** The system's proxy: none. */
public final class Proxy {
    public static String getHost(Context context) {
        return null;
    }
}
