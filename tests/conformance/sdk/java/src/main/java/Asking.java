import java.io.ByteArrayInputStream;
import java.util.List;
import java.util.Map;

import com.aliyun.oss.OSS;
import com.aliyun.oss.model.AbortMultipartUploadRequest;
import com.aliyun.oss.model.BucketReferer;
import com.aliyun.oss.model.BucketStat;
import com.aliyun.oss.model.DeleteObjectsRequest;
import com.aliyun.oss.model.InitiateMultipartUploadRequest;
import com.aliyun.oss.model.ListBucketAccessPointsRequest;
import com.aliyun.oss.model.ListLiveChannelsRequest;
import com.aliyun.oss.model.ObjectMetadata;
import com.aliyun.oss.model.Payer;
import com.aliyun.oss.model.StorageClass;

/** What a bucket holds, and the settings that none has here. */
final class Asking {
    private static final OSS CLIENT = Oss.CLIENT;
    private static final String MISSING = Oss.BUCKET + "-missing";

    static void addTo(Map<String, Suite.Case> cases) {
        cases.put("bucket_stat", Asking::stat);
        cases.put("head_bucket", Asking::head);
        cases.put("absent_configurations", Asking::absent);
        cases.put("absent_replication", Asking::absentReplication);
        cases.put("live_channels", Asking::liveChannels);
        cases.put("access_points", Asking::accessPoints);
    }

    private static void stat() throws Exception {
        String asked = Oss.BUCKET + "-settings";
        CLIENT.createBucket(asked);
        Check.equal("objects of an empty bucket", CLIENT.getBucketStat(asked).getObjectCount(), 0L);
        CLIENT.putObject(asked, "k", new ByteArrayInputStream(Settings.utf8("12345")));
        ObjectMetadata infrequent = new ObjectMetadata();
        infrequent.setHeader("x-oss-storage-class", StorageClass.IA.toString());
        CLIENT.putObject(asked, "cold", new ByteArrayInputStream(Settings.utf8("123")), infrequent);
        String upload = CLIENT.initiateMultipartUpload(new InitiateMultipartUploadRequest(asked, "k")).getUploadId();
        BucketStat found = CLIENT.getBucketStat(asked);
        Check.equal("bytes, objects, uploads and channels", List.of(found.getStorageSize(), found.getObjectCount(),
                found.getMultipartUploadCount(), found.getLiveChannelCount()), List.of(8L, 2L, 1L, 0L));
        Check.equal("of the standard class",
                List.of(found.getStandardStorage(), found.getStandardObjectCount()), List.of(5L, 1L));
        Check.equal("of the infrequent class", List.of(found.getInfrequentAccessRealStorage(),
                found.getInfrequentAccessObjectCount(), found.getArchiveObjectCount()), List.of(3L, 1L, 0L));
        long age = System.currentTimeMillis() / 1000 - found.getLastModifiedTime();
        Check.that("changed now", Math.abs(age) < 10);
        CLIENT.abortMultipartUpload(new AbortMultipartUploadRequest(asked, "k", upload));
        CLIENT.deleteObjects(new DeleteObjectsRequest(asked).withKeys(List.of("k", "cold")));
        Check.equal("uploads", CLIENT.getBucketStat(asked).getMultipartUploadCount(), 0L);
        CLIENT.deleteBucket(asked);
        Check.refused("NoSuchBucket", () -> CLIENT.getBucketStat(asked));
    }

    private static void head() throws Exception {
        Check.equal("region", CLIENT.getBucketMetadata(Oss.BUCKET).getBucketRegion(), "oss-" + Settings.REGION);
        Check.refused("NoSuchBucket", () -> CLIENT.getBucketMetadata(MISSING));
    }

    private static void absent() throws Exception {
        Check.equal("where it is logged", CLIENT.getBucketLogging(Oss.BUCKET).getTargetBucket(), null);
        BucketReferer referer = CLIENT.getBucketReferer(Oss.BUCKET);
        Check.that("it is read from nowhere, too", referer.isAllowEmptyReferer());
        Check.equal("referers", referer.getRefererList(), List.of());
        Check.equal("payer", CLIENT.getBucketRequestPayment(Oss.BUCKET).getPayer(), Payer.BucketOwner);
        Check.refused("NoSuchWebsiteConfiguration", () -> CLIENT.getBucketWebsite(Oss.BUCKET));
        Check.equal("status", CLIENT.deleteBucketLogging(Oss.BUCKET).getResponse().getStatusCode(), 204);
        Check.equal("status", CLIENT.deleteBucketWebsite(Oss.BUCKET).getResponse().getStatusCode(), 204);
    }

    private static void absentReplication() throws Exception {
        Check.refused("NoSuchReplicationConfiguration", () -> CLIENT.getBucketReplication(Oss.BUCKET));
        Check.refused("NoSuchTransferAccelerationConfiguration",
                () -> CLIENT.getBucketTransferAcceleration(Oss.BUCKET));
        String group = CLIENT.getBucketResourceGroup(Oss.BUCKET).getResourceGroupId();
        Check.that("it is of the account's group", group.startsWith("rg-"));
    }

    private static void liveChannels() throws Exception {
        var found = CLIENT.listLiveChannels(new ListLiveChannelsRequest(Oss.BUCKET, "a 键", "m", 7));
        Check.equal("channels", found.getLiveChannels(), List.of());
        Check.equal("what was asked",
                List.of(found.getPrefix(), found.getMarker(), found.getMaxKeys()), List.of("a 键", "m", 7));
        Check.equal("that is all", found.isTruncated(), false);
        Check.refused("NoSuchBucket", () -> CLIENT.listLiveChannels(MISSING));
    }

    private static void accessPoints() {
        var found = CLIENT.listBucketAccessPoints(new ListBucketAccessPointsRequest(Oss.BUCKET).withMaxKeys(7));
        Check.equal("access points", found.getAccessPoints(), List.of());
        Check.equal("that is all", found.getTruncated(), false);
        Check.that("it is somebody's", !found.getAccountId().isEmpty());
    }

    private Asking() {
    }
}
