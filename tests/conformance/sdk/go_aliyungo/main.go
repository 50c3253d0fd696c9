// aliyungo, the client in the Docker registry, against a server; see test_sdks.py.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/services/sts"
	"github.com/denverdino/aliyungo/oss"
	"ossia.test/harness"
)

const partSize = 100 * 1024

var (
	settings = harness.Load()
	bucket   = bucketOf(settings.Bucket, settings.AccessKeyID, settings.AccessKeySecret, "")
)

func main() {
	harness.ResolveToLoopback()
	harness.Ok(bucket.PutBucket(oss.Private))
	harness.Report([]harness.Case{
		{Name: "addressing", Run: addressing},
		{Name: "bucket_lifecycle", Run: bucketLifecycle},
		{Name: "bucket_acl", Run: bucketACL},
		{Name: "put_get_head", Run: putGetHead},
		{Name: "empty_object", Run: emptyObject},
		{Name: "exists", Run: exists},
		{Name: "awkward_keys", Run: awkwardKeys},
		{Name: "list", Run: list},
		{Name: "list_awkward_keys", Run: listAwkwardKeys},
		{Name: "copy", Run: putCopy},
		{Name: "ranges", Run: ranges},
		{Name: "conditions", Run: conditions},
		{Name: "delete_many", Run: deleteMany},
		{Name: "multipart", Run: multipart},
		{Name: "multipart_copy", Run: multipartCopy},
		{Name: "multipart_abort", Run: multipartAbort},
		{Name: "presigned_get", Run: presignedGet},
		{Name: "presigned_put", Run: presignedPut},
		{Name: "presigned_expired", Run: presignedExpired},
		{Name: "error_no_such_key", Run: errorNoSuchKey},
		{Name: "error_no_such_bucket", Run: errorNoSuchBucket},
		{Name: "error_wrong_secret", Run: errorWrongSecret},
		{Name: "error_unknown_access_key", Run: errorUnknownAccessKey},
		{Name: "error_bucket_not_empty", Run: errorBucketNotEmpty},
		{Name: "sts_upload", Run: stsUpload},
		{Name: "sts_presigned", Run: stsPresigned},
		{Name: "sts_denied", Run: stsDenied},
		{Name: "sts_session_policy", Run: stsSessionPolicy},
	})
}

// bucketOf has the bucket in the endpoint, as the registry's `endpoint` parameter has.
func bucketOf(name, id, secret, token string) *oss.Bucket {
	client := oss.NewOSSClientForAssumeRole(oss.Hangzhou, false, id, secret, token, false)
	client.SetEndpoint(settings.Host(name))
	return client.Bucket(name)
}

func refused(err error, status int, code string) {
	var found *oss.Error
	harness.True(fmt.Sprintf("an error of the service: %v", err), errors.As(err, &found))
	harness.Equal("the error's code", found.Code, code)
	harness.Equal("the error's status", found.StatusCode, status)
	harness.Equal("the length of the error's request id", len(found.RequestId), 24)
}

// put leaves the ACL to the bucket: then the client sends an empty header (W21).
func put(key, content string) {
	harness.Ok(bucket.Put(key, []byte(content), "text/plain", "", oss.Options{}))
}

func get(key string) string { return string(harness.Must(bucket.Get(key))) }

func addressing() {
	signed := harness.Must(url.Parse(bucket.SignedURL("k", time.Now())))
	harness.Equal("the host", signed.Host, settings.Host(settings.Bucket))
	harness.Equal("the path", signed.Path, "/k")
}

func bucketLifecycle() {
	other := bucketOf(settings.Bucket+"-other", settings.AccessKeyID, settings.AccessKeySecret, "")
	harness.Ok(other.PutBucket(oss.PublicRead))
	info := harness.Must(other.Info())
	harness.Equal("name and ACL", info.Name+" "+info.Grant, other.Name+" public-read")
	harness.True("the location", strings.Contains(harness.Must(other.Location()), "oss-"+settings.Region))
	harness.Ok(other.DelBucket())
	// Reading is tried again for five seconds, in vain.
	refused(other.Put("k", nil, "", oss.Private, oss.Options{}), 404, "NoSuchBucket")
}

func bucketACL() {
	found := harness.Must(bucket.ACL())
	harness.Equal("ACL", found.Grants, []string{"private"})
}

