package main

import (
	"bytes"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss"
	"ossia.test/harness"
)

func putGetHead() {
	content := harness.Bytes(300_000)
	key := oss.Ptr("put/object.bin")
	stored := harness.Must(client.PutObject(ctx, &oss.PutObjectRequest{
		Bucket: bucket, Key: key, Body: bytes.NewReader(content),
		ContentType:  oss.Ptr("image/png"),
		CacheControl: oss.Ptr("max-age=60"),
		Metadata:     map[string]string{"author": "me", "note": "two words"},
	}))
	harness.Equal("ETag", *stored.ETag, harness.ETagOf(content))
	harness.Equal("CRC", *stored.HashCRC64, harness.CRCOf(content))
	found := harness.Must(client.GetObject(ctx, &oss.GetObjectRequest{Bucket: bucket, Key: key}))
	harness.True("the content is the same", harness.ReadAll(found.Body) == string(content))
	about := head(*key)
	harness.Equal("length", about.ContentLength, int64(len(content)))
	harness.Equal("ETag", *about.ETag, harness.ETagOf(content))
	harness.Equal("CRC", *about.HashCRC64, harness.CRCOf(content))
	harness.Equal("type", *about.ContentType, "image/png")
	harness.Equal("cache control", *about.CacheControl, "max-age=60")
	harness.Equal("metadata", about.Metadata, map[string]string{"author": "me", "note": "two words"})
	harness.Equal("object type", *about.ObjectType, "Normal")
	harness.Equal("storage class", *about.StorageClass, "Standard")
	harness.True("modified now", time.Since(*about.LastModified).Abs() < 10*time.Second)
}

func emptyObject() {
	put("empty", nil)
	harness.Equal("content", get("empty"), "")
	harness.Equal("length", head("empty").ContentLength, int64(0))
	harness.Equal("CRC", *head("empty").HashCRC64, "0")
}

func exists() {
	put("exists", []byte("x"))
	harness.True("the object exists", harness.Must(client.IsObjectExist(ctx, *bucket, "exists")))
	harness.True("another does not", !harness.Must(client.IsObjectExist(ctx, *bucket, "exists-not")))
	meta := harness.Must(client.GetObjectMeta(ctx, &oss.GetObjectMetaRequest{Bucket: bucket, Key: oss.Ptr("exists")}))
	harness.Equal("length", meta.ContentLength, int64(1))
}

func awkwardKeys() {
	for _, key := range settings.Shared.AwkwardKeys {
		put(key, []byte(key))
		harness.Equal("content of "+key, get(key), key)
		harness.Equal("length of "+key, head(key).ContentLength, int64(len(key)))
		harness.Ok(second(client.DeleteObject(ctx, &oss.DeleteObjectRequest{Bucket: bucket, Key: &key})))
		harness.True(key+" is gone", !harness.Must(client.IsObjectExist(ctx, *bucket, key)))
	}
}

func putTree(root string) {
	for _, name := range harness.Tree {
		put(root+name, []byte(name))
	}
}

func keysOf(contents []oss.ObjectProperties) (keys []string) {
	for _, each := range contents {
		keys = append(keys, *each.Key)
	}
	return keys
}

func prefixesOf(found []oss.CommonPrefix) (prefixes []string) {
	for _, each := range found {
		prefixes = append(prefixes, *each.Prefix)
	}
	return prefixes
}

func list() {
	putTree("list/")
	var keys, prefixes []string
	pages := client.NewListObjectsPaginator(&oss.ListObjectsRequest{
		Bucket: bucket, Prefix: oss.Ptr("list/"), Delimiter: oss.Ptr("/"), MaxKeys: 1,
	})
	for pages.HasNext() {
		page := harness.Must(pages.NextPage(ctx))
		keys = append(keys, keysOf(page.Contents)...)
		prefixes = append(prefixes, prefixesOf(page.CommonPrefixes)...)
	}
	harness.Equal("keys", keys, []string{"list/a.txt", "list/e.txt"})
	harness.Equal("prefixes", prefixes, []string{"list/b/", "list/c/"})
	all := harness.Must(client.ListObjects(ctx, &oss.ListObjectsRequest{
		Bucket: bucket, Prefix: oss.Ptr("list/"), Marker: oss.Ptr("list/a.txt"),
	}))
	harness.Equal("keys", keysOf(all.Contents), []string{"list/b/1.txt", "list/b/2.txt", "list/c/d/3.txt", "list/e.txt"})
	first := all.Contents[0]
	harness.Equal("ETag", *first.ETag, harness.ETagOf([]byte("b/1.txt")))
	harness.Equal("size", first.Size, int64(7))
	harness.Equal("type", *first.Type, "Normal")
	harness.Equal("storage class", *first.StorageClass, "Standard")
	harness.True("it has an owner", *first.Owner.ID != "")
	harness.True("modified now", time.Since(*first.LastModified).Abs() < 10*time.Second)
}

