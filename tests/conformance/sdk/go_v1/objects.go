package main

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aliyun/aliyun-oss-go-sdk/oss"
	"ossia.test/harness"
)

const crcHeader = "x-oss-hash-crc64ecma"

func putGetHead() {
	content := harness.Bytes(300_000)
	answer := put("put/object.bin", content,
		oss.ContentType("image/png"), oss.CacheControl("max-age=60"), oss.Meta("author", "me"), oss.Meta("note", "two words"))
	harness.Equal("ETag", answer.Get("ETag"), harness.ETagOf(content))
	harness.Equal("CRC", answer.Get(crcHeader), harness.CRCOf(content))
	harness.True("the content is the same", get("put/object.bin") == string(content))
	about := head("put/object.bin")
	for name, want := range map[string]string{
		"Content-Length": "300000", "ETag": harness.ETagOf(content), crcHeader: harness.CRCOf(content),
		"Content-Type": "image/png", "Cache-Control": "max-age=60",
		"x-oss-meta-author": "me", "x-oss-meta-note": "two words",
		"x-oss-object-type": "Normal", "x-oss-storage-class": "Standard",
	} {
		harness.Equal(name, about.Get(name), want)
	}
	modified := harness.Must(http.ParseTime(about.Get("Last-Modified")))
	harness.True("modified now", time.Since(modified).Abs() < 10*time.Second)
}

func emptyObject() {
	put("empty", nil)
	harness.Equal("content", get("empty"), "")
	harness.Equal("length", head("empty").Get("Content-Length"), "0")
	harness.Equal("CRC", head("empty").Get(crcHeader), "0")
}

func exists() {
	put("exists", []byte("x"))
	harness.True("the object exists", harness.Must(bucket.IsObjectExist("exists")))
	harness.True("another does not", !harness.Must(bucket.IsObjectExist("exists-not")))
	harness.Equal("length", harness.Must(bucket.GetObjectMeta("exists")).Get("Content-Length"), "1")
}

func awkwardKeys() {
	for _, key := range settings.Shared.AwkwardKeys {
		put(key, []byte(key))
		harness.Equal("content of "+key, get(key), key)
		harness.Equal("length of "+key, head(key).Get("Content-Length"), strconv.Itoa(len(key)))
		harness.Ok(bucket.DeleteObject(key))
		harness.True(key+" is gone", !harness.Must(bucket.IsObjectExist(key)))
	}
}

func putTree(root string) {
	for _, name := range harness.Tree {
		put(root+name, []byte(name))
	}
}

func keysOf(objects []oss.ObjectProperties) (keys []string) {
	for _, each := range objects {
		keys = append(keys, each.Key)
	}
	return keys
}

func every(options ...oss.Option) (keys, prefixes []string) {
	marker := ""
	for {
		page := harness.Must(bucket.ListObjects(append(options, oss.Marker(marker))...))
		keys, prefixes = append(keys, keysOf(page.Objects)...), append(prefixes, page.CommonPrefixes...)
		if !page.IsTruncated {
			return keys, prefixes
		}
		marker = page.NextMarker
	}
}

func everyV2(options ...oss.Option) (keys, prefixes []string) {
	var more []oss.Option
	for {
		page := harness.Must(bucket.ListObjectsV2(append(options, more...)...))
		keys, prefixes = append(keys, keysOf(page.Objects)...), append(prefixes, page.CommonPrefixes...)
		if !page.IsTruncated {
			return keys, prefixes
		}
		more = []oss.Option{oss.ContinuationToken(page.NextContinuationToken)}
	}
}

func list() {
	putTree("list/")
	keys, prefixes := every(oss.Prefix("list/"), oss.Delimiter("/"), oss.MaxKeys(1))
	harness.Equal("keys", keys, []string{"list/a.txt", "list/e.txt"})
	harness.Equal("prefixes", prefixes, []string{"list/b/", "list/c/"})
	rest := harness.Must(bucket.ListObjects(oss.Prefix("list/"), oss.Marker("list/a.txt"))).Objects
	harness.Equal("keys", keysOf(rest), []string{"list/b/1.txt", "list/b/2.txt", "list/c/d/3.txt", "list/e.txt"})
	first := rest[0]
	harness.Equal("ETag", first.ETag, harness.ETagOf([]byte("b/1.txt")))
	harness.Equal("size", first.Size, int64(7))
	harness.Equal("type", first.Type, "Normal")
	harness.Equal("storage class", first.StorageClass, "Standard")
	harness.True("it has an owner", first.Owner.ID != "")
	harness.True("modified now", time.Since(first.LastModified).Abs() < 10*time.Second)
}

