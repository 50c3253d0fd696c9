import static java.util.stream.Collectors.toList;

import java.io.ByteArrayInputStream;
import java.util.List;
import java.util.Map;

import com.aliyun.oss.model.BucketVersioningConfiguration;
import com.aliyun.oss.model.CannedAccessControlList;
import com.aliyun.oss.model.CopyObjectRequest;
import com.aliyun.oss.model.DeleteVersionsRequest;
import com.aliyun.oss.model.DeleteVersionsRequest.KeyVersion;
import com.aliyun.oss.model.GenericRequest;
import com.aliyun.oss.model.GetObjectRequest;
import com.aliyun.oss.model.ObjectPermission;
import com.aliyun.oss.model.SetBucketVersioningRequest;
import com.aliyun.oss.model.SetObjectAclRequest;

final class Versions {
    private static final String BUCKET = Oss.BUCKET + "-versions";

    static void addTo(Map<String, Suite.Case> cases) {
        cases.put("versions", Versions::versions);
    }

    private static String status() {
        return Oss.CLIENT.getBucketVersioning(BUCKET).getStatus();
    }

    private static void change(String word) {
        var wanted = new BucketVersioningConfiguration(word);
        Oss.CLIENT.setBucketVersioning(new SetBucketVersioningRequest(BUCKET, wanted));
        Check.equal("status", status(), word);
        Check.equal("status", Oss.CLIENT.getBucketInfo(BUCKET).getVersioning(), word);
    }

    private static String store(String text) {
        return Oss.CLIENT.putObject(BUCKET, "k", new ByteArrayInputStream(Settings.utf8(text))).getVersionId();
    }

    private static String read(String key, String version) throws Exception {
        try (var found = Oss.CLIENT.getObject(new GetObjectRequest(BUCKET, key, version))) {
            return new String(found.getObjectContent().readAllBytes(), "UTF-8");
        }
    }

    private static ObjectPermission acl(String version) {
        return Oss.CLIENT.getObjectAcl(new GenericRequest(BUCKET, "k", version)).getPermission();
    }

    /** A version or a marker, of a listing or of what was deleted. */
    private record Told(String version, boolean latest, boolean isMarker) {
    }

    /** The SDK puts the markers behind the versions. */
    private static List<Told> listed() {
        return Oss.CLIENT.listVersions(BUCKET, null).getVersionSummaries().stream()
                .map(each -> new Told(each.getVersionId(), each.isLatest(), each.isDeleteMarker()))
                .collect(toList());
    }

    private static void versions() throws Exception {
        Oss.CLIENT.createBucket(BUCKET);
        Check.equal("status", status(), null);
        change(BucketVersioningConfiguration.ENABLED);
        String first = store("1");
        String second = store("two");
        Check.that("each has an id of its own", !first.equals(second));
        Check.equal("content of the first", read("k", first), "1");
        Check.equal("content", read("k", null), "two");
        Oss.CLIENT.setObjectAcl(new SetObjectAclRequest(BUCKET, "k", first, CannedAccessControlList.PublicRead));
        Check.equal("ACL of the first", acl(first), ObjectPermission.PublicRead);
        Check.equal("ACL", acl(null), ObjectPermission.Default);

        var deleted = Oss.CLIENT.deleteObject(BUCKET, "k").getResponse().getHeaders();
        String marker = deleted.get("x-oss-version-id");
        Check.equal("whether there is a marker", deleted.get("x-oss-delete-marker"), "true");
        Check.refused("NoSuchKey", () -> read("k", null));
        Check.equal("listed", listed(), List.of(
                new Told(second, false, false), new Told(first, false, false), new Told(marker, true, true)));
        var copied = Oss.CLIENT.copyObject(new CopyObjectRequest(BUCKET, "k", first, BUCKET, "copied"));
        Check.equal("content of the copy", read("copied", copied.getVersionId()), "1");
        Oss.CLIENT.deleteVersion(BUCKET, "copied", copied.getVersionId());

        var several = List.of(new KeyVersion("k", first), new KeyVersion("k", second), new KeyVersion("k", marker));
        var gone = Oss.CLIENT.deleteVersions(new DeleteVersionsRequest(BUCKET).withKeys(several)).getDeletedVersions();
        Check.equal(
                "deleted",
                gone.stream().map(each -> new Told(each.getVersionId(), false, each.isDeleteMarker())).collect(toList()),
                List.of(new Told(first, false, false), new Told(second, false, false), new Told(marker, false, true)));
        Check.equal("marker", gone.get(2).getDeleteMarkerVersionId(), marker);
        Check.equal("left", listed(), List.of());

        change(BucketVersioningConfiguration.SUSPENDED);
        Check.equal("version while suspended", store("x"), "null");
        Check.refused("BucketNotEmpty", () -> Oss.CLIENT.deleteBucket(BUCKET));
        Oss.CLIENT.deleteVersion(BUCKET, "k", "null");
        Oss.CLIENT.deleteBucket(BUCKET);
    }

    private Versions() {
    }
}
