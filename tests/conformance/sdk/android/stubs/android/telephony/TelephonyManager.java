package android.telephony;

/** The phone's network. */
public class TelephonyManager {
    public String getNetworkOperatorName() {
        return "";
    }

    public String getSimOperator() {
        return "";
    }
}
