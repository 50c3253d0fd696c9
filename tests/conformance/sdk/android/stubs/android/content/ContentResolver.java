package android.content;

/** Named by the SDK, not used by the suite. */
public abstract class ContentResolver {}