func listV2() {
	putTree("list2/")
	var keys, prefixes []string
	pages := client.NewListObjectsV2Paginator(&oss.ListObjectsV2Request{
		Bucket: bucket, Prefix: oss.Ptr("list2/"), Delimiter: oss.Ptr("/"), MaxKeys: 1, FetchOwner: true,
	})
	for pages.HasNext() {
		page := harness.Must(pages.NextPage(ctx))
		harness.True("a page holds one entry", page.KeyCount == 1)
		keys = append(keys, keysOf(page.Contents)...)
		prefixes = append(prefixes, prefixesOf(page.CommonPrefixes)...)
	}
	harness.Equal("keys", keys, []string{"list2/a.txt", "list2/e.txt"})
	harness.Equal("prefixes", prefixes, []string{"list2/b/", "list2/c/"})
	after := harness.Must(client.ListObjectsV2(ctx, &oss.ListObjectsV2Request{
		Bucket: bucket, Prefix: oss.Ptr("list2/"), StartAfter: oss.Ptr("list2/b/2.txt"),
	}))
	harness.Equal("keys", keysOf(after.Contents), []string{"list2/c/d/3.txt", "list2/e.txt"})
}

func listAwkwardKeys() {
	var want []string
	for _, key := range settings.Shared.AwkwardKeys {
		want = append(want, "awkward/"+key)
		put("awkward/"+key, nil)
	}
	slices.Sort(want)
	var keys, keysV2 []string
	pages := client.NewListObjectsPaginator(&oss.ListObjectsRequest{Bucket: bucket, Prefix: oss.Ptr("awkward/"), MaxKeys: 5})
	for pages.HasNext() {
		keys = append(keys, keysOf(harness.Must(pages.NextPage(ctx)).Contents)...)
	}
	pagesV2 := client.NewListObjectsV2Paginator(&oss.ListObjectsV2Request{Bucket: bucket, Prefix: oss.Ptr("awkward/"), MaxKeys: 5})
	for pagesV2.HasNext() {
		keysV2 = append(keysV2, keysOf(harness.Must(pagesV2.NextPage(ctx)).Contents)...)
	}
	harness.Equal("keys", keys, want)
	harness.Equal("keys of version 2", keysV2, want)
}

func copyObject() {
	source := "copy/源 +?.txt"
	harness.Ok(second(client.PutObject(ctx, &oss.PutObjectRequest{
		Bucket: bucket, Key: &source, Body: strings.NewReader("content"), Metadata: map[string]string{"kept": "yes"},
	})))
	copied := harness.Must(client.CopyObject(ctx, &oss.CopyObjectRequest{
		Bucket: bucket, Key: oss.Ptr("copy/same"), SourceKey: &source,
	}))
	harness.Equal("ETag", *copied.ETag, harness.ETagOf([]byte("content")))
	harness.Equal("content", get("copy/same"), "content")
	harness.Equal("metadata", head("copy/same").Metadata["kept"], "yes")
	harness.Ok(second(client.CopyObject(ctx, &oss.CopyObjectRequest{
		Bucket: bucket, Key: oss.Ptr("copy/replaced"), SourceKey: &source, SourceBucket: bucket,
		MetadataDirective: oss.Ptr("REPLACE"), Metadata: map[string]string{"fresh": "1"},
	})))
	harness.Equal("metadata", head("copy/replaced").Metadata, map[string]string{"fresh": "1"})
	big := harness.Bytes(700_000)
	put("copy/big", big)
	harness.Ok(second(client.NewCopier().Copy(ctx, &oss.CopyObjectRequest{
		Bucket: bucket, Key: oss.Ptr("copy/copier"), SourceKey: oss.Ptr("copy/big"),
	}, func(options *oss.CopierOptions) {
		options.PartSize, options.MultipartCopyThreshold, options.DisableShallowCopy = 200_000, 200_000, true
	})))
	harness.True("the copier copies", get("copy/copier") == string(big))
}

