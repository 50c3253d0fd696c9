import static java.util.stream.Collectors.toList;

import java.io.ByteArrayInputStream;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Date;
import java.util.List;
import java.util.Map;

import com.aliyun.oss.model.AppendObjectRequest;
import com.aliyun.oss.model.AppendObjectResult;
import com.aliyun.oss.model.CannedAccessControlList;
import com.aliyun.oss.model.CopyObjectRequest;
import com.aliyun.oss.model.DeleteObjectsRequest;
import com.aliyun.oss.model.GetObjectRequest;
import com.aliyun.oss.model.ListObjectsRequest;
import com.aliyun.oss.model.ListObjectsV2Request;
import com.aliyun.oss.model.ListObjectsV2Result;
import com.aliyun.oss.model.OSSObject;
import com.aliyun.oss.model.OSSObjectSummary;
import com.aliyun.oss.model.ObjectListing;
import com.aliyun.oss.model.ObjectMetadata;
import com.aliyun.oss.model.ObjectPermission;
import com.aliyun.oss.model.PutObjectRequest;
import com.aliyun.oss.model.PutObjectResult;
import com.aliyun.oss.model.SealAppendObjectRequest;

final class Objects {
    private static final List<String> AWKWARD = Settings.AWKWARD_KEYS;

    static void addTo(Map<String, Suite.Case> cases) {
        cases.put("put_get_head", Objects::putGetHead);
        cases.put("empty_object", Objects::emptyObject);
        cases.put("exists", Objects::exists);
        cases.put("awkward_keys", Objects::awkwardKeys);
        cases.put("list", Objects::list);
        cases.put("list_v2", Objects::listV2);
        cases.put("list_awkward_keys", Objects::listAwkwardKeys);
        cases.put("copy", Objects::copy);
        cases.put("append", Objects::append);
        cases.put("sealing", Objects::sealing);
        cases.put("ranges", Objects::ranges);
        cases.put("conditions", Objects::conditions);
        cases.put("object_acl", Objects::acl);
        cases.put("object_tags", Objects::tags);
        cases.put("symlinks", Objects::symlinks);
        cases.put("delete_many", Objects::deleteMany);
    }

    private static ObjectMetadata head(String key) {
        return Oss.CLIENT.getObjectMetadata(Oss.BUCKET, key);
    }

    private static void putGetHead() throws Exception {
        byte[] content = Oss.bytes(300_000);
        ObjectMetadata metadata = new ObjectMetadata();
        metadata.setContentType("image/png");
        metadata.setCacheControl("max-age=60");
        metadata.addUserMetadata("author", "me");
        metadata.addUserMetadata("note", "two words");
        PutObjectResult stored = Oss.CLIENT.putObject(
                Oss.BUCKET, "put/object.bin", new ByteArrayInputStream(content), metadata);
        Check.equal("ETag", stored.getETag(), Oss.etagOf(content));
        Check.equal("CRC of the client", stored.getClientCRC(), Oss.crcOf(content));
        Check.equal("CRC of the server", stored.getServerCRC(), Oss.crcOf(content));
        Check.same("content", Oss.get("put/object.bin"), content);
        ObjectMetadata about = head("put/object.bin");
        Check.equal("length", about.getContentLength(), 300_000L);
        Check.equal("ETag", about.getETag(), Oss.etagOf(content));
        Check.equal("CRC", about.getServerCRC(), Oss.crcOf(content));
        Check.equal("type", about.getContentType(), "image/png");
        Check.equal("cache control", about.getCacheControl(), "max-age=60");
        Check.equal("metadata", about.getUserMetadata(), Map.of("author", "me", "note", "two words"));
        Check.equal("object type", about.getObjectType(), "Normal");
        Check.equal("storage class", about.getObjectStorageClass().toString(), "Standard");
        Check.that("modified now", Buckets.isNow(about.getLastModified()));
    }

    private static void emptyObject() throws Exception {
        Oss.put("empty", new byte[0]);
        Check.equal("content", Oss.text("empty"), "");
        Check.equal("length", head("empty").getContentLength(), 0L);
    }

    private static void exists() {
        Oss.put("exists", Settings.utf8("x"));
        Check.that("the object exists", Oss.CLIENT.doesObjectExist(Oss.BUCKET, "exists"));
        Check.that("another does not", !Oss.CLIENT.doesObjectExist(Oss.BUCKET, "exists-not"));
        Check.equal("length", Oss.CLIENT.getSimplifiedObjectMeta(Oss.BUCKET, "exists").getSize(), 1L);
    }

    private static void awkwardKeys() throws Exception {
        for (String key : AWKWARD) {
            Oss.put(key, Settings.utf8(key));
            Check.equal("content of " + key, Oss.text(key), key);
            Check.equal("length of " + key, head(key).getContentLength(), (long) Settings.utf8(key).length);
            Oss.CLIENT.deleteObject(Oss.BUCKET, key);
            Check.that(key + " is gone", !Oss.CLIENT.doesObjectExist(Oss.BUCKET, key));
        }
    }

