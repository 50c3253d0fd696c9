package main

import (
	"io"
	"strings"
	"time"

	"github.com/aliyun/aliyun-oss-go-sdk/oss"
	"ossia.test/harness"
)

func restore() {
	name := settings.Bucket + "-archive"
	harness.Ok(client.CreateBucket(name, oss.StorageClass(oss.StorageArchive)))
	info := harness.Must(client.GetBucketInfo(name))
	harness.Equal("class of the bucket", info.BucketInfo.StorageClass, "Archive")
	cold := bucketOf(client, name)
	harness.Ok(cold.PutObject("k", strings.NewReader("cold")))
	state := func() string {
		about := harness.Must(cold.GetObjectDetailedMeta("k"))
		harness.Equal("class", about.Get("x-oss-storage-class"), "Archive")
		return about.Get("x-oss-restore")
	}
	harness.Equal("state", state(), "")
	refused(second(cold.GetObject("k")), 403, "InvalidObjectState")
	harness.Ok(cold.RestoreObject("k"))
	refused(cold.RestoreObject("k"), 409, "RestoreAlreadyInProgress")
	harness.Equal("state", state(), `ongoing-request="true"`)
	for turn := 0; turn < 100 && strings.Contains(state(), "true"); turn++ {
		time.Sleep(100 * time.Millisecond)
	}
	harness.True("restored", strings.HasPrefix(state(), `ongoing-request="false", expiry-date="`))
	body := harness.Must(cold.GetObject("k"))
	harness.Equal("content", string(harness.Must(io.ReadAll(body))), "cold")
	harness.Ok(body.Close())
	harness.Ok(cold.RestoreObject("k"))
	harness.Ok(cold.DeleteObject("k"))
	harness.Ok(client.DeleteBucket(name))

	put("restore/warm", []byte("x"), oss.ObjectStorageClass(oss.StorageIA))
	refused(bucket.RestoreObject("restore/warm"), 400, "OperationNotSupported")
	put("restore/colder", []byte("x"), oss.ObjectStorageClass(oss.StorageColdArchive))
	wanted := oss.RestoreConfiguration{Days: 2, Tier: string(oss.RestoreBulk)}
	harness.Ok(bucket.RestoreObjectDetail("restore/colder", wanted))
	refused(bucket.RestoreObjectDetail("restore/colder", wanted), 409, "RestoreAlreadyInProgress")
}
