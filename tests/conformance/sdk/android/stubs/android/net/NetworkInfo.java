package android.net;

/** A network that is there. */
public class NetworkInfo {
    public enum State {
        CONNECTED,
        UNKNOWN
    }

    public State getState() {
        return State.CONNECTED;
    }

    public boolean isConnected() {
        return true;
    }

    public String getTypeName() {
        return "WIFI";
    }
}
