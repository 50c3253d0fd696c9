package android.net;

/** Knows the network that is there. */
public class ConnectivityManager {
    public NetworkInfo getActiveNetworkInfo() {
        return new NetworkInfo();
    }
}