func appendObject() {
	key := oss.Ptr("append.log")
	add := func(position int64, text string, crc *string) (*oss.AppendObjectResult, error) {
		return client.AppendObject(ctx, &oss.AppendObjectRequest{
			Bucket: bucket, Key: key, Position: &position, Body: strings.NewReader(text), InitHashCRC64: crc,
		})
	}
	first := harness.Must(add(0, "one,", oss.Ptr("0")))
	harness.Equal("next position", first.NextPosition, int64(4))
	next := harness.Must(add(4, "two", first.HashCRC64))
	harness.Equal("next position", next.NextPosition, int64(7))
	harness.Equal("CRC", *next.HashCRC64, harness.CRCOf([]byte("one,two")))
	harness.Equal("content", get(*key), "one,two")
	harness.Equal("object type", *head(*key).ObjectType, "Appendable")
	_, err := add(3, "three", nil)
	where := refused(err, 409, "PositionNotEqualToLength").Headers.Get("x-oss-next-append-position")
	harness.Equal("next position", where, "7")
	file := harness.Must(client.AppendFile(ctx, *bucket, *key))
	harness.Must(file.Write([]byte(",three")))
	harness.Ok(file.Close())
	harness.Equal("content", get(*key), "one,two,three")
}

func ranges() {
	put("ranges", []byte("0123456789"))
	read := func(text string) *oss.GetObjectResult {
		return harness.Must(client.GetObject(ctx, &oss.GetObjectRequest{
			Bucket: bucket, Key: oss.Ptr("ranges"), Range: &text,
		}))
	}
	for text, want := range map[string]string{"bytes=2-4": "234", "bytes=7-": "789", "bytes=-2": "89"} {
		found := read(text)
		harness.Equal(text, harness.ReadAll(found.Body), want)
		harness.Equal("status of "+text, found.StatusCode, 206)
	}
	harness.Equal("content range", *read("bytes=2-4").ContentRange, "bytes 2-4/10")
	// A range that is not entirely inside the object is ignored, unless the client asks for the standard.
	whole := read("bytes=8-20")
	harness.Equal("status over the end", whole.StatusCode, 200)
	harness.Equal("content over the end", harness.ReadAll(whole.Body), "0123456789")
	standard := func(text string) (*oss.GetObjectResult, error) {
		return client.GetObject(ctx, &oss.GetObjectRequest{
			Bucket: bucket, Key: oss.Ptr("ranges"), Range: &text, RangeBehavior: oss.Ptr("standard"),
		})
	}
	harness.Equal("content by the standard", harness.ReadAll(harness.Must(standard("bytes=8-20")).Body), "89")
	refused(second(standard("bytes=20-30")), 416, "InvalidRange")
	file := harness.Must(client.OpenFile(ctx, *bucket, "ranges"))
	harness.Must(file.Seek(-4, 2))
	harness.Equal("content of a file", harness.ReadAll(file), "6789")
	harness.Ok(file.Close())
}

func conditions() {
	etag := *put("conditions", []byte("x")).ETag
	past := time.Now().Add(-time.Hour).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")
	read := func(request oss.GetObjectRequest) error {
		request.Bucket, request.Key = bucket, oss.Ptr("conditions")
		return second(client.GetObject(ctx, &request))
	}
	harness.Ok(read(oss.GetObjectRequest{IfMatch: &etag}))
	harness.Ok(read(oss.GetObjectRequest{IfNoneMatch: oss.Ptr(`"other"`)}))
	harness.Ok(read(oss.GetObjectRequest{IfModifiedSince: &past}))
	refused(read(oss.GetObjectRequest{IfMatch: oss.Ptr(`"other"`)}), 412, "PreconditionFailed")
	refused(read(oss.GetObjectRequest{IfUnmodifiedSince: &past}), 412, "PreconditionFailed")
	unchanged(read(oss.GetObjectRequest{IfNoneMatch: &etag}))
	_, err := client.PutObject(ctx, &oss.PutObjectRequest{
		Bucket: bucket, Key: oss.Ptr("conditions"), Body: strings.NewReader("y"), ForbidOverwrite: oss.Ptr("true"),
	})
	refused(err, 409, "FileAlreadyExists")
}

// unchanged demands a 304, which has no body and therefore no code of the service.
func unchanged(err error) {
	var found *oss.ServiceError
	harness.True("it is a service error", asServiceError(err, &found))
	harness.Equal("status", found.StatusCode, 304)
}

func objectACL() {
	key := oss.Ptr("acl")
	put(*key, []byte("x"))
	acl := func() string {
		return *harness.Must(client.GetObjectAcl(ctx, &oss.GetObjectAclRequest{Bucket: bucket, Key: key})).ACL
	}
	url := settings.BareURL(*bucket, *key)
	harness.Equal("ACL", acl(), "default")
	status, _ := harness.Fetch("GET", url, nil, nil)
	harness.Equal("status of a stranger", status, 403)
	harness.Ok(second(client.PutObjectAcl(ctx, &oss.PutObjectAclRequest{Bucket: bucket, Key: key, Acl: oss.ObjectACLPublicRead})))
	harness.Equal("ACL", acl(), "public-read")
	status, text := harness.Fetch("GET", url, nil, nil)
	harness.Equal("status of a stranger", status, 200)
	harness.Equal("what a stranger reads", text, "x")
}

