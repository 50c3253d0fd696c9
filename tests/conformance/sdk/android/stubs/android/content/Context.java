package android.content;

import android.net.ConnectivityManager;
import android.telephony.TelephonyManager;
import java.io.File;

/** The application; the SDK asks it for settings and services. */
public class Context {
    public static final int MODE_PRIVATE = 0;
    public static final String CONNECTIVITY_SERVICE = "connectivity";

    public Context getApplicationContext() {
        return this;
    }

    public SharedPreferences getSharedPreferences(String name, int mode) {
        return new SharedPreferences.InMemory();
    }

    public ContentResolver getContentResolver() {
        return null;
    }

    public Object getSystemService(String name) {
        return name.equals(CONNECTIVITY_SERVICE) ? new ConnectivityManager() : new TelephonyManager();
    }

    /** The folder that the JVM was started in. */
    public File getFilesDir() {
        return new File("").getAbsoluteFile();
    }

    public String getPackageName() {
        return "ossia.test";
    }
}
