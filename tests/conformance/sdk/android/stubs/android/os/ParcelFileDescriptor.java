package android.os;

/** Named by the SDK, not used by the suite. */
public abstract class ParcelFileDescriptor {}
