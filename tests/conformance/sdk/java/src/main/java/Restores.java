import java.io.ByteArrayInputStream;
import java.util.Map;

import com.aliyun.oss.model.CreateBucketRequest;
import com.aliyun.oss.model.ObjectMetadata;
import com.aliyun.oss.model.PutBucketArchiveDirectReadRequest;
import com.aliyun.oss.model.RestoreConfiguration;
import com.aliyun.oss.model.RestoreJobParameters;
import com.aliyun.oss.model.RestoreTier;
import com.aliyun.oss.model.StorageClass;

final class Restores {
    static void addTo(Map<String, Suite.Case> cases) {
        cases.put("restore", Restores::restore);
        cases.put("archive_direct_read", Restores::directRead);
    }

    /** A bucket whose objects have to be restored, with one of them. */
    private static String archive(String name) throws Exception {
        String bucket = Oss.BUCKET + name;
        CreateBucketRequest wanted = new CreateBucketRequest(bucket);
        wanted.setStorageClass(StorageClass.Archive);
        Oss.CLIENT.createBucket(wanted);
        Oss.CLIENT.putObject(bucket, "k", new ByteArrayInputStream(Settings.utf8("cold")));
        Check.equal("class", head(bucket).getObjectStorageClass(), StorageClass.Archive);
        Check.refused("InvalidObjectState", () -> Oss.CLIENT.getObject(bucket, "k"));
        return bucket;
    }

    private static ObjectMetadata head(String bucket) {
        return Oss.CLIENT.getObjectMetadata(bucket, "k");
    }

    private static void remove(String bucket) {
        Oss.CLIENT.deleteObject(bucket, "k");
        Oss.CLIENT.deleteBucket(bucket);
    }

    private static String text(String bucket) throws Exception {
        try (var found = Oss.CLIENT.getObject(bucket, "k")) {
            return new String(found.getObjectContent().readAllBytes(), "UTF-8");
        }
    }

    private static void put(String key, StorageClass storageClass) {
        ObjectMetadata metadata = new ObjectMetadata();
        metadata.setHeader("x-oss-storage-class", storageClass.toString());
        Oss.CLIENT.putObject(Oss.BUCKET, key, new ByteArrayInputStream(Settings.utf8("x")), metadata);
    }

    private static void restore() throws Exception {
        String bucket = archive("-archive");
        Check.equal("first", Oss.CLIENT.restoreObject(bucket, "k").getStatusCode(), 202);
        Check.refused("RestoreAlreadyInProgress", () -> Oss.CLIENT.restoreObject(bucket, "k"));
        Check.that("not restored yet", !head(bucket).isRestoreCompleted());
        for (int turn = 0; turn < 100 && !head(bucket).isRestoreCompleted(); turn++) {
            Thread.sleep(100);
        }
        Check.equal("content", text(bucket), "cold");
        Check.equal("again", Oss.CLIENT.restoreObject(bucket, "k").getStatusCode(), 200);
        remove(bucket);

        put("restore/warm", StorageClass.IA);
        Check.refused("OperationNotSupported", () -> Oss.CLIENT.restoreObject(Oss.BUCKET, "restore/warm"));
        put("restore/colder", StorageClass.ColdArchive);
        var wanted = new RestoreConfiguration(2, new RestoreJobParameters(RestoreTier.RESTORE_TIER_BULK));
        var colder = Oss.CLIENT.restoreObject(Oss.BUCKET, "restore/colder", wanted);
        Check.equal("colder", colder.getStatusCode(), 202);
    }

    private static void directRead() throws Exception {
        String bucket = archive("-direct");
        String missing = "NoSuchArchiveDirectReadConfiguration";
        Check.refused(missing, () -> Oss.CLIENT.getBucketArchiveDirectRead(bucket));
        Oss.CLIENT.putBucketArchiveDirectRead(new PutBucketArchiveDirectReadRequest(bucket, true));
        Check.that("enabled", Oss.CLIENT.getBucketArchiveDirectRead(bucket).getEnabled());
        Check.equal("content", text(bucket), "cold");
        Oss.CLIENT.putBucketArchiveDirectRead(new PutBucketArchiveDirectReadRequest(bucket, false));
        Check.refused("InvalidObjectState", () -> Oss.CLIENT.getObject(bucket, "k"));
        remove(bucket);
    }

    private Restores() {
    }
}