func objectTags() {
	key := oss.Ptr("tags")
	put(*key, []byte("x"))
	tags := func() []oss.Tag {
		return harness.Must(client.GetObjectTagging(ctx, &oss.GetObjectTaggingRequest{Bucket: bucket, Key: key})).Tags
	}
	harness.Equal("the number of tags", len(tags()), 0)
	wanted := map[string]string{"key1=": "value 1+", "key2-": "value2.", "key3:/": ""}
	var set []oss.Tag
	for name, value := range wanted {
		set = append(set, oss.Tag{Key: oss.Ptr(name), Value: oss.Ptr(value)})
	}
	tagging := &oss.Tagging{TagSet: &oss.TagSet{Tags: set}}
	harness.Ok(second(client.PutObjectTagging(ctx, &oss.PutObjectTaggingRequest{Bucket: bucket, Key: key, Tagging: tagging})))
	found := map[string]string{}
	for _, tag := range tags() {
		found[*tag.Key] = oss.ToString(tag.Value)
	}
	harness.Equal("tags", found, wanted)
	harness.Ok(second(client.DeleteObjectTagging(ctx, &oss.DeleteObjectTaggingRequest{Bucket: bucket, Key: key})))
	harness.Equal("the number of tags", len(tags()), 0)
	_, err := client.GetObjectTagging(ctx, &oss.GetObjectTaggingRequest{Bucket: bucket, Key: oss.Ptr("tags-missing")})
	refused(err, 404, "NoSuchKey")
}

// It leaves the encoding of a target to its caller.
func link(key, target string) {
	ask := &oss.PutSymlinkRequest{Bucket: bucket, Key: oss.Ptr(key), Target: oss.Ptr(url.QueryEscape(target))}
	harness.Ok(second(client.PutSymlink(ctx, ask)))
}

func symlinks() {
	for index, target := range settings.Shared.AwkwardKeys {
		key := oss.Ptr("symlink-" + strconv.Itoa(index))
		put(target, []byte(target))
		link(*key, target)
		found := harness.Must(client.GetSymlink(ctx, &oss.GetSymlinkRequest{Bucket: bucket, Key: key}))
		harness.Equal("target", harness.Must(url.QueryUnescape(*found.Target)), target)
		head := harness.Must(client.HeadObject(ctx, &oss.HeadObjectRequest{Bucket: bucket, Key: key}))
		harness.Equal("length", head.ContentLength, int64(len(target)))
		harness.Equal("type", *head.ObjectType, "Symlink")
	}
	read := func(key string) error {
		_, err := client.GetObject(ctx, &oss.GetObjectRequest{Bucket: bucket, Key: oss.Ptr(key)})
		return err
	}
	link("symlink-to-none", "none")
	refused(read("symlink-to-none"), 404, "SymlinkTargetNotExist")
	link("symlink-to-link", "symlink-to-none")
	refused(read("symlink-to-link"), 400, "InvalidTargetType")
	_, err := client.GetSymlink(ctx, &oss.GetSymlinkRequest{Bucket: bucket, Key: oss.Ptr("symlink-missing")})
	refused(err, 404, "NoSuchKey")
}

func deleteMany() {
	keys := append([]string{"plain", "missing"}, settings.Shared.AwkwardKeys...)
	var objects []oss.ObjectIdentifier
	for index, key := range keys {
		keys[index] = "many/" + key
		objects = append(objects, oss.ObjectIdentifier{Key: oss.Ptr(keys[index])})
		if key != "missing" {
			put(keys[index], nil)
		}
	}
	result := harness.Must(client.DeleteMultipleObjects(ctx, &oss.DeleteMultipleObjectsRequest{
		Bucket: bucket, Delete: &oss.Delete{Objects: objects},
	}))
	var deleted []string
	for _, each := range result.DeletedObjects {
		deleted = append(deleted, *each.Key)
	}
	harness.Equal("deleted", deleted, keys)
	left := harness.Must(client.ListObjects(ctx, &oss.ListObjectsRequest{Bucket: bucket, Prefix: oss.Ptr("many/")}))
	harness.Equal("left", len(left.Contents), 0)
	put("many/quiet", nil)
	quiet := harness.Must(client.DeleteMultipleObjects(ctx, &oss.DeleteMultipleObjectsRequest{
		Bucket: bucket, Delete: &oss.Delete{Objects: []oss.ObjectIdentifier{{Key: oss.Ptr("many/quiet")}}, Quiet: true},
	}))
	harness.Equal("deleted quietly", len(quiet.DeletedObjects), 0)
}
