import java.util.LinkedHashMap;
import java.util.Map;

import com.google.gson.Gson;

/** The Java SDK (aliyun-sdk-oss) against a server; see test_sdks.py. */
public final class Suite {
    /** One line of the report. */
    interface Case {
        void run() throws Throwable;
    }

    public static void main(String[] arguments) {
        Oss.CLIENT.createBucket(Settings.BUCKET);
        Map<String, Case> cases = new LinkedHashMap<>();
        Buckets.addTo(cases);
        Lifecycles.addTo(cases);
        Objects.addTo(cases);
        Encryption.addTo(cases);
        Restores.addTo(cases);
        Versions.addTo(cases);
        Retention.addTo(cases);
        Policies.addTo(cases);
        Asking.addTo(cases);
        Processing.addTo(cases);
        Multipart.addTo(cases);
        Presigned.addTo(cases);
        Refusals.addTo(cases);
        Callbacks.addTo(cases);
        Sts.addTo(cases);
        cases.forEach(Suite::report);
        System.exit(0);
    }

    static void report(String name, Case each) {
        String detail = "";
        try {
            each.run();
        } catch (Throwable thrown) {
            detail = describe(thrown);
        }
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("case", name);
        line.put("ok", detail.isEmpty());
        line.put("detail", detail);
        System.out.println(new Gson().toJson(line));
    }

    /** What happened, and which lines of the suite led there. */
    private static String describe(Throwable thrown) {
        StringBuilder text = new StringBuilder(thrown.toString());
        for (StackTraceElement place : thrown.getStackTrace()) {
            if (!place.getClassName().contains(".")) {
                text.append("\n  at ").append(place.getFileName()).append(':').append(place.getLineNumber());
            }
        }
        return text.toString();
    }
}
