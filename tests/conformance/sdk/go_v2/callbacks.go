package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss"
	"ossia.test/harness"
)

const (
	jsonType = "application/json"
	formType = "application/x-www-form-urlencoded"
)

func encoded(text []byte) *string { return oss.Ptr(base64.StdEncoding.EncodeToString(text)) }

func callback(path, contentType string) *string {
	template := settings.Shared.Callback.JSON
	if contentType == formType {
		template = settings.Shared.Callback.Form
	}
	return encoded(settings.CallbackParameter(path, template, contentType))
}

func variables() *string { return encoded(settings.CallbackVariables()) }

func putWithCallback(with *oss.Client, in *string, key string, parameter *string) (*oss.PutObjectResult, error) {
	return with.PutObject(ctx, &oss.PutObjectRequest{
		Bucket: in, Key: &key, Body: strings.NewReader("hello"), ContentType: oss.Ptr("text/plain"),
		Callback: parameter, CallbackVar: variables(),
	})
}

func toldOfHello(key string) harness.Told {
	return harness.Told{
		Bucket: *bucket, Key: key, ETag: etagOf([]byte("hello")), Crc64: crcOf([]byte("hello")),
		Mime: "text/plain", Operation: "PutObject", Size: 5,
	}
}

func callbackPut(contentType string) {
	key := "callback/键 &=+.txt"
	stored := harness.Must(putWithCallback(client, bucket, key, callback("/echo?from=sdk", contentType)))
	settings.EqualEcho(stored.CallbackResult, contentType, toldOfHello(key))
	harness.Equal("ETag", *stored.ETag, etagOf([]byte("hello")))
}

func callbackPutJSON() { callbackPut(jsonType) }
func callbackPutForm() { callbackPut(formType) }

func completeWithCallback(key, path string) (*oss.CompleteMultipartUploadResult, []byte, error) {
	content := harness.Bytes(partSize + 3)
	upload := initiate(key)
	parts := []oss.UploadPart{
		uploadPart(key, upload, 1, content[:partSize]), uploadPart(key, upload, 2, content[partSize:]),
	}
	result, err := client.CompleteMultipartUpload(ctx, &oss.CompleteMultipartUploadRequest{
		Bucket: bucket, Key: &key, UploadId: upload, Callback: callback(path, jsonType), CallbackVar: variables(),
		CompleteMultipartUpload: &oss.CompleteMultipartUpload{Parts: parts},
	})
	return result, content, err
}

func callbackComplete() {
	key := "callback/complete 键.bin"
	result, content, err := completeWithCallback(key, "/echo?from=sdk")
	harness.Ok(err)
	settings.EqualEcho(result.CallbackResult, jsonType, harness.Told{
		Bucket: *bucket, Key: key, ETag: *head(key).ETag, Crc64: crcOf(content), Mime: "text/plain",
		Operation: "CompleteMultipartUpload", Size: len(content),
	})
}

func fetchEcho(signed *oss.PresignResult, told harness.Told) {
	status, text := fetchSigned(signed, []byte("hello"))
	harness.Equal("status of "+text, status, 200)
	var echo map[string]any
	harness.Ok(json.Unmarshal([]byte(text), &echo))
	settings.EqualEcho(echo, jsonType, told)
}

func callbackPresigned() {
	key := "callback/presigned 键.txt"
	request := &oss.PutObjectRequest{Bucket: bucket, Key: &key, ContentType: oss.Ptr("text/plain")}
	request.Callback, request.CallbackVar = callback("/echo?from=sdk", jsonType), variables()
	fetchEcho(presign(request), toldOfHello(key))
	inQuery := &oss.PutObjectRequest{Bucket: bucket, Key: &key, ContentType: oss.Ptr("text/plain")}
	inQuery.Parameters = map[string]string{"callback": *request.Callback, "callback-var": *request.CallbackVar}
	fetchEcho(presign(inQuery), toldOfHello(key))
}

func callbackFails() {
	_, err := putWithCallback(client, bucket, "callback/failed", callback("/fail", jsonType))
	failed := refused(err, 203, "CallbackFailed")
	harness.Equal("message", failed.Message, "Error status : 500.")
	harness.True("it has an EC", strings.HasPrefix(failed.EC, "0007-"))
	harness.Equal("what is stored", get("callback/failed"), "hello")
	_, err = putWithCallback(client, bucket, "callback/failed", callback("/text", jsonType))
	harness.Equal("message", refused(err, 203, "CallbackFailed").Message, "Response body is not valid json format.")
}

func callbackCompleteFails() {
	_, content, err := completeWithCallback("callback/complete-failed", "/fail")
	refused(err, 203, "CallbackFailed")
	harness.True("the object is stored", bytes.Equal([]byte(get("callback/complete-failed")), content))
}