func listV2() {
	putTree("list2/")
	keys, prefixes := everyV2(oss.Prefix("list2/"), oss.Delimiter("/"), oss.MaxKeys(1), oss.FetchOwner(true))
	harness.Equal("keys", keys, []string{"list2/a.txt", "list2/e.txt"})
	harness.Equal("prefixes", prefixes, []string{"list2/b/", "list2/c/"})
	after := harness.Must(bucket.ListObjectsV2(oss.Prefix("list2/"), oss.StartAfter("list2/b/2.txt")))
	harness.Equal("keys", keysOf(after.Objects), []string{"list2/c/d/3.txt", "list2/e.txt"})
}

func listAwkwardKeys() {
	var want []string
	for _, key := range settings.Shared.AwkwardKeys {
		want = append(want, "awkward/"+key)
		put("awkward/"+key, nil)
	}
	slices.Sort(want)
	keys, _ := every(oss.Prefix("awkward/"), oss.MaxKeys(5))
	keysV2, _ := everyV2(oss.Prefix("awkward/"), oss.MaxKeys(5))
	harness.Equal("keys", keys, want)
	harness.Equal("keys of version 2", keysV2, want)
}

func copyObject() {
	source := "copy/源 +?.txt"
	put(source, []byte("content"), oss.Meta("kept", "yes"))
	copied := harness.Must(bucket.CopyObject(source, "copy/same"))
	harness.Equal("ETag", copied.ETag, harness.ETagOf([]byte("content")))
	harness.True("modified now", time.Since(copied.LastModified).Abs() < 10*time.Second)
	harness.Equal("content", get("copy/same"), "content")
	harness.Equal("metadata", head("copy/same").Get("x-oss-meta-kept"), "yes")
	harness.Must(bucket.CopyObjectFrom(settings.Bucket, source, "copy/replaced",
		oss.MetadataDirective(oss.MetaReplace), oss.Meta("fresh", "1")))
	harness.Equal("metadata", head("copy/replaced").Get("x-oss-meta-fresh"), "1")
	harness.Equal("old metadata", head("copy/replaced").Get("x-oss-meta-kept"), "")
	harness.Ok(bucket.SetObjectMeta("copy/same", oss.Meta("set", "later")))
	harness.Equal("set metadata", head("copy/same").Get("x-oss-meta-set"), "later")
	big := harness.Bytes(5*partSize + 1)
	put("copy/big", big)
	harness.Ok(bucket.CopyFile(settings.Bucket, "copy/big", "copy/copier", partSize, oss.Routines(3)))
	harness.True("the copier copies", get("copy/copier") == string(big))
}

func appendObject() {
	next := harness.Must(bucket.AppendObject("append.log", strings.NewReader("one,"), 0))
	harness.Equal("next position", next, int64(4))
	crc := harness.Must(strconv.ParseUint(harness.CRCOf([]byte("one,")), 10, 64))
	result := harness.Must(bucket.DoAppendObject(&oss.AppendObjectRequest{
		ObjectKey: "append.log", Reader: strings.NewReader("two"), Position: next,
	}, []oss.Option{oss.InitCRC(crc)}))
	harness.Equal("next position", result.NextPosition, int64(7))
	harness.Equal("CRC", strconv.FormatUint(result.CRC, 10), harness.CRCOf([]byte("one,two")))
	harness.Equal("content", get("append.log"), "one,two")
	harness.Equal("object type", head("append.log").Get("x-oss-object-type"), "Appendable")
	refused(second(bucket.AppendObject("append.log", strings.NewReader("x"), 3)), 409, "PositionNotEqualToLength")
}

func ranges() {
	put("ranges", []byte("0123456789"))
	harness.Equal("bytes 2 to 4", get("ranges", oss.Range(2, 4)), "234")
	harness.Equal("bytes from 7", get("ranges", oss.NormalizedRange("7-")), "789")
	harness.Equal("the last 2 bytes", get("ranges", oss.NormalizedRange("-2")), "89")
	// A range that is not entirely inside the object is ignored, unless the client asks for the standard.
	standard := oss.RangeBehavior("standard")
	harness.Equal("bytes 8 to 20", get("ranges", oss.Range(8, 20)), "0123456789")
	harness.Equal("bytes 8 to 20 by the standard", get("ranges", oss.Range(8, 20), standard), "89")
	refused(second(bucket.GetObject("ranges", oss.Range(20, 30), standard)), 416, "InvalidRange")
}

