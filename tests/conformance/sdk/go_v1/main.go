// The Go SDK v1 (aliyun-oss-go-sdk) against a server; see test_sdks.py.
package main

import (
	"bytes"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/aliyun/aliyun-oss-go-sdk/oss"
	"ossia.test/harness"
)

var (
	settings = harness.Load()
	client   = newClient(settings.AccessKeyID, settings.AccessKeySecret, "")
	bucket   = bucketOf(client, settings.Bucket)
)

func main() {
	if harness.IsFaults() {
		harness.ShowFaults(showFault)
		return
	}
	harness.Ok(client.CreateBucket(settings.Bucket))
	harness.Report([]harness.Case{
		{Name: "addressing", Run: addressing},
		{Name: "bucket_lifecycle", Run: bucketLifecycle},
		{Name: "bucket_acl", Run: bucketACL},
		{Name: "bucket_cors", Run: bucketCors},
		{Name: "bucket_tags", Run: bucketTags},
		{Name: "lifecycle", Run: lifecycle},
		{Name: "access_monitor", Run: accessMonitor},
		{Name: "put_get_head", Run: putGetHead},
		{Name: "empty_object", Run: emptyObject},
		{Name: "exists", Run: exists},
		{Name: "awkward_keys", Run: awkwardKeys},
		{Name: "list", Run: list},
		{Name: "list_v2", Run: listV2},
		{Name: "list_awkward_keys", Run: listAwkwardKeys},
		{Name: "copy", Run: copyObject},
		{Name: "append", Run: appendObject},
		{Name: "encryption", Run: encryption},
		{Name: "restore", Run: restore},
		{Name: "ranges", Run: ranges},
		{Name: "conditions", Run: conditions},
		{Name: "object_acl", Run: objectACL},
		{Name: "object_tags", Run: objectTags},
		{Name: "symlinks", Run: symlinks},
		{Name: "versions", Run: versions},
		{Name: "bucket_worm", Run: bucketWorm},
		{Name: "bucket_stat", Run: bucketStat},
		{Name: "head_bucket", Run: headBucket},
		{Name: "bucket_policy", Run: bucketPolicy},
		{Name: "bucket_qos", Run: bucketQos},
		{Name: "callback_policies", Run: callbackPolicies},
		{Name: "trigger_callback", Run: triggerCallback},
		{Name: "absent_configurations", Run: absentConfigurations},
		{Name: "absent_replication", Run: absentReplication},
		{Name: "live_channels", Run: liveChannels},
		{Name: "delete_many", Run: deleteMany},
		{Name: "multipart", Run: multipart},
		{Name: "multipart_copy", Run: multipartCopy},
		{Name: "multipart_abort", Run: multipartAbort},
		{Name: "uploader", Run: uploader},
		{Name: "uploader_resumes", Run: uploaderResumes},
		{Name: "downloader", Run: downloader},
		{Name: "presigned_get", Run: presignedGet},
		{Name: "presigned_put", Run: presignedPut},
		{Name: "presigned_expired", Run: presignedExpired},
		{Name: "error_no_such_key", Run: errorNoSuchKey},
		{Name: "error_no_such_bucket", Run: errorNoSuchBucket},
		{Name: "error_wrong_secret", Run: errorWrongSecret},
		{Name: "error_unknown_access_key", Run: errorUnknownAccessKey},
		{Name: "error_bucket_not_empty", Run: errorBucketNotEmpty},
		{Name: "error_of_head", Run: errorOfHead},
		{Name: "error_malformed_callback", Run: errorMalformedCallback},
		{Name: "callback_put_json", Run: callbackPutJSON},
		{Name: "callback_put_form", Run: callbackPutForm},
		{Name: "callback_complete", Run: callbackComplete},
		{Name: "callback_presigned", Run: callbackPresigned},
		{Name: "callback_fails", Run: callbackFails},
		{Name: "callback_complete_fails", Run: callbackCompleteFails},
		{Name: "sts_upload", Run: stsUpload},
		{Name: "sts_callback", Run: stsCallback},
		{Name: "sts_presigned", Run: stsPresigned},
		{Name: "sts_denied", Run: stsDenied},
		{Name: "sts_session_policy", Run: stsSessionPolicy},
	})
}

func newClient(id, secret, token string, more ...oss.ClientOption) *oss.Client {
	return newClientOf(settings.Endpoint, id, secret, token, more...)
}

func newClientOf(endpoint, id, secret, token string, more ...oss.ClientOption) *oss.Client {
	versions := map[string]oss.AuthVersionType{"v1": oss.AuthV1, "v2": oss.AuthV2, "v4": oss.AuthV4}
	options := []oss.ClientOption{
		oss.AuthVersion(versions[settings.Signature]), oss.Region(settings.Region),
		oss.SecurityToken(token), oss.HTTPClient(harness.HTTPClient()),
	}
	return harness.Must(oss.New(endpoint, id, secret, append(options, more...)...))
}

func bucketOf(client *oss.Client, name string) *oss.Bucket {
	return harness.Must(client.Bucket(name))
}

// second drops a result whose error is all that matters.
func second[T any](_ T, err error) error { return err }

// refused demands a service error with a status and a code.
func refused(err error, status int, code string) oss.ServiceError {
	var found oss.ServiceError
	if !errors.As(err, &found) {
		panic("not a service error: " + errorText(err))
	}
	harness.Equal("the error's code", found.Code, code)
	harness.Equal("the error's status", found.StatusCode, status)
	harness.Equal("the length of the error's request id", len(found.RequestID), 24)
	return found
}

func errorText(err error) string {
	if err == nil {
		return "nil"
	}
	return err.Error()
}

// put stores an object and returns the headers of the answer.
func put(key string, content []byte, options ...oss.Option) (answer http.Header) {
	options = append(options, oss.GetResponseHeader(&answer))
	harness.Ok(bucket.PutObject(key, bytes.NewReader(content), options...))
	return answer
}

func get(key string, options ...oss.Option) string {
	stream := harness.Must(bucket.GetObject(key, options...))
	defer stream.Close()
	return harness.ReadAll(stream)
}

func head(key string) http.Header { return harness.Must(bucket.GetObjectDetailedMeta(key)) }

func addressing() {
	signed := harness.Must(url.Parse(harness.Must(bucket.SignURL("k", oss.HTTPGet, 60))))
	harness.Equal("the host", signed.Host, settings.Host(settings.Bucket))
	inPath := strings.HasPrefix(signed.Path, "/"+settings.Bucket+"/")
	harness.Equal("whether the bucket is in the path", inPath, settings.Style == "path")
}
