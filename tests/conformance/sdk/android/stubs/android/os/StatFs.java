package android.os;

/** A file system that is full, so that nothing is logged. */
public final class StatFs {
    public StatFs(String path) {}

    public int getAvailableBlocks() {
        return 0;
    }

    public long getAvailableBlocksLong() {
        return 0;
    }

    public int getBlockSize() {
        return 4096;
    }

    public long getBlockSizeLong() {
        return 4096;
    }
}