func putGetHead() {
	content := harness.Bytes(300_000)
	options := oss.Options{Meta: map[string][]string{"note": {"two words"}}, CacheControl: "max-age=60"}
	harness.Ok(bucket.Put("put/object.bin", content, "image/png", oss.PublicRead, options))
	harness.True("the content", get("put/object.bin") == string(content))
	about := harness.Must(bucket.Head("put/object.bin", nil)).Header
	harness.Equal("ETag", about.Get("ETag"), harness.ETagOf(content))
	harness.Equal("type", about.Get("Content-Type"), "image/png")
	harness.Equal("metadata", about.Get("x-oss-meta-note"), "two words")
	status, _ := harness.Fetch("GET", settings.BareURL(settings.Bucket, "put/object.bin"), nil, nil)
	harness.Equal("status of a stranger", status, 200)
}

func emptyObject() {
	put("empty", "")
	harness.Equal("content", get("empty"), "")
}

func exists() {
	put("exists", "x")
	harness.True("it is there", harness.Must(bucket.Exists("exists")))
	harness.True("another is not", !harness.Must(bucket.Exists("exists-not")))
}

func awkwardKeys() {
	for _, key := range settings.Shared.AwkwardKeys {
		put(key, key)
		harness.Equal("content of "+key, get(key), key)
		harness.Ok(bucket.Del(key))
		harness.True(key+" is gone", !harness.Must(bucket.Exists(key)))
	}
}

func list() {
	for _, name := range harness.Tree {
		put("list/"+name, name)
	}
	page := harness.Must(bucket.List("list/", "/", "", 2))
	harness.Equal("keys", keysOf(page), []string{"list/a.txt"})
	harness.Equal("prefixes", page.CommonPrefixes, []string{"list/b/"})
	page = harness.Must(bucket.List("list/", "/", page.NextMarker, 100))
	harness.Equal("keys", keysOf(page), []string{"list/e.txt"})
	harness.Equal("prefixes", page.CommonPrefixes, []string{"list/c/"})
}

func keysOf(page *oss.ListResp) (keys []string) {
	for _, each := range page.Contents {
		keys = append(keys, each.Key)
	}
	return keys
}

func listAwkwardKeys() {
	want := map[string]bool{}
	for _, key := range settings.Shared.AwkwardKeys {
		put("awkward/"+key, "")
		want["awkward/"+key] = true
	}
	found := map[string]bool{}
	for _, key := range keysOf(harness.Must(bucket.List("awkward/", "", "", 100))) {
		found[key] = true
	}
	harness.Equal("keys", found, want)
}

func putCopy() {
	put("copy/source", "content")
	copied := harness.Must(bucket.PutCopy("copy/same", oss.Private, oss.CopyOptions{}, bucket.Path("copy/source")))
	harness.Equal("ETag", copied.ETag, harness.ETagOf([]byte("content")))
	harness.Equal("content", get("copy/same"), "content")
}

func ranges() {
	put("ranges", "0123456789")
	answer := harness.Must(bucket.GetResponseWithHeaders("ranges", http.Header{"Range": {"bytes=2-4"}}))
	defer answer.Body.Close()
	harness.Equal("bytes 2 to 4", harness.ReadAll(answer.Body), "234")
}

func conditions() {
	put("conditions", "x")
	_, err := bucket.GetResponseWithHeaders("conditions", http.Header{"If-Match": {`"other"`}})
	refused(err, 412, "PreconditionFailed")
}

func deleteMany() {
	objects := oss.Delete{}
	for _, key := range append([]string{"plain", "control \t"}, settings.Shared.AwkwardKeys...) {
		put("many/"+key, "")
		objects.Objects = append(objects.Objects, oss.Object{Key: "many/" + key})
	}
	harness.Ok(bucket.DelMulti(objects))
	harness.Equal("left", keysOf(harness.Must(bucket.List("many/", "", "", 100))), []string(nil))
}

func parts(key string, content []byte) (*oss.Multi, []oss.Part) {
	multi := harness.Must(bucket.InitMulti(key, "text/plain", oss.Private, oss.Options{}))
	return multi, harness.Must(multi.PutAll(bytes.NewReader(content), partSize))
}

func multipart() {
	key, content := "multipart/键 +.bin", harness.Bytes(2*partSize+5)
	multi, sent := parts(key, content)
	listed := harness.Must(multi.ListParts())
	harness.Equal("listed", len(listed), len(sent))
	harness.Ok(multi.Complete(sent))
	harness.True("the content", get(key) == string(content))
	about := harness.Must(bucket.Head(key, nil)).Header
	harness.Equal("type", about.Get("x-oss-object-type"), "Multipart")
}

