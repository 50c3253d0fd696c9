package main

import (
	"net/http"
	"strings"

	"github.com/aliyun/aliyun-oss-go-sdk/oss"
	"ossia.test/harness"
)

// listed is a version or a marker of a listing.
type listed struct {
	key, version     string
	latest, isMarker bool
}

func listVersions(kept *oss.Bucket) (found []listed) {
	page := harness.Must(kept.ListObjectVersions())
	for _, each := range page.ObjectVersions {
		found = append(found, listed{each.Key, each.VersionId, each.IsLatest, false})
	}
	for _, each := range page.ObjectDeleteMarkers {
		found = append(found, listed{each.Key, each.VersionId, each.IsLatest, true})
	}
	return found
}

func versions() {
	name := settings.Bucket + "-versions"
	harness.Ok(client.CreateBucket(name))
	kept := bucketOf(client, name)
	var answer http.Header
	told := oss.GetResponseHeader(&answer)
	status := func() string { return harness.Must(client.GetBucketVersioning(name)).Status }
	change := func(word oss.VersioningStatus) {
		harness.Ok(client.SetBucketVersioning(name, oss.VersioningConfig{Status: string(word)}))
		harness.Equal("status", status(), string(word))
		harness.Equal("status", harness.Must(client.GetBucketInfo(name)).BucketInfo.Versioning, string(word))
	}
	store := func(text string) string {
		harness.Ok(kept.PutObject("k", strings.NewReader(text), told))
		return oss.GetVersionId(answer)
	}
	read := func(key string, options ...oss.Option) string {
		stream := harness.Must(kept.GetObject(key, options...))
		defer stream.Close()
		return harness.ReadAll(stream)
	}
	harness.Equal("status", status(), "")
	change(oss.VersionEnabled)
	first := store("1")
	latest := store("two")
	harness.True("each has an id of its own", first != latest)
	harness.Equal("content of the first", read("k", oss.VersionId(first)), "1")
	harness.Equal("content", read("k"), "two")
	harness.Ok(kept.SetObjectACL("k", oss.ACLPublicRead, oss.VersionId(first)))
	harness.Equal("ACL of the first", harness.Must(kept.GetObjectACL("k", oss.VersionId(first))).ACL, "public-read")
	harness.Equal("ACL", harness.Must(kept.GetObjectACL("k")).ACL, "default")

	harness.Ok(kept.DeleteObject("k", told))
	marker := oss.GetVersionId(answer)
	harness.True("there is a marker", oss.GetDeleteMark(answer))
	refused(second(kept.GetObject("k", told)), 404, "NoSuchKey")
	harness.Equal("listed", listVersions(kept), []listed{
		{"k", latest, false, false}, {"k", first, false, false}, {"k", marker, true, true},
	})
	harness.Must(kept.CopyObject("k", "copied", oss.VersionId(first), told))
	copied := oss.GetVersionId(answer)
	harness.Equal("source", oss.GetCopySrcVersionId(answer), first)
	harness.Equal("content of the copy", read("copied"), "1")
	harness.Ok(kept.DeleteObject("copied", oss.VersionId(copied), told))
	harness.Equal("version that is gone", oss.GetVersionId(answer), copied)

	var several []oss.DeleteObject
	for _, version := range []string{first, latest, marker} {
		several = append(several, oss.DeleteObject{Key: "k", VersionId: version})
	}
	deleted := harness.Must(kept.DeleteObjectVersions(several)).DeletedObjectsDetail
	harness.Equal("number of deleted versions", len(deleted), 3)
	for index, each := range deleted {
		harness.Equal("key", each.Key, "k")
		harness.Equal("version", each.VersionId, several[index].VersionId)
		harness.Equal("whether it was a marker", each.DeleteMarker, index == 2)
	}
	harness.Equal("marker", deleted[2].DeleteMarkerVersionId, marker)
	harness.Equal("number of versions left", len(listVersions(kept)), 0)

	change(oss.VersionSuspended)
	harness.Equal("version while suspended", store("x"), "null")
	refused(client.DeleteBucket(name), 409, "BucketNotEmpty")
	harness.Ok(kept.DeleteObject("k", oss.VersionId("null")))
	harness.Ok(client.DeleteBucket(name))
}
