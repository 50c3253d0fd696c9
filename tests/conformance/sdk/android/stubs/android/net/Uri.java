package android.net;

/** Named by the SDK, not used by the suite. */
public abstract class Uri {}
