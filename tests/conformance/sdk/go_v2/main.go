// The Go SDK v2 (alibabacloud-oss-go-sdk-v2) against a server; see test_sdks.py.
package main

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss"
	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss/credentials"
	"ossia.test/harness"
)

var (
	ctx      = context.Background()
	settings = harness.Load()
	client   = newClient(settings.AccessKeyID, settings.AccessKeySecret, "")
	bucket   = oss.Ptr(settings.Bucket)
)

func main() {
	if harness.IsFaults() {
		harness.ShowFaults(showFault)
		return
	}
	if harness.IsRAM() {
		ramStory()
		return
	}
	harness.Ok(second(client.PutBucket(ctx, &oss.PutBucketRequest{Bucket: bucket})))
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
		{Name: "sealing", Run: sealing},
		{Name: "encryption", Run: encryption},
		{Name: "restore", Run: restore},
		{Name: "clean_restored", Run: cleanRestored},
		{Name: "archive_direct_read", Run: archiveDirectRead},
		{Name: "ranges", Run: ranges},
		{Name: "conditions", Run: conditions},
		{Name: "object_acl", Run: objectACL},
		{Name: "object_tags", Run: objectTags},
		{Name: "symlinks", Run: symlinks},
		{Name: "versions", Run: versions},
		{Name: "bucket_worm", Run: bucketWorm},
		{Name: "object_worm", Run: objectWorm},
		{Name: "overwrite_config", Run: overwriteConfig},
		{Name: "bucket_stat", Run: bucketStat},
		{Name: "head_bucket", Run: headBucket},
		{Name: "bucket_policy", Run: bucketPolicy},
		{Name: "policy_status", Run: policyStatus},
		{Name: "public_access_block", Run: publicAccessBlock},
		{Name: "account_access_block", Run: accountAccessBlock},
		{Name: "callback_policies", Run: callbackPolicies},
		{Name: "trigger_callback", Run: triggerCallback},
		{Name: "post_object", Run: postObject},
		{Name: "absent_configurations", Run: absentConfigurations},
		{Name: "absent_replication", Run: absentReplication},
		{Name: "access_points", Run: accessPoints},
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

func newClient(id, secret, token string) *oss.Client {
	return newClientOf(settings.Endpoint, id, secret, token)
}

func newClientOf(endpoint, id, secret, token string) *oss.Client {
	version := oss.SignatureVersionV1
	if settings.Signature == "v4" {
		version = oss.SignatureVersionV4
	}
	return oss.NewClient(oss.LoadDefaultConfig().
		WithCredentialsProvider(credentials.NewStaticCredentialsProvider(id, secret, token)).
		WithEndpoint(endpoint).
		WithRegion(settings.Region).
		WithSignatureVersion(version).
		WithRetryMaxAttempts(1).
		WithHttpClient(harness.HTTPClient()))
}

// second drops a result whose error is all that matters.
func second[T any](_ T, err error) error { return err }

// refused demands a service error with a status and a code.
func refused(err error, status int, code string) *oss.ServiceError {
	var found *oss.ServiceError
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

func put(key string, content []byte) *oss.PutObjectResult {
	return harness.Must(client.PutObject(ctx, &oss.PutObjectRequest{
		Bucket: bucket, Key: &key, Body: bytes.NewReader(content),
	}))
}

func get(key string) string {
	result := harness.Must(client.GetObject(ctx, &oss.GetObjectRequest{Bucket: bucket, Key: &key}))
	defer result.Body.Close()
	return harness.ReadAll(result.Body)
}

func head(key string) *oss.HeadObjectResult {
	return harness.Must(client.HeadObject(ctx, &oss.HeadObjectRequest{Bucket: bucket, Key: &key}))
}

// fetchSigned sends a presigned request as anybody would.
func fetchSigned(signed *oss.PresignResult, body []byte) (int, string) {
	return harness.Fetch(signed.Method, signed.URL, signed.SignedHeaders, body)
}

func addressing() {
	signed := harness.Must(client.Presign(ctx, &oss.GetObjectRequest{Bucket: bucket, Key: oss.Ptr("k")}))
	request := harness.Must(http.NewRequest(signed.Method, signed.URL, nil))
	harness.Equal("the host", request.URL.Host, settings.Host(*bucket))
	inPath := strings.HasPrefix(request.URL.Path, "/"+*bucket+"/")
	harness.Equal("whether the bucket is in the path", inPath, settings.Style == "path")
}
