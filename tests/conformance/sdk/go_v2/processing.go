package main

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss"
	"ossia.test/harness"
)

func triggerCallback() {
	key := "trigger/键.txt"
	put(key, []byte("hello"))
	process := func(key, how string) (*oss.ProcessObjectResult, error) {
		return client.ProcessObject(ctx, &oss.ProcessObjectRequest{Bucket: bucket, Key: &key, Process: &how})
	}
	found := harness.Must(process(key, settings.Trigger("/processed")))
	harness.Equal("bucket and object", []string{found.Bucket, found.Object}, []string{*bucket, key})
	harness.Equal("size", found.FileSize, len("hello"))
	harness.Equal("what the application says", found.ProcessStatus, settings.Processed())
	refused(second(process("trigger/missing", settings.Trigger("/processed"))), 404, "NoSuchKey")
	refused(second(process(key, "image/resize,w_100")), 501, "NotImplemented")
}

// postObject is sample/post_object.go of the SDK, which signs no forms itself.
func postObject() {
	key, now := "post/键 ${x}.txt", time.Now().UTC()
	date, stamp := now.Format("20060102"), now.Format("20060102T150405Z")
	credential := settings.AccessKeyID + "/" + date + "/" + settings.Region + "/oss/aliyun_v4_request"
	policy := harness.Must(json.Marshal(map[string]any{
		"expiration": now.Add(time.Hour).Format("2006-01-02T15:04:05.000Z"),
		"conditions": []any{
			map[string]string{"bucket": *bucket},
			map[string]string{"x-oss-signature-version": "OSS4-HMAC-SHA256"},
			map[string]string{"x-oss-credential": credential},
			map[string]string{"x-oss-date": stamp},
			[]any{"content-length-range", 1, 1024},
		},
	}))
	encoded := base64.StdEncoding.EncodeToString(policy)
	signing := []byte("aliyun_v4" + settings.AccessKeySecret)
	for _, step := range []string{date, settings.Region, "oss", "aliyun_v4_request", encoded} {
		signing = harness.HMAC(signing, step)
	}
	fields := [][2]string{
		{"key", key}, {"policy", encoded}, {"x-oss-signature-version", "OSS4-HMAC-SHA256"}, {"x-oss-credential", credential},
		{"x-oss-date", stamp}, {"x-oss-signature", hex.EncodeToString(signing)}, {"x-oss-content-type", "text/plain"},
		{"callback", settings.Callback(echo, harness.JSON)},
	}
	for name, value := range settings.Shared.Callback.Variables {
		fields = append(fields, [2]string{"x:" + name, value})
	}
	send := func(content string) (int, string) { return settings.PostForm(*bucket, fields, content) }
	status, text := send("hello")
	told := harness.ToldOfHello(*bucket, key)
	told.Operation = "PostObject"
	settings.Echoed(status, text, told)
	harness.Equal("content", get(key), "hello")
	harness.Equal("type", *head(key).ContentType, "text/plain")
	status, text = send(string(harness.Bytes(1025)))
	harness.RefusedForm(status, text, 400, "EntityTooLarge")
	fields[5][1] = hex.EncodeToString([]byte("somebody else's signature 0123456789"))
	status, text = send("hello")
	harness.RefusedForm(status, text, 403, "SignatureDoesNotMatch")
}
