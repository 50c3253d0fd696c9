import java.io.ByteArrayInputStream;
import java.util.Date;
import java.util.List;
import java.util.Map;

import com.aliyun.oss.common.utils.DateUtil;
import com.aliyun.oss.model.LifecycleRule;
import com.aliyun.oss.model.LifecycleRule.AbortMultipartUpload;
import com.aliyun.oss.model.LifecycleRule.NoncurrentVersionExpiration;
import com.aliyun.oss.model.LifecycleRule.NoncurrentVersionStorageTransition;
import com.aliyun.oss.model.LifecycleRule.RuleStatus;
import com.aliyun.oss.model.LifecycleRule.StorageTransition;
import com.aliyun.oss.model.SetBucketLifecycleRequest;
import com.aliyun.oss.model.StorageClass;

final class Lifecycles {
    static void addTo(Map<String, Suite.Case> cases) {
        cases.put("lifecycle", Lifecycles::rules);
        cases.put("access_monitor", Lifecycles::monitor);
    }

    private static Object put(LifecycleRule... rules) {
        SetBucketLifecycleRequest request = new SetBucketLifecycleRequest(Oss.BUCKET);
        request.setLifecycleRules(List.of(rules));
        return Oss.CLIENT.setBucketLifecycle(request);
    }

    private static List<LifecycleRule> found() {
        return Oss.CLIENT.getBucketLifecycle(Oss.BUCKET);
    }

    private static void rules() throws Exception {
        Check.refused("NoSuchLifecycle", Lifecycles::found);
        Date day = DateUtil.parseIso8601Date("2022-10-12T00:00:00.000Z");
        LifecycleRule first = new LifecycleRule("delete obsoleted files", "logs/中文", RuleStatus.Enabled, 30);
        first.setTags(Map.of("k", "v"));
        first.setStorageTransition(List.of(
            new StorageTransition(10, StorageClass.IA), new StorageTransition(20, StorageClass.Archive)));
        LifecycleRule dated = new LifecycleRule("by an old date", "b", RuleStatus.Enabled, day);
        LifecycleRule parts = new LifecycleRule("parts", "c", RuleStatus.Disabled);
        AbortMultipartUpload abort = new AbortMultipartUpload();
        abort.setCreatedBeforeDate(day);
        parts.setAbortMultipartUpload(abort);
        LifecycleRule versions = new LifecycleRule("versions", "d", RuleStatus.Enabled);
        versions.setExpiredDeleteMarker(true);
        versions.setNoncurrentVersionExpiration(new NoncurrentVersionExpiration().withNoncurrentDays(30));
        versions.setNoncurrentVersionStorageTransitions(List.of(
            new NoncurrentVersionStorageTransition().withNoncurrentDays(10).withStrorageClass(StorageClass.IA)));
        put(first, dated, parts, versions);
        List<LifecycleRule> rules = found();
        Check.equal("number of rules", rules.size(), 4);
        Check.equal("prefix", rules.get(0).getPrefix(), "logs/中文");
        Check.equal("days", rules.get(0).getExpirationDays(), 30);
        Check.equal("tags", rules.get(0).getTags(), Map.of("k", "v"));
        Check.equal("class", rules.get(0).getStorageTransition().get(1).getStorageClass(), StorageClass.Archive);
        Check.equal("date", rules.get(1).getExpirationTime(), day);
        Check.equal("status", rules.get(2).getStatus(), RuleStatus.Disabled);
        Check.equal("date", rules.get(2).getAbortMultipartUpload().getCreatedBeforeDate(), day);
        Check.equal("markers", rules.get(3).getExpiredDeleteMarker(), true);
        Check.equal("noncurrent", rules.get(3).getNoncurrentVersionExpiration().getNoncurrentDays(), 30);
        // Without an id it gets one, without a prefix it is about everything.
        put(new LifecycleRule(null, null, RuleStatus.Enabled, 7));
        Check.that("it has an id", !found().get(0).getId().isEmpty());
        Oss.CLIENT.putObject(Oss.BUCKET, "aging", new ByteArrayInputStream(new byte[] {1}));
        Object told = Oss.CLIENT.getObjectMetadata(Oss.BUCKET, "aging").getRawMetadata().get("x-oss-expiration");
        Check.that("its end is told", told != null);
        Check.refused("InvalidRequest", () -> put(
            new LifecycleRule("1", "dir1/", RuleStatus.Enabled, 180),
            new LifecycleRule("2", "dir1/dir2/", RuleStatus.Enabled, 30)));
        Oss.CLIENT.deleteBucketLifecycle(Oss.BUCKET);
        Check.refused("NoSuchLifecycle", Lifecycles::found);
    }

    private static String status() {
        return Oss.CLIENT.getBucketAccessMonitor(Oss.BUCKET).getStatus();
    }

    private static void monitor() throws Exception {
        Check.equal("at first", status(), "Disabled");
        LifecycleRule rule = new LifecycleRule("r", "none/", RuleStatus.Enabled);
        StorageTransition transition = new StorageTransition(30, StorageClass.IA, true, false);
        rule.setStorageTransition(List.of(transition));
        Check.refused("InvalidRequest", () -> put(rule));
        Oss.CLIENT.putBucketAccessMonitor(Oss.BUCKET, "Enabled");
        Check.equal("enabled", status(), "Enabled");
        put(rule);
        LifecycleRule told = found().get(0);
        Check.equal("by access", told.getStorageTransition().get(0).getIsAccessTime(), true);
        Check.that("base", Long.parseLong(told.getaTimeBase()) > 1_700_000_000L);
        Oss.CLIENT.putObject(Oss.BUCKET, "accessed", new ByteArrayInputStream(new byte[] {1}));
        Object accessed = Oss.CLIENT.getSimplifiedObjectMeta(Oss.BUCKET, "accessed")
            .getHeaders().get("x-oss-last-access-time");
        Check.that("accessed", accessed != null);
        Check.refused("AccessMonitorDisableNotAllowed",
            () -> Oss.CLIENT.putBucketAccessMonitor(Oss.BUCKET, "Disabled"));
        Oss.CLIENT.deleteBucketLifecycle(Oss.BUCKET);
        Oss.CLIENT.putBucketAccessMonitor(Oss.BUCKET, "Disabled");
        Check.equal("at last", status(), "Disabled");
    }
}
