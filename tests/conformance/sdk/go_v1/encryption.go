package main

import (
	"strings"

	"github.com/aliyun/aliyun-oss-go-sdk/oss"
	"ossia.test/harness"
)

const side = "X-Oss-Server-Side-Encryption"

func sideOf(key string) [2]string {
	about := head(key)
	return [2]string{about.Get(side), about.Get("X-Oss-Server-Side-Data-Encryption")}
}

func encryption() {
	missing := "NoSuchServerSideEncryptionRule"
	refused(second(client.GetBucketEncryption(settings.Bucket)), 404, missing)
	rule := oss.ServerEncryptionRule{}
	rule.SSEDefault.SSEAlgorithm = "AES128"
	refused(client.SetBucketEncryption(settings.Bucket, rule), 400, "InvalidEncryptionAlgorithmError")
	rule.SSEDefault.SSEAlgorithm, rule.SSEDefault.KMSDataEncryption = "KMS", "SM4"
	harness.Ok(client.SetBucketEncryption(settings.Bucket, rule))
	found := harness.Must(client.GetBucketEncryption(settings.Bucket)).SSEDefault
	harness.Equal("rule", [2]string{found.SSEAlgorithm, found.KMSDataEncryption}, [2]string{"KMS", "SM4"})
	known := harness.Must(client.GetBucketInfo(settings.Bucket)).BucketInfo.SseRule
	harness.Equal("rule in the information", known.SSEAlgorithm, "KMS")
	put("encrypted/rule", []byte("0123456789"))
	harness.Equal("by the rule", sideOf("encrypted/rule"), [2]string{"KMS", "SM4"})
	harness.Equal("range", get("encrypted/rule", oss.Range(3, 5)), "345")
	put("encrypted/header", []byte("by header"), oss.ServerSideEncryption("AES256"))
	harness.Equal("a header goes before", sideOf("encrypted/header"), [2]string{"AES256", ""})
	started := harness.Must(bucket.InitiateMultipartUpload("encrypted/parts", oss.ServerSideEncryption("SM4")))
	part := harness.Must(bucket.UploadPart(started, strings.NewReader("part"), 4, 1))
	harness.Must(bucket.CompleteMultipartUpload(started, []oss.UploadPart{part}))
	harness.Equal("upload", sideOf("encrypted/parts"), [2]string{"SM4", ""})
	harness.Equal("its content", get("encrypted/parts"), "part")
	harness.Ok(client.DeleteBucketEncryption(settings.Bucket))
	refused(second(client.GetBucketEncryption(settings.Bucket)), 404, missing)
	harness.Must(bucket.CopyObject("encrypted/rule", "encrypted/not"))
	harness.Equal("copied in plain", sideOf("encrypted/not"), [2]string{})
	harness.Equal("content", get("encrypted/not"), "0123456789")
	wrong := []oss.Option{oss.ServerSideEncryption("KMS"), oss.ServerSideEncryptionKeyID("none")}
	refused(bucket.PutObject("encrypted/wrong", strings.NewReader("x"), wrong...), 404, "KeyNotFound")
}
