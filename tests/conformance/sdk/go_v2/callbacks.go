package main

import (
	"bytes"
	"strings"

	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss"
	"ossia.test/harness"
)

const echo = "/echo?from=sdk"

func putWithCallback(with *oss.Client, in *string, key, callback string) (*oss.PutObjectResult, error) {
	return with.PutObject(ctx, &oss.PutObjectRequest{
		Bucket: in, Key: &key, Body: strings.NewReader("hello"), ContentType: oss.Ptr("text/plain"),
		Callback: &callback, CallbackVar: oss.Ptr(settings.CallbackVariables()),
	})
}

func callbackPut(contentType string) {
	key := "callback/键 &=+.txt"
	stored := harness.Must(putWithCallback(client, bucket, key, settings.Callback(echo, contentType)))
	settings.EqualEcho(stored.CallbackResult, contentType, harness.ToldOfHello(*bucket, key))
	harness.Equal("ETag", *stored.ETag, harness.ETagOf([]byte("hello")))
}

func callbackPutJSON() { callbackPut(harness.JSON) }
func callbackPutForm() { callbackPut(harness.Form) }

func completeWithCallback(key, path string) (*oss.CompleteMultipartUploadResult, []byte, error) {
	content := harness.Bytes(partSize + 3)
	upload := initiate(key)
	parts := []oss.UploadPart{
		uploadPart(key, upload, 1, content[:partSize]), uploadPart(key, upload, 2, content[partSize:]),
	}
	result, err := client.CompleteMultipartUpload(ctx, &oss.CompleteMultipartUploadRequest{
		Bucket: bucket, Key: &key, UploadId: upload, Callback: oss.Ptr(settings.Callback(path, harness.JSON)), CallbackVar: oss.Ptr(settings.CallbackVariables()),
		CompleteMultipartUpload: &oss.CompleteMultipartUpload{Parts: parts},
	})
	return result, content, err
}

func callbackComplete() {
	key := "callback/complete 键.bin"
	result, content, err := completeWithCallback(key, echo)
	harness.Ok(err)
	settings.EqualEcho(result.CallbackResult, harness.JSON, harness.Told{
		Bucket: *bucket, Key: key, ETag: *head(key).ETag, Crc64: harness.CRCOf(content), Mime: "text/plain",
		Operation: "CompleteMultipartUpload", Size: len(content),
	})
}

func callbackPresigned() {
	key := "callback/presigned 键.txt"
	callback, variables := settings.Callback(echo, harness.JSON), settings.CallbackVariables()
	inHeaders := &oss.PutObjectRequest{
		Bucket: bucket, Key: &key, ContentType: oss.Ptr("text/plain"), Callback: &callback, CallbackVar: &variables,
	}
	inQuery := &oss.PutObjectRequest{Bucket: bucket, Key: &key, ContentType: oss.Ptr("text/plain")}
	inQuery.Parameters = map[string]string{"callback": callback, "callback-var": variables}
	for _, request := range []*oss.PutObjectRequest{inHeaders, inQuery} {
		status, text := fetchSigned(presign(request), []byte("hello"))
		settings.Echoed(status, text, harness.ToldOfHello(*bucket, key))
	}
}

func callbackFails() {
	_, err := putWithCallback(client, bucket, "callback/failed", settings.Callback("/fail", harness.JSON))
	failed := refused(err, 203, "CallbackFailed")
	harness.Equal("message", failed.Message, "Error status : 500.")
	harness.True("it has an EC", strings.HasPrefix(failed.EC, "0007-"))
	harness.Equal("what is stored", get("callback/failed"), "hello")
	_, err = putWithCallback(client, bucket, "callback/failed", settings.Callback("/text", harness.JSON))
	harness.Equal("message", refused(err, 203, "CallbackFailed").Message, "Response body is not valid json format.")
}

func callbackCompleteFails() {
	_, content, err := completeWithCallback("callback/complete-failed", "/fail")
	refused(err, 203, "CallbackFailed")
	harness.True("the object is stored", bytes.Equal([]byte(get("callback/complete-failed")), content))
}