func multipartCopy() {
	content := string(harness.Bytes(partSize + 10))
	put("multipart/source", content)
	harness.Ok(bucket.CopyLargeFile("multipart/source", "multipart/copied", "text/plain", oss.Private, oss.Options{}))
	harness.True("the content", get("multipart/copied") == content)
}

func multipartAbort() {
	multi, _ := parts("abort/1", harness.Bytes(10))
	found, _, err := bucket.ListMulti("abort/", "")
	harness.Ok(err)
	harness.Equal("uploads", len(found), 1)
	harness.Ok(multi.Abort())
	found, _, err = bucket.ListMulti("abort/", "")
	harness.Ok(err)
	harness.Equal("uploads", len(found), 0)
}

func presignedGet() {
	put("presigned 键", "x")
	signed := bucket.SignedURL("presigned 键", time.Now().Add(time.Minute))
	status, text := harness.Fetch("GET", signed, nil, nil)
	harness.Equal("answer", fmt.Sprint(status, text), "200x")
}

func presignedPut() {
	headers := http.Header{"Content-Type": {"text/x-own"}}
	signed := bucket.SignedURLWithMethod("PUT", "presigned 键", time.Now().Add(time.Minute), nil, headers)
	sent := map[string]string{"Content-Type": "text/x-own"}
	status, text := harness.Fetch("PUT", signed, sent, []byte("hello"))
	harness.Equal("status of "+text, status, 200)
	harness.Equal("content", get("presigned 键"), "hello")
}

func presignedExpired() {
	status, _ := harness.Fetch("GET", bucket.SignedURL("presigned", time.Now().Add(-2*time.Second)), nil, nil)
	harness.Equal("status", status, 403)
}

func errorNoSuchKey() {
	_, err := bucket.Get("no/such key")
	refused(err, 404, "NoSuchKey")
}

func errorNoSuchBucket() {
	missing := bucketOf(settings.Bucket+"-missing", settings.AccessKeyID, settings.AccessKeySecret, "")
	refused(missing.Put("k", []byte("x"), "text/plain", oss.Private, oss.Options{}), 404, "NoSuchBucket")
}

func errorWrongSecret() {
	_, err := bucketOf(settings.Bucket, settings.AccessKeyID, "wrong", "").Get("k")
	refused(err, 403, "SignatureDoesNotMatch")
}

func errorUnknownAccessKey() {
	_, err := bucketOf(settings.Bucket, "LTAIunknown", "wrong", "").Get("k")
	refused(err, 403, "InvalidAccessKeyId")
}

func errorBucketNotEmpty() {
	put("something", "x")
	refused(bucket.DelBucket(), 409, "BucketNotEmpty")
}

func assume(policy string) *sts.AssumeRoleResponse {
	caller := harness.Must(sts.NewClientWithAccessKey(settings.Region, settings.StsKeyID, settings.StsKeySecret))
	request := sts.CreateAssumeRoleRequest()
	request.Scheme, request.Domain = "http", settings.StsEndpoint
	request.RoleArn, request.RoleSessionName, request.Policy = settings.RoleArn, "aliyungo", policy
	return harness.Must(caller.AssumeRole(request))
}

func session(policy string) *oss.Bucket {
	given := assume(policy).Credentials
	return bucketOf(settings.RoleBucket, given.AccessKeyId, given.AccessKeySecret, given.SecurityToken)
}

func stsUpload() {
	harness.Ok(session("").Put("sts/aliyungo 键.txt", []byte("hello"), "text/plain", "", oss.Options{}))
	root := bucketOf(settings.RoleBucket, settings.AccessKeyID, settings.AccessKeySecret, "")
	harness.Equal("content", string(harness.Must(root.Get("sts/aliyungo 键.txt"))), "hello")
}

func stsPresigned() {
	expires := time.Now().Add(time.Minute)
	params := url.Values{}
	signed := session("").SignedURLWithMethodForAssumeRole("PUT", "sts/aliyungo-presigned.txt", expires, params, nil)
	status, text := harness.Fetch("PUT", signed, nil, []byte("hello"))
	harness.Equal("status of "+text, status, 200)
}

func stsDenied() {
	_, err := session("").Get("k")
	refused(err, 403, "AccessDenied")
}

func stsSessionPolicy() {
	mine := session(settings.PolicyOnly("only/"))
	harness.Ok(mine.Put("only/here", []byte("x"), "text/plain", "", oss.Options{}))
	refused(mine.Put("elsewhere", []byte("x"), "text/plain", "", oss.Options{}), 403, "AccessDenied")
}
