package main

import (
	"strings"

	"github.com/aliyun/aliyun-oss-go-sdk/oss"
	"ossia.test/harness"
)

func bucketWorm() {
	name := settings.Bucket + "-worm"
	harness.Ok(client.CreateBucket(name))
	kept := bucketOf(client, name)
	told := func() []any {
		found := harness.Must(client.GetBucketWorm(name))
		harness.True("has a time", found.CreationDate != "")
		return []any{found.WormId, found.State, found.RetentionPeriodInDays}
	}
	_, err := client.GetBucketWorm(name)
	refused(err, 404, "NoSuchWORMConfiguration")
	first := harness.Must(client.InitiateBucketWorm(name, 1))
	harness.Equal("policy", told(), []any{first, "InProgress", 1})
	refused(client.ExtendBucketWorm(name, 2, first), 400, "InvalidWORMConfiguration")
	harness.Ok(client.AbortBucketWorm(name))
	harness.Ok(kept.PutObject("k", strings.NewReader("kept")))
	wormID := harness.Must(client.InitiateBucketWorm(name, 1))
	harness.Ok(client.CompleteBucketWorm(name, wormID))
	harness.Ok(client.ExtendBucketWorm(name, 2, wormID))
	harness.Equal("policy", told(), []any{wormID, "Locked", 2})
	refused(client.AbortBucketWorm(name), 403, "WORMConfigurationLocked")
	refused(kept.PutObject("k", strings.NewReader("other")), 409, "FileImmutable")
	refused(kept.DeleteObject("k"), 409, "FileImmutable")
	refused(kept.SetObjectMeta("k", oss.Meta("a", "b")), 409, "FileImmutable")
}
