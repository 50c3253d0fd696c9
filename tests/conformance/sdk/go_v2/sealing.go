package main

import (
	"strings"

	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss"
	"ossia.test/harness"
)

func sealing() {
	key := oss.Ptr("sealed.log")
	add := func(position int64) error {
		return second(client.AppendObject(ctx, &oss.AppendObjectRequest{
			Bucket: bucket, Key: key, Position: &position, Body: strings.NewReader("one"),
		}))
	}
	seal := func(position int64) (*oss.SealAppendObjectResult, error) {
		return client.SealAppendObject(ctx, &oss.SealAppendObjectRequest{Bucket: bucket, Key: key, Position: &position})
	}
	harness.Ok(add(0))
	_, err := seal(0)
	refused(err, 409, "PositionNotEqualToLength")
	sealed := harness.Must(seal(3))
	harness.Equal("status", sealed.StatusCode, 200)
	harness.Equal("sealed again", *harness.Must(seal(3)).SealedTime, *sealed.SealedTime)
	harness.Equal("told", head(*key).Headers.Get("x-oss-sealed-time"), *sealed.SealedTime)
	refused(add(3), 409, "ObjectNotAppendable")
	harness.Equal("content", get(*key), "one")
}
