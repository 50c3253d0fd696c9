package main

import (
	"strings"

	"github.com/aliyun/aliyun-oss-go-sdk/oss"
	"ossia.test/harness"
)

const echo = "/echo?from=sdk"

func callbackOptions(path, contentType string, answer *[]byte) []oss.Option {
	return []oss.Option{
		oss.ContentType("text/plain"), oss.Callback(settings.Callback(path, contentType)),
		oss.CallbackVar(settings.CallbackVariables()), oss.CallbackResult(answer),
	}
}

func putWithCallback(in *oss.Bucket, key, path, contentType string) ([]byte, error) {
	var answer []byte
	err := in.PutObject(key, strings.NewReader("hello"), callbackOptions(path, contentType, &answer)...)
	return answer, err
}

func callbackPut(contentType string) {
	key := "callback/键 &=+.txt"
	answer := harness.Must(putWithCallback(bucket, key, echo, contentType))
	settings.EqualEcho(harness.Parse(answer), contentType, harness.ToldOfHello(settings.Bucket, key))
}

func callbackPutJSON() { callbackPut(harness.JSON) }
func callbackPutForm() { callbackPut(harness.Form) }

func completeWithCallback(key, path string) (answer, content []byte, err error) {
	content = harness.Bytes(partSize + 3)
	upload := initiate(key)
	parts := uploadParts(upload, content)
	_, err = bucket.CompleteMultipartUpload(upload, parts, callbackOptions(path, harness.JSON, &answer)...)
	return answer, content, err
}

func toldOfParts(key string, content []byte) harness.Told {
	return harness.Told{
		Bucket: settings.Bucket, Key: key, ETag: head(key).Get("ETag"), Crc64: harness.CRCOf(content),
		Mime: "text/plain", Operation: "CompleteMultipartUpload", Size: len(content),
	}
}

func callbackComplete() {
	key := "callback/complete 键.bin"
	answer, content, err := completeWithCallback(key, echo)
	harness.Ok(err)
	settings.EqualEcho(harness.Parse(answer), harness.JSON, toldOfParts(key, content))
	// The uploader hands the callback on to Complete, though not the answer to the caller.
	file := settings.File("callback.bin", content)
	harness.Ok(bucket.UploadFile(key, file, partSize, callbackOptions(echo, harness.JSON, &answer)...))
	failing := callbackOptions("/fail", harness.JSON, &answer)
	refused(bucket.UploadFile(key, file, partSize, failing...), 203, "CallbackFailed")
}

func callbackPresigned() {
	key := "callback/presigned 键.txt"
	callback, variables := settings.Callback(echo, harness.JSON), settings.CallbackVariables()
	told := harness.ToldOfHello(settings.Bucket, key)
	headers := map[string]string{"Content-Type": "text/plain"}
	inQuery := sign(key, oss.HTTPPut, oss.ContentType("text/plain"),
		oss.AddParam("callback", callback), oss.AddParam("callback-var", variables))
	status, text := harness.Fetch("PUT", inQuery, headers, []byte("hello"))
	settings.Echoed(status, text, told)
	// The other way: signed headers, which the sender must repeat.
	options := callbackOptions(echo, harness.JSON, nil)[:3]
	answer := harness.Must(bucket.DoPutObjectWithURL(sign(key, oss.HTTPPut, options...), strings.NewReader("hello"), options))
	defer answer.Body.Close()
	settings.Echoed(answer.StatusCode, harness.ReadAll(answer.Body), told)
}

func callbackFails() {
	_, err := putWithCallback(bucket, "callback/failed", "/fail", harness.JSON)
	failed := refused(err, 203, "CallbackFailed")
	harness.Equal("message", failed.Message, "Error status : 500.")
	harness.True("it has an EC", strings.HasPrefix(failed.Ec, "0007-"))
	harness.Equal("what is stored", get("callback/failed"), "hello")
	_, err = putWithCallback(bucket, "callback/failed", "/text", harness.JSON)
	harness.Equal("message", refused(err, 203, "CallbackFailed").Message, "Response body is not valid json format.")
}

func callbackCompleteFails() {
	_, content, err := completeWithCallback("callback/complete-failed", "/fail")
	refused(err, 203, "CallbackFailed")
	harness.True("the object is stored", get("callback/complete-failed") == string(content))
}