func conditions() {
	etag := put("conditions", []byte("x")).Get("ETag")
	past := time.Now().Add(-time.Hour)
	read := func(option oss.Option) error { return second(bucket.GetObject("conditions", option)) }
	harness.Ok(read(oss.IfMatch(etag)))
	harness.Ok(read(oss.IfNoneMatch(`"other"`)))
	harness.Ok(read(oss.IfModifiedSince(past)))
	refused(read(oss.IfMatch(`"other"`)), 412, "PreconditionFailed")
	refused(read(oss.IfUnmodifiedSince(past)), 412, "PreconditionFailed")
	// A 304 has no body, and is no service error of this SDK.
	harness.True("unchanged", strings.Contains(errorText(read(oss.IfNoneMatch(etag))), "304"))
	refused(bucket.PutObject("conditions", strings.NewReader("y"), oss.ForbidOverWrite(true)), 409, "FileAlreadyExists")
}

func objectACL() {
	put("acl", []byte("x"))
	acl := func() string { return harness.Must(bucket.GetObjectACL("acl")).ACL }
	url := settings.BareURL(settings.Bucket, "acl")
	harness.Equal("ACL", acl(), "default")
	status, _ := harness.Fetch("GET", url, nil, nil)
	harness.Equal("status of a stranger", status, 403)
	harness.Ok(bucket.SetObjectACL("acl", oss.ACLPublicRead))
	harness.Equal("ACL", acl(), "public-read")
	status, text := harness.Fetch("GET", url, nil, nil)
	harness.Equal("status of a stranger", status, 200)
	harness.Equal("what a stranger reads", text, "x")
}

func objectTags() {
	put("tags", []byte("x"))
	tags := func() []oss.Tag { return harness.Must(bucket.GetObjectTagging("tags")).Tags }
	harness.Equal("the number of tags", len(tags()), 0)
	wanted := []oss.Tag{{Key: "key1=", Value: "value 1+"}, {Key: "key2-", Value: "value2."}, {Key: "key3:/"}}
	harness.Ok(bucket.PutObjectTagging("tags", oss.Tagging{Tags: wanted}))
	for index, tag := range tags() {
		harness.Equal("key", tag.Key, wanted[index].Key)
		harness.Equal("value", tag.Value, wanted[index].Value)
	}
	harness.Equal("their number", head("tags").Get("x-oss-tagging-count"), "3")
	harness.Ok(bucket.DeleteObjectTagging("tags"))
	harness.Equal("the number of tags", len(tags()), 0)
	_, err := bucket.GetObjectTagging("tags-missing")
	refused(err, 404, "NoSuchKey")
}

func symlinks() {
	for index, target := range settings.Shared.AwkwardKeys {
		link := "symlink-" + strconv.Itoa(index)
		put(target, []byte(target))
		harness.Ok(bucket.PutSymlink(link, target, oss.Meta("a", "b")))
		harness.Equal("target", harness.Must(bucket.GetSymlink(link)).Get(oss.HTTPHeaderOssSymlinkTarget), target)
		harness.Equal("length", head(link).Get("Content-Length"), strconv.Itoa(len(target)))
		harness.Equal("type", head(link).Get("x-oss-object-type"), "Symlink")
	}
	harness.Ok(bucket.PutSymlink("symlink-to-none", "none"))
	_, err := bucket.GetObject("symlink-to-none")
	refused(err, 404, "SymlinkTargetNotExist")
	harness.Ok(bucket.PutSymlink("symlink-to-link", "symlink-to-none"))
	_, err = bucket.GetObject("symlink-to-link")
	refused(err, 400, "InvalidTargetType")
	_, err = bucket.GetSymlink("symlink-missing")
	refused(err, 404, "NoSuchKey")
}

func deleteMany() {
	keys := []string{"many/plain", "many/missing"}
	for _, key := range settings.Shared.AwkwardKeys {
		keys = append(keys, "many/"+key)
		put("many/"+key, nil)
	}
	harness.Equal("deleted", harness.Must(bucket.DeleteObjects(keys)).DeletedObjects, keys)
	left, _ := every(oss.Prefix("many/"))
	harness.Equal("left", len(left), 0)
	put("many/quiet", nil)
	quiet := harness.Must(bucket.DeleteObjects([]string{"many/quiet"}, oss.DeleteObjectsQuiet(true)))
	harness.Equal("deleted quietly", len(quiet.DeletedObjects), 0)
}
