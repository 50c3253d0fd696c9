package main

import (
	"strings"
	"time"

	"github.com/aliyun/aliyun-oss-go-sdk/oss"
	"ossia.test/harness"
)

func sign(key string, method oss.HTTPMethod, options ...oss.Option) string {
	return harness.Must(bucket.SignURL(key, method, 60, options...))
}

func presignedGet() {
	for _, key := range append([]string{"presigned"}, settings.Shared.AwkwardKeys...) {
		put(key, []byte(key))
		status, text := harness.Fetch("GET", sign(key, oss.HTTPGet), nil, nil)
		harness.Equal("status of "+key, status, 200)
		harness.Equal("content of "+key, text, key)
	}
	stream := harness.Must(bucket.GetObjectWithURL(sign("presigned", oss.HTTPGet)))
	harness.Equal("content by the SDK", harness.ReadAll(stream), "presigned")
	harness.Ok(stream.Close())
	status, text := harness.Fetch("GET", sign("presigned", oss.HTTPGet), map[string]string{"Range": "bytes=0-2"}, nil)
	harness.Equal("status of a range", status, 206)
	harness.Equal("content of a range", text, "pre")
}

func presignedPut() {
	options := []oss.Option{oss.ContentType("text/x-own"), oss.Meta("by", "url")}
	headers := map[string]string{"Content-Type": "text/x-own", "x-oss-meta-by": "url"}
	for _, key := range append([]string{"presigned-put"}, settings.Shared.AwkwardKeys...) {
		status, text := harness.Fetch("PUT", sign(key, oss.HTTPPut, options...), headers, []byte(key))
		harness.Equal("status of "+key+" "+text, status, 200)
		harness.Equal("content of "+key, get(key), key)
		harness.Equal("type of "+key, head(key).Get("Content-Type"), "text/x-own")
		harness.Equal("metadata of "+key, head(key).Get("x-oss-meta-by"), "url")
	}
	url := sign("presigned-put", oss.HTTPPut, options...)
	harness.Ok(bucket.PutObjectWithURL(url, strings.NewReader("by the SDK"), options...))
	harness.Equal("content by the SDK", get("presigned-put"), "by the SDK")
	headers["Content-Type"] = "text/other"
	status, _ := harness.Fetch("PUT", url, headers, []byte("x"))
	harness.Equal("status with another type", status, 403)
}

func presignedExpired() {
	put("presigned", []byte("x"))
	url := harness.Must(bucket.SignURL("presigned", oss.HTTPGet, 1))
	time.Sleep(2100 * time.Millisecond)
	status, text := harness.Fetch("GET", url, nil, nil)
	harness.Equal("status of "+text, status, 403)
}
