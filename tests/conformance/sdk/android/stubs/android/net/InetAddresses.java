package android.net;

/** Tells addresses from names. */
public final class InetAddresses {
    public static boolean isNumericAddress(String text) {
        return text.matches("[0-9.]+") || text.contains(":");
    }
}
