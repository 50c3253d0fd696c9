package main

import (
	"strings"
	"time"

	"github.com/aliyun/aliyun-oss-go-sdk/oss"
	"ossia.test/harness"
)

func bucketStat() {
	name := settings.Bucket + "-settings"
	harness.Ok(client.CreateBucket(name))
	asked := bucketOf(client, name)
	stat := func() oss.GetBucketStatResult { return harness.Must(client.GetBucketStat(name)) }
	harness.Equal("objects of an empty bucket", stat().ObjectCount, int64(0))
	harness.Ok(asked.PutObject("k", strings.NewReader("12345")))
	harness.Ok(asked.PutObject("cold", strings.NewReader("123"), oss.ObjectStorageClass(oss.StorageIA)))
	upload := harness.Must(asked.InitiateMultipartUpload("k"))
	found := stat()
	harness.Equal("bytes, objects and uploads",
		[]int64{found.Storage, found.ObjectCount, found.MultipartUploadCount, found.LiveChannelCount}, []int64{8, 2, 1, 0})
	harness.Equal("of the standard class", []int64{found.StandardStorage, found.StandardObjectCount}, []int64{5, 1})
	harness.Equal("of the infrequent class",
		[]int64{found.InfrequentAccessRealStorage, found.InfrequentAccessObjectCount, found.ArchiveObjectCount}, []int64{3, 1, 0})
	harness.True("changed now", time.Since(time.Unix(found.LastModifiedTime, 0)) < 10*time.Second)
	harness.Ok(asked.AbortMultipartUpload(upload))
	harness.Must(asked.DeleteObjects([]string{"k", "cold"}))
	harness.Equal("uploads", stat().MultipartUploadCount, 0)
	harness.Ok(client.DeleteBucket(name))
	refused(second(client.GetBucketStat(name)), 404, "NoSuchBucket")
}

// absentConfigurations are those that no bucket here has: clean-ups and Terraform ask for each.
func absentConfigurations() {
	logging := harness.Must(client.GetBucketLogging(settings.Bucket))
	harness.Equal("where it is logged", logging.LoggingEnabled.TargetBucket, "")
	referer := harness.Must(client.GetBucketReferer(settings.Bucket))
	harness.True("it is read from nowhere, too", referer.AllowEmptyReferer)
	harness.Equal("referers", len(referer.RefererList), 0)
	harness.Equal("payer", harness.Must(client.GetBucketRequestPayment(settings.Bucket)).Payer, "BucketOwner")
	refused(second(client.GetBucketWebsite(settings.Bucket)), 404, "NoSuchWebsiteConfiguration")
	// Each of them demands 204.
	harness.Ok(client.DeleteBucketLogging(settings.Bucket))
	harness.Ok(client.DeleteBucketWebsite(settings.Bucket))
}

func absentReplication() {
	refused(second(client.GetBucketReplication(settings.Bucket)), 404, "NoSuchReplicationConfiguration")
	refused(second(client.GetBucketTransferAcc(settings.Bucket)), 404, "NoSuchTransferAccelerationConfiguration")
	group := harness.Must(client.GetBucketResourceGroup(settings.Bucket))
	harness.True("it is of the account's group", strings.HasPrefix(group.ResourceGroupId, "rg-"))
}

func liveChannels() {
	found := harness.Must(bucket.ListLiveChannel(oss.Prefix("a 键"), oss.Marker("m"), oss.MaxKeys(7)))
	harness.Equal("channels", len(found.LiveChannel), 0)
	harness.Equal("what was asked", []any{found.Prefix, found.Marker, found.MaxKeys}, []any{"a 键", "m", 7})
	harness.Equal("that is all", []any{found.IsTruncated, found.NextMarker}, []any{false, ""})
	refused(second(bucketOf(client, settings.Bucket+"-missing").ListLiveChannel()), 404, "NoSuchBucket")
}
