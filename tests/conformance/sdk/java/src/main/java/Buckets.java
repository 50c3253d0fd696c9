import java.net.URI;
import java.net.URL;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import java.util.Map;

import com.aliyun.oss.model.Bucket;
import com.aliyun.oss.model.BucketInfo;
import com.aliyun.oss.model.BucketList;
import com.aliyun.oss.model.CannedAccessControlList;
import com.aliyun.oss.model.CreateBucketRequest;
import com.aliyun.oss.model.GenericRequest;
import com.aliyun.oss.model.ListBucketsRequest;
import com.aliyun.oss.model.SetBucketCORSRequest;
import com.aliyun.oss.model.SetBucketCORSRequest.CORSRule;
import com.aliyun.oss.model.SetBucketTaggingRequest;

final class Buckets {
    static void addTo(Map<String, Suite.Case> cases) {
        cases.put("addressing", Buckets::addressing);
        cases.put("bucket_lifecycle", Buckets::lifecycle);
        cases.put("bucket_acl", Buckets::acl);
        cases.put("bucket_cors", Buckets::cors);
        cases.put("bucket_tags", Buckets::tags);
    }

    private static void addressing() {
        URL url = Oss.CLIENT.generatePresignedUrl(Oss.BUCKET, "k", Presigned.inSeconds(60));
        URI bare = URI.create(Oss.bareUrl("k"));
        Check.equal("host", url.getAuthority(), bare.getAuthority());
        Check.equal("path", url.getPath(), bare.getPath());
    }

    private static void lifecycle() throws Exception {
        String other = Oss.BUCKET + "-other";
        CreateBucketRequest request = new CreateBucketRequest(other);
        request.setCannedACL(CannedAccessControlList.PublicRead);
        Oss.CLIENT.createBucket(request);
        Check.that("the bucket exists", Oss.CLIENT.doesBucketExist(other));
        BucketInfo info = Oss.CLIENT.getBucketInfo(other);
        Bucket bucket = info.getBucket();
        Check.equal("name", bucket.getName(), other);
        Check.equal("ACL", info.getCannedACL(), CannedAccessControlList.PublicRead);
        Check.equal("location", bucket.getLocation(), "oss-" + Settings.REGION);
        Check.equal("storage class", bucket.getStorageClass().toString(), "Standard");
        Check.that("created now", isNow(bucket.getCreationDate()));
        Check.equal("location", Oss.CLIENT.getBucketLocation(other), "oss-" + Settings.REGION);
        Check.equal("buckets", bucketNames(), List.of(Oss.BUCKET, other));
        Oss.CLIENT.deleteBucket(other);
        Check.that("the bucket is gone", !Oss.CLIENT.doesBucketExist(other));
    }

    static boolean isNow(Date date) {
        return Duration.between(date.toInstant(), Instant.now()).abs().toSeconds() < 10;
    }

    private static List<String> bucketNames() {
        List<String> names = new ArrayList<>();
        BucketList page;
        String marker = null;
        do {
            page = Oss.CLIENT.listBuckets(Oss.BUCKET, marker, 1);
            page.getBucketList().forEach(each -> names.add(each.getName()));
            marker = page.getNextMarker();
        } while (page.isTruncated());
        return names;
    }

    private static void acl() {
        Check.equal("ACL", aclOf(), CannedAccessControlList.Private);
        for (var acl : List.of(CannedAccessControlList.PublicReadWrite, CannedAccessControlList.Private)) {
            Oss.CLIENT.setBucketAcl(Oss.BUCKET, acl);
            Check.equal("ACL", aclOf(), acl);
        }
    }

    private static CannedAccessControlList aclOf() {
        return Oss.CLIENT.getBucketAcl(Oss.BUCKET).getCannedACL();
    }

    private static void cors() throws Exception {
        CORSRule rule = new CORSRule();
        rule.setAllowedOrigins(List.of("http://a.example", "http://*.b.example"));
        rule.setAllowedMethods(List.of("PUT", "GET"));
        rule.setAllowedHeaders(List.of("*"));
        rule.setExposeHeaders(List.of("ETag", "x-oss-request-id"));
        rule.setMaxAgeSeconds(300);
        SetBucketCORSRequest request = new SetBucketCORSRequest(Oss.BUCKET);
        request.addCorsRule(rule);
        Oss.CLIENT.setBucketCORS(request);
        List<CORSRule> rules = Oss.CLIENT.getBucketCORSRules(Oss.BUCKET);
        Check.equal("rules", rules.size(), 1);
        CORSRule found = rules.get(0);
        Check.equal("origins", found.getAllowedOrigins(), rule.getAllowedOrigins());
        Check.equal("methods", found.getAllowedMethods(), rule.getAllowedMethods());
        Check.equal("headers", found.getAllowedHeaders(), rule.getAllowedHeaders());
        Check.equal("exposed", found.getExposeHeaders(), rule.getExposeHeaders());
        Check.equal("age", found.getMaxAgeSeconds(), 300);
        Oss.CLIENT.deleteBucketCORSRules(Oss.BUCKET);
        Check.refused("NoSuchCORSConfiguration", () -> Oss.CLIENT.getBucketCORS(new GenericRequest(Oss.BUCKET)));
    }

    private static void tags() {
        GenericRequest bucket = new GenericRequest(Oss.BUCKET);
        Check.equal("no tags", Oss.CLIENT.getBucketTagging(bucket).getAllTags(), Map.of());
        Map<String, String> wanted = Map.of("team", "red", "阶段", "测试");
        Oss.CLIENT.setBucketTagging(new SetBucketTaggingRequest(Oss.BUCKET, wanted));
        Check.equal("tags", Oss.CLIENT.getBucketTagging(bucket).getAllTags(), wanted);
        Check.equal("by value", tagged("red"), List.of(Oss.BUCKET));
        Check.equal("by another value", tagged("blue"), List.of());
        Oss.CLIENT.deleteBucketTagging(bucket);
        Check.equal("no tags", Oss.CLIENT.getBucketTagging(bucket).getAllTags(), Map.of());
    }

    private static List<String> tagged(String team) {
        ListBucketsRequest request = new ListBucketsRequest(Oss.BUCKET, null, 100);
        request.setTag("team", team);
        List<String> names = new ArrayList<>();
        Oss.CLIENT.listBuckets(request).getBucketList().forEach(each -> names.add(each.getName()));
        return names;
    }

    private Buckets() {
    }
}