    private static void putTree(String root) {
        for (String name : List.of("a.txt", "b/1.txt", "b/2.txt", "c/d/3.txt", "e.txt")) {
            Oss.put(root + name, Settings.utf8(name));
        }
    }

    /** What a listing holds in all of its pages. */
    private record Listed(List<String> keys, List<String> prefixes) {
        Listed() {
            this(new ArrayList<>(), new ArrayList<>());
        }

        void add(List<OSSObjectSummary> objects, List<String> commonPrefixes) {
            keys.addAll(keysOf(objects));
            prefixes.addAll(commonPrefixes);
        }
    }

    private static List<String> keysOf(List<OSSObjectSummary> objects) {
        return objects.stream().map(OSSObjectSummary::getKey).collect(toList());
    }

    private static Listed every(ListObjectsRequest request) {
        Listed found = new Listed();
        ObjectListing page;
        do {
            page = Oss.CLIENT.listObjects(request);
            found.add(page.getObjectSummaries(), page.getCommonPrefixes());
            request.setMarker(page.getNextMarker());
        } while (page.isTruncated());
        return found;
    }

    private static Listed every(ListObjectsV2Request request) {
        Listed found = new Listed();
        ListObjectsV2Result page;
        do {
            page = Oss.CLIENT.listObjectsV2(request);
            found.add(page.getObjectSummaries(), page.getCommonPrefixes());
            request.setContinuationToken(page.getNextContinuationToken());
        } while (page.isTruncated());
        return found;
    }

    private static void list() throws Exception {
        putTree("list/");
        Listed found = every(new ListObjectsRequest(Oss.BUCKET, "list/", null, "/", 1));
        Check.equal("keys", found.keys(), List.of("list/a.txt", "list/e.txt"));
        Check.equal("prefixes", found.prefixes(), List.of("list/b/", "list/c/"));
        List<OSSObjectSummary> rest = Oss.CLIENT
                .listObjects(new ListObjectsRequest(Oss.BUCKET, "list/", "list/a.txt", null, 100))
                .getObjectSummaries();
        Check.equal("keys", keysOf(rest), List.of("list/b/1.txt", "list/b/2.txt", "list/c/d/3.txt", "list/e.txt"));
        OSSObjectSummary first = rest.get(0);
        Check.equal("ETag", first.getETag(), Oss.etagOf(Settings.utf8("b/1.txt")));
        Check.equal("size", first.getSize(), 7L);
        Check.equal("storage class", first.getStorageClass(), "Standard");
        Check.equal("type", first.getType(), "Normal");
        Check.that("it has an owner", !first.getOwner().getId().isEmpty());
        Check.that("modified now", Buckets.isNow(first.getLastModified()));
    }

    private static void listV2() {
        putTree("list2/");
        Listed found = every(new ListObjectsV2Request(Oss.BUCKET)
                .withPrefix("list2/").withDelimiter("/").withMaxKeys(1).withFetchOwner(true));
        Check.equal("keys", found.keys(), List.of("list2/a.txt", "list2/e.txt"));
        Check.equal("prefixes", found.prefixes(), List.of("list2/b/", "list2/c/"));
        ListObjectsV2Result after = Oss.CLIENT.listObjectsV2(
                new ListObjectsV2Request(Oss.BUCKET, "list2/").withStartAfter("list2/b/2.txt"));
        Check.equal("keys", keysOf(after.getObjectSummaries()), List.of("list2/c/d/3.txt", "list2/e.txt"));
        Check.equal("key count", after.getKeyCount(), 2);
    }

    private static void listAwkwardKeys() {
        List<String> want = AWKWARD.stream().map(key -> "awkward/" + key).collect(toList());
        want.forEach(key -> Oss.put(key, new byte[0]));
        want.sort((one, other) -> Arrays.compareUnsigned(Settings.utf8(one), Settings.utf8(other)));
        Listed found = every(new ListObjectsRequest(Oss.BUCKET, "awkward/", null, null, 5));
        Check.equal("keys", found.keys(), want);
        Listed foundV2 = every(new ListObjectsV2Request(Oss.BUCKET, "awkward/").withMaxKeys(5));
        Check.equal("keys of version 2", foundV2.keys(), want);
        // Decoding is the caller's business in this SDK.
        Listed encoded = every(new ListObjectsRequest(Oss.BUCKET, "awkward/", null, null, 100).withEncodingType("url"));
        List<String> decoded = encoded.keys().stream()
                .map(key -> URLDecoder.decode(key, StandardCharsets.UTF_8)).collect(toList());
        Check.equal("encoded keys", decoded, want);
    }

