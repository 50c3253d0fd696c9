import java.io.ByteArrayInputStream;
import java.util.List;
import java.util.Map;

final class Retention {
    private static final String BUCKET = Oss.BUCKET + "-worm";

    static void addTo(Map<String, Suite.Case> cases) {
        cases.put("bucket_worm", Retention::bucketWorm);
    }

    private static List<Object> told() {
        var found = Oss.CLIENT.getBucketWorm(BUCKET);
        Check.that("has a time", found.getCreationDate() != null);
        return List.of(found.getWormId(), found.getWormState(), found.getRetentionPeriodInDays());
    }

    private static Object put(String text) {
        return Oss.CLIENT.putObject(BUCKET, "k", new ByteArrayInputStream(Settings.utf8(text)));
    }

    private static void bucketWorm() throws Exception {
        Oss.CLIENT.createBucket(BUCKET);
        Check.refused("NoSuchWORMConfiguration", () -> Oss.CLIENT.getBucketWorm(BUCKET));
        String first = Oss.CLIENT.initiateBucketWorm(BUCKET, 1).getWormId();
        Check.equal("policy", told(), List.of(first, "InProgress", 1));
        Check.refused("InvalidWORMConfiguration", () -> Oss.CLIENT.extendBucketWorm(BUCKET, first, 2));
        Oss.CLIENT.abortBucketWorm(BUCKET);
        put("kept");
        String wormId = Oss.CLIENT.initiateBucketWorm(BUCKET, 1).getWormId();
        Oss.CLIENT.completeBucketWorm(BUCKET, wormId);
        Oss.CLIENT.extendBucketWorm(BUCKET, wormId, 2);
        Check.equal("policy", told(), List.of(wormId, "Locked", 2));
        Check.refused("WORMConfigurationLocked", () -> Oss.CLIENT.abortBucketWorm(BUCKET));
        Check.refused("FileImmutable", () -> put("other"));
        Check.refused("FileImmutable", () -> Oss.CLIENT.deleteObject(BUCKET, "k"));
    }
}
