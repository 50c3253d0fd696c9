package main

import (
	"time"

	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss"
	"ossia.test/harness"
)

func presign(request any, options ...func(*oss.PresignOptions)) *oss.PresignResult {
	return harness.Must(client.Presign(ctx, request, options...))
}

func presignedGet() {
	for _, key := range append([]string{"presigned"}, settings.Shared.AwkwardKeys...) {
		put(key, []byte(key))
		signed := presign(&oss.GetObjectRequest{Bucket: bucket, Key: &key}, oss.PresignExpires(time.Minute))
		status, text := fetchSigned(signed, nil)
		harness.Equal("status of "+key, status, 200)
		harness.Equal("content of "+key, text, key)
	}
	signed := presign(&oss.GetObjectRequest{
		Bucket: bucket, Key: oss.Ptr("presigned"), ResponseContentType: oss.Ptr("text/x-own"),
	})
	status, text := harness.Fetch("GET", signed.URL, map[string]string{"Range": "bytes=0-2"}, nil)
	harness.Equal("status of a range", status, 206)
	harness.Equal("content of a range", text, "pre")
}

func presignedPut() {
	for _, key := range append([]string{"presigned-put"}, settings.Shared.AwkwardKeys...) {
		signed := presign(&oss.PutObjectRequest{
			Bucket: bucket, Key: &key, ContentType: oss.Ptr("text/x-own"), Metadata: map[string]string{"by": "url"},
		})
		status, text := fetchSigned(signed, []byte(key))
		harness.Equal("status of "+key+" "+text, status, 200)
		harness.Equal("content of "+key, get(key), key)
		harness.Equal("type of "+key, *head(key).ContentType, "text/x-own")
		harness.Equal("metadata of "+key, head(key).Metadata["by"], "url")
	}
	signed := presign(&oss.PutObjectRequest{Bucket: bucket, Key: oss.Ptr("presigned-put"), ContentType: oss.Ptr("text/x-own")})
	status, _ := harness.Fetch("PUT", signed.URL, map[string]string{"Content-Type": "text/other"}, []byte("x"))
	harness.Equal("status with another type", status, 403)
}

func presignedExpired() {
	put("presigned", []byte("x"))
	signed := presign(&oss.GetObjectRequest{Bucket: bucket, Key: oss.Ptr("presigned")}, oss.PresignExpires(time.Second))
	time.Sleep(2100 * time.Millisecond)
	status, text := fetchSigned(signed, nil)
	harness.Equal("status of "+text, status, 403)
}
