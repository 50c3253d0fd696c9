package android.os;

/** The phone. */
public final class Build {
    public static final String MODEL = "Pixel 7";
    public static final String ID = "TQ3A";

    public static final class VERSION {
        public static final int SDK_INT = 33;
        public static final String RELEASE = "13";
    }

    public static final class VERSION_CODES {
        public static final int ICE_CREAM_SANDWICH = 14;
    }
}
