package main

import (
	"strings"

	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss"
	"ossia.test/harness"
)

// listed is a version or a marker of a listing.
type listed struct {
	key, version     string
	latest, isMarker bool
}

func listVersions(kept *string) (found []listed) {
	pages := client.NewListObjectVersionsPaginator(&oss.ListObjectVersionsRequest{Bucket: kept, MaxKeys: 1, IsMix: true})
	for pages.HasNext() {
		for _, each := range harness.Must(pages.NextPage(ctx)).ObjectVersionsDeleteMarkers {
			found = append(found, listed{*each.Key, *each.VersionId, each.IsLatest, each.IsDeleteMarker()})
		}
	}
	return found
}

func versions() {
	kept, k := oss.Ptr(*bucket+"-versions"), oss.Ptr("k")
	harness.Ok(second(client.PutBucket(ctx, &oss.PutBucketRequest{Bucket: kept})))
	status := func() string {
		found := harness.Must(client.GetBucketVersioning(ctx, &oss.GetBucketVersioningRequest{Bucket: kept}))
		return oss.ToString(found.VersionStatus)
	}
	change := func(word oss.VersioningStatusType) {
		harness.Ok(second(client.PutBucketVersioning(ctx, &oss.PutBucketVersioningRequest{
			Bucket: kept, VersioningConfiguration: &oss.VersioningConfiguration{Status: word},
		})))
		harness.Equal("status", status(), string(word))
		info := harness.Must(client.GetBucketInfo(ctx, &oss.GetBucketInfoRequest{Bucket: kept})).BucketInfo
		harness.Equal("status", *info.Versioning, string(word))
	}
	store := func(text string) string {
		stored := harness.Must(client.PutObject(ctx, &oss.PutObjectRequest{Bucket: kept, Key: k, Body: strings.NewReader(text)}))
		return *stored.VersionId
	}
	at := func(version string) string {
		found := harness.Must(client.GetObject(ctx, &oss.GetObjectRequest{Bucket: kept, Key: k, VersionId: &version}))
		defer found.Body.Close()
		return harness.ReadAll(found.Body)
	}
	acl := func(version *string) string {
		return *harness.Must(client.GetObjectAcl(ctx, &oss.GetObjectAclRequest{Bucket: kept, Key: k, VersionId: version})).ACL
	}
	erase := func(key, version *string) *oss.DeleteObjectResult {
		return harness.Must(client.DeleteObject(ctx, &oss.DeleteObjectRequest{Bucket: kept, Key: key, VersionId: version}))
	}
	harness.Equal("status", status(), "")
	change(oss.VersionEnabled)
	first := store("1")
	latest := store("two")
	harness.True("each has an id of its own", first != latest)
	harness.Equal("content of the first", at(first), "1")
	harness.Equal("content", read(kept, "k"), "two")
	harness.Ok(second(client.PutObjectAcl(ctx, &oss.PutObjectAclRequest{
		Bucket: kept, Key: k, VersionId: &first, Acl: oss.ObjectACLPublicRead,
	})))
	harness.Equal("ACL of the first", acl(&first), "public-read")
	harness.Equal("ACL", acl(nil), "default")

	deleted := erase(k, nil)
	marker := *deleted.VersionId
	harness.True("there is a marker", deleted.DeleteMarker)
	_, err := client.GetObject(ctx, &oss.GetObjectRequest{Bucket: kept, Key: k})
	harness.Equal("marker", refused(err, 404, "NoSuchKey").Headers.Get("x-oss-version-id"), marker)
	harness.Equal("listed", listVersions(kept), []listed{
		{"k", marker, true, true}, {"k", latest, false, false}, {"k", first, false, false},
	})
	copied := harness.Must(client.CopyObject(ctx, &oss.CopyObjectRequest{
		Bucket: kept, Key: oss.Ptr("copied"), SourceKey: k, SourceVersionId: &first,
	}))
	harness.Equal("source", *copied.SourceVersionId, first)
	harness.Equal("content of the copy", read(kept, "copied"), "1")
	harness.Equal("version that is gone", *erase(oss.Ptr("copied"), copied.VersionId).VersionId, *copied.VersionId)

	var several []oss.ObjectIdentifier
	for _, version := range []string{first, latest, marker} {
		several = append(several, oss.ObjectIdentifier{Key: k, VersionId: oss.Ptr(version)})
	}
	gone := harness.Must(client.DeleteMultipleObjects(ctx, &oss.DeleteMultipleObjectsRequest{
		Bucket: kept, Delete: &oss.Delete{Objects: several},
	})).DeletedObjects
	harness.Equal("number of deleted versions", len(gone), 3)
	for index, each := range gone {
		harness.Equal("key", *each.Key, "k")
		harness.Equal("version", *each.VersionId, *several[index].VersionId)
		harness.Equal("whether it was a marker", each.DeleteMarker, index == 2)
	}
	harness.Equal("marker", *gone[2].DeleteMarkerVersionId, marker)
	harness.Equal("number of versions left", len(listVersions(kept)), 0)

	change(oss.VersionSuspended)
	harness.Equal("version while suspended", store("x"), "null")
	_, err = client.DeleteBucket(ctx, &oss.DeleteBucketRequest{Bucket: kept})
	refused(err, 409, "BucketNotEmpty")
	erase(k, oss.Ptr("null"))
	harness.Ok(second(client.DeleteBucket(ctx, &oss.DeleteBucketRequest{Bucket: kept})))
}