    private static void copy() throws Exception {
        String source = "copy/源 +?.txt";
        ObjectMetadata metadata = new ObjectMetadata();
        metadata.addUserMetadata("kept", "yes");
        byte[] content = Settings.utf8("content");
        Oss.CLIENT.putObject(Oss.BUCKET, source, new ByteArrayInputStream(content), metadata);
        var copied = Oss.CLIENT.copyObject(Oss.BUCKET, source, Oss.BUCKET, "copy/same");
        Check.equal("ETag", copied.getETag(), Oss.etagOf(content));
        Check.that("modified now", Buckets.isNow(copied.getLastModified()));
        Check.equal("content", Oss.text("copy/same"), "content");
        Check.equal("metadata", head("copy/same").getUserMetadata(), Map.of("kept", "yes"));
        CopyObjectRequest replacing = new CopyObjectRequest(Oss.BUCKET, source, Oss.BUCKET, "copy/replaced");
        ObjectMetadata fresh = new ObjectMetadata();
        fresh.addUserMetadata("fresh", "1");
        replacing.setNewObjectMetadata(fresh);
        Oss.CLIENT.copyObject(replacing);
        Check.equal("metadata", head("copy/replaced").getUserMetadata(), Map.of("fresh", "1"));
    }

    private static AppendObjectResult append(long position, String text, Long crc) {
        return append("append.log", position, text, crc);
    }

    private static AppendObjectResult append(String key, long position, String text, Long crc) {
        var stream = new ByteArrayInputStream(Settings.utf8(text));
        return Oss.CLIENT.appendObject(
                new AppendObjectRequest(Oss.BUCKET, key, stream).withPosition(position).withInitCRC(crc));
    }

    private static void append() throws Exception {
        AppendObjectResult first = append(0, "one,", 0L);
        Check.equal("next position", first.getNextPosition(), 4L);
        AppendObjectResult next = append(4, "two", first.getClientCRC());
        Check.equal("next position", next.getNextPosition(), 7L);
        Check.equal("CRC", next.getServerCRC(), Oss.crcOf(Settings.utf8("one,two")));
        Check.equal("content", Oss.text("append.log"), "one,two");
        Check.equal("object type", head("append.log").getObjectType(), "Appendable");
        Check.refused("PositionNotEqualToLength", () -> append(3, "x", null));
    }

    private static Object seal(long position) {
        return Oss.CLIENT.sealAppendObject(
                new SealAppendObjectRequest(Oss.BUCKET, "sealed.log").withPosition(position));
    }

    private static void sealing() throws Exception {
        append("sealed.log", 0, "one", null);
        Check.refused("PositionNotEqualToLength", () -> seal(0));
        seal(3);
        Object told = head("sealed.log").getRawMetadata().get("x-oss-sealed-time");
        Check.that("told", told != null);
        seal(3);
        Check.equal("told", head("sealed.log").getRawMetadata().get("x-oss-sealed-time"), told);
        Check.refused("ObjectNotAppendable", () -> append("sealed.log", 3, "two", null));
        Check.equal("content", Oss.text("sealed.log"), "one");
    }

