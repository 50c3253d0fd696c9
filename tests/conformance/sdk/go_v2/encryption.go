package main

import (
	"strings"

	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss"
	"ossia.test/harness"
)

func sideOf(key string) [2]string {
	found := about(bucket, key)
	return [2]string{oss.ToString(found.ServerSideEncryption), oss.ToString(found.ServerSideDataEncryption)}
}

func setRule(algorithm string) error {
	_, err := client.PutBucketEncryption(ctx, &oss.PutBucketEncryptionRequest{
		Bucket: bucket, ServerSideEncryptionRule: &oss.ServerSideEncryptionRule{
			ApplyServerSideEncryptionByDefault: &oss.ApplyServerSideEncryptionByDefault{
				SSEAlgorithm: &algorithm, KMSDataEncryption: oss.Ptr("SM4"),
			},
		},
	})
	return err
}

func encryption() {
	asked := &oss.GetBucketEncryptionRequest{Bucket: bucket}
	refused(second(client.GetBucketEncryption(ctx, asked)), 404, "NoSuchServerSideEncryptionRule")
	refused(setRule("AES128"), 400, "InvalidEncryptionAlgorithmError")
	harness.Ok(setRule("KMS"))
	rule := harness.Must(client.GetBucketEncryption(ctx, asked)).ServerSideEncryptionRule
	told := rule.ApplyServerSideEncryptionByDefault
	harness.Equal("rule", [2]string{*told.SSEAlgorithm, *told.KMSDataEncryption}, [2]string{"KMS", "SM4"})
	put("encrypted/rule", []byte("0123456789"))
	harness.Equal("by the rule", sideOf("encrypted/rule"), [2]string{"KMS", "SM4"})
	harness.Equal("content", read(bucket, "encrypted/rule"), "0123456789")
	key := oss.Ptr("encrypted/header")
	stored := harness.Must(client.PutObject(ctx, &oss.PutObjectRequest{
		Bucket: bucket, Key: key, ServerSideEncryption: oss.Ptr("KMS"), Body: strings.NewReader("by header"),
	}))
	harness.Equal("a header goes before", sideOf(*key), [2]string{"KMS", ""})
	harness.Equal("its key", *about(bucket, *key).ServerSideEncryptionKeyId,
		stored.Headers.Get("X-Oss-Server-Side-Encryption-Key-Id"))
	harness.Ok(second(client.DeleteBucketEncryption(ctx, &oss.DeleteBucketEncryptionRequest{Bucket: bucket})))
	refused(second(client.GetBucketEncryption(ctx, asked)), 404, "NoSuchServerSideEncryptionRule")
	copied := &oss.CopyObjectRequest{Bucket: bucket, Key: oss.Ptr("encrypted/copy"), SourceKey: key}
	harness.Must(client.CopyObject(ctx, copied))
	harness.Equal("copied in plain", sideOf("encrypted/copy"), [2]string{})
	copied.ServerSideEncryption = oss.Ptr("SM4")
	harness.Must(client.CopyObject(ctx, copied))
	harness.Equal("copied with a header", sideOf("encrypted/copy"), [2]string{"SM4", ""})
	harness.Equal("its content", read(bucket, "encrypted/copy"), "by header")
	copied.ServerSideEncryption, copied.ServerSideEncryptionKeyId = oss.Ptr("KMS"), oss.Ptr("none")
	refused(second(client.CopyObject(ctx, copied)), 404, "KeyNotFound")
}