    private static String read(GetObjectRequest request) throws Exception {
        try (OSSObject found = Oss.CLIENT.getObject(request)) {
            return new String(found.getObjectContent().readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private static GetObjectRequest range(long start, long end) {
        return new GetObjectRequest(Oss.BUCKET, "ranges").withRange(start, end);
    }

    private static void ranges() throws Exception {
        Oss.put("ranges", Settings.utf8("0123456789"));
        Check.equal("bytes 2 to 4", read(range(2, 4)), "234");
        Check.equal("bytes from 7", read(range(7, -1)), "789");
        Check.equal("the last 2 bytes", read(range(-1, 2)), "89");
        // A range that is not entirely inside the object is ignored, unless the client asks for the standard.
        Check.equal("bytes 8 to 20", read(range(8, 20)), "0123456789");
        GetObjectRequest clamped = range(8, 20);
        clamped.addHeader("x-oss-range-behavior", "standard");
        Check.equal("bytes 8 to 20 by the standard", read(clamped), "89");
        GetObjectRequest behind = range(20, 30);
        behind.addHeader("x-oss-range-behavior", "standard");
        Check.refused("InvalidRange", () -> read(behind));
    }

    private static GetObjectRequest conditional() {
        return new GetObjectRequest(Oss.BUCKET, "conditions");
    }

    private static void conditions() throws Exception {
        String etag = Oss.put("conditions", Settings.utf8("x")).getETag();
        Date past = Date.from(Instant.now().minusSeconds(3600));
        GetObjectRequest met = conditional();
        met.setMatchingETagConstraints(List.of(etag));
        met.setNonmatchingETagConstraints(List.of("other"));
        met.setModifiedSinceConstraint(past);
        Check.equal("content", read(met), "x");
        GetObjectRequest other = conditional();
        other.setMatchingETagConstraints(List.of("other"));
        Check.refused("PreconditionFailed", () -> read(other));
        GetObjectRequest unmodified = conditional();
        unmodified.setUnmodifiedSinceConstraint(past);
        Check.refused("PreconditionFailed", () -> read(unmodified));
        GetObjectRequest same = conditional();
        same.setNonmatchingETagConstraints(List.of(etag));
        Check.refused("NotModified", () -> read(same));
        PutObjectRequest overwrite = new PutObjectRequest(
                Oss.BUCKET, "conditions", new ByteArrayInputStream(Settings.utf8("y")));
        overwrite.addHeader("x-oss-forbid-overwrite", "true");
        Check.refused("FileAlreadyExists", () -> Oss.CLIENT.putObject(overwrite));
    }

    private static ObjectPermission permission() {
        return Oss.CLIENT.getObjectAcl(Oss.BUCKET, "acl").getPermission();
    }

    private static void acl() throws Exception {
        Oss.put("acl", Settings.utf8("x"));
        Check.equal("ACL", permission(), ObjectPermission.Default);
        Check.equal("status of a stranger", Oss.fetch("GET", Oss.bareUrl("acl"), Map.of(), null).status(), 403);
        Oss.CLIENT.setObjectAcl(Oss.BUCKET, "acl", CannedAccessControlList.PublicRead);
        Check.equal("ACL", permission(), ObjectPermission.PublicRead);
        Oss.Reply stranger = Oss.fetch("GET", Oss.bareUrl("acl"), Map.of(), null);
        Check.equal("what a stranger reads", stranger, new Oss.Reply(200, "x"));
    }

    private static Map<String, String> tagsOf(String key) {
        return Oss.CLIENT.getObjectTagging(Oss.BUCKET, key).getAllTags();
    }

    private static void tags() throws Exception {
        Oss.put("tags", Settings.utf8("x"));
        Check.equal("tags", tagsOf("tags"), Map.of());
        Map<String, String> wanted = Map.of("key1=", "value 1+", "key2-", "value2.", "key3:/", "");
        Oss.CLIENT.setObjectTagging(Oss.BUCKET, "tags", wanted);
        Check.equal("tags", tagsOf("tags"), wanted);
        Check.equal("their number", head("tags").getRawMetadata().get("x-oss-tagging-count"), "3");
        Oss.CLIENT.deleteObjectTagging(Oss.BUCKET, "tags");
        Check.equal("tags", tagsOf("tags"), Map.of());
        Check.refused("NoSuchKey", () -> tagsOf("tags-missing"));
    }

    private static void symlinks() throws Exception {
        for (String target : AWKWARD) {
            Oss.put(target, Settings.utf8(target));
            Oss.CLIENT.createSymlink(Oss.BUCKET, "symlink", target);
            Check.equal("target", Oss.CLIENT.getSymlink(Oss.BUCKET, "symlink").getTarget(), target);
            Check.equal("what is read", Oss.text("symlink"), target);
            Check.equal("type", head("symlink").getObjectType(), "Symlink");
        }
        Oss.CLIENT.createSymlink(Oss.BUCKET, "symlink-to-none", "none");
        Check.refused("SymlinkTargetNotExist", () -> Oss.text("symlink-to-none"));
        Oss.CLIENT.createSymlink(Oss.BUCKET, "symlink-to-link", "symlink-to-none");
        Check.refused("InvalidTargetType", () -> Oss.text("symlink-to-link"));
        Check.refused("NoSuchKey", () -> Oss.CLIENT.getSymlink(Oss.BUCKET, "symlink-missing"));
    }

    private static void deleteMany() {
        List<String> keys = new ArrayList<>(List.of("many/plain", "many/missing"));
        AWKWARD.forEach(key -> keys.add("many/" + key));
        keys.stream().filter(key -> !key.equals("many/missing")).forEach(key -> Oss.put(key, new byte[0]));
        for (String encoding : new String[] {null, "url"}) {
            var request = new DeleteObjectsRequest(Oss.BUCKET).withKeys(keys).withEncodingType(encoding);
            Check.equal("deleted", Oss.CLIENT.deleteObjects(request).getDeletedObjects(), keys);
        }
        Check.equal("left", Oss.CLIENT.listObjects(Oss.BUCKET, "many/").getObjectSummaries().size(), 0);
        Oss.put("many/quiet", new byte[0]);
        var quiet = new DeleteObjectsRequest(Oss.BUCKET).withKeys(List.of("many/quiet")).withQuiet(true);
        Check.equal("deleted quietly", Oss.CLIENT.deleteObjects(quiet).getDeletedObjects(), List.of());
    }

    private Objects() {
    }
}
