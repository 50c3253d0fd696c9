package main

import (
	"io"
	"strings"
	"time"

	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss"
	"ossia.test/harness"
)

// A bucket whose objects have to be restored, with one of them.
func archive(name string) *string {
	cold := oss.Ptr(settings.Bucket + name)
	harness.Ok(second(client.PutBucket(ctx, &oss.PutBucketRequest{
		Bucket:                    cold,
		CreateBucketConfiguration: &oss.CreateBucketConfiguration{StorageClass: oss.StorageClassArchive},
	})))
	harness.Ok(second(client.PutObject(ctx, &oss.PutObjectRequest{
		Bucket: cold, Key: oss.Ptr("k"), Body: strings.NewReader("cold"),
	})))
	harness.Equal("class", *about(cold, "k").StorageClass, "Archive")
	harness.True("state", about(cold, "k").Restore == nil)
	unreadable(cold, "k")
	return cold
}

func remove(cold *string) {
	harness.Ok(second(client.DeleteObject(ctx, &oss.DeleteObjectRequest{Bucket: cold, Key: oss.Ptr("k")})))
	harness.Ok(second(client.DeleteBucket(ctx, &oss.DeleteBucketRequest{Bucket: cold})))
}

func about(bucket *string, key string) *oss.HeadObjectResult {
	return harness.Must(client.HeadObject(ctx, &oss.HeadObjectRequest{Bucket: bucket, Key: &key}))
}

func read(bucket *string, key string) string {
	found := harness.Must(client.GetObject(ctx, &oss.GetObjectRequest{Bucket: bucket, Key: &key}))
	defer found.Body.Close()
	return string(harness.Must(io.ReadAll(found.Body)))
}

func unreadable(bucket *string, key string) {
	_, err := client.GetObject(ctx, &oss.GetObjectRequest{Bucket: bucket, Key: &key})
	refused(err, 403, "InvalidObjectState")
}

func untilRestored(bucket *string, key string) {
	for turn := 0; turn < 100 && strings.Contains(*about(bucket, key).Restore, "true"); turn++ {
		time.Sleep(100 * time.Millisecond)
	}
	harness.True("restored", strings.HasPrefix(*about(bucket, key).Restore, `ongoing-request="false", expiry-date="`))
}

func cold(key string, class oss.StorageClassType) {
	harness.Ok(second(client.PutObject(ctx, &oss.PutObjectRequest{
		Bucket: bucket, Key: &key, StorageClass: class, Body: strings.NewReader("x"),
	})))
}

func restore() {
	bucketOfArchive := archive("-archive")
	request := &oss.RestoreObjectRequest{Bucket: bucketOfArchive, Key: oss.Ptr("k")}
	harness.Equal("first", harness.Must(client.RestoreObject(ctx, request)).StatusCode, 202)
	refused(second(client.RestoreObject(ctx, request)), 409, "RestoreAlreadyInProgress")
	listed := harness.Must(client.ListObjectsV2(ctx, &oss.ListObjectsV2Request{Bucket: bucketOfArchive}))
	harness.Equal("state in a listing", *listed.Contents[0].RestoreInfo, `ongoing-request="true"`)
	untilRestored(bucketOfArchive, "k")
	harness.Equal("content", read(bucketOfArchive, "k"), "cold")
	request.RestoreRequest = &oss.RestoreRequest{Days: 2}
	harness.Equal("again", harness.Must(client.RestoreObject(ctx, request)).StatusCode, 200)
	remove(bucketOfArchive)

	cold("restore/warm", oss.StorageClassIA)
	warm := &oss.RestoreObjectRequest{Bucket: bucket, Key: oss.Ptr("restore/warm")}
	err := refused(second(client.RestoreObject(ctx, warm)), 400, "OperationNotSupported")
	harness.Equal("cause number", err.EC, "0016-00000702")
}

func cleanRestored() {
	key := oss.Ptr("restore/colder")
	cold(*key, oss.StorageClassColdArchive)
	clean := &oss.CleanRestoredObjectRequest{Bucket: bucket, Key: key}
	refused(second(client.CleanRestoredObject(ctx, clean)), 409, "ArchiveRestoreFileStale")
	result := harness.Must(client.RestoreObject(ctx, &oss.RestoreObjectRequest{
		Bucket: bucket, Key: key, RestoreRequest: &oss.RestoreRequest{Days: 1, Tier: oss.Ptr("Expedited")},
	}))
	harness.Equal("priority", *result.RestorePriority, "Expedited")
	// The vendor's own suite cleans a second later and wants it refused.
	time.Sleep(time.Second)
	err := refused(second(client.CleanRestoredObject(ctx, clean)), 409, "ArchiveRestoreNotFinished")
	harness.Equal("message", err.Message, "The archive file's restore is not finished.")
	harness.Equal("cause number", err.EC, "0016-00000719")
	untilRestored(bucket, *key)
	harness.Equal("content", read(bucket, *key), "x")
	harness.Ok(second(client.CleanRestoredObject(ctx, clean)))
	unreadable(bucket, *key)
}

func archiveDirectRead() {
	direct := archive("-direct")
	enable := func(enabled bool) {
		harness.Ok(second(client.PutBucketArchiveDirectRead(ctx, &oss.PutBucketArchiveDirectReadRequest{
			Bucket: direct, ArchiveDirectReadConfiguration: &oss.ArchiveDirectReadConfiguration{Enabled: &enabled},
		})))
	}
	asked := &oss.GetBucketArchiveDirectReadRequest{Bucket: direct}
	refused(second(client.GetBucketArchiveDirectRead(ctx, asked)), 404, "NoSuchArchiveDirectReadConfiguration")
	enable(true)
	told := harness.Must(client.GetBucketArchiveDirectRead(ctx, asked))
	harness.True("enabled", *told.ArchiveDirectReadConfiguration.Enabled)
	harness.Equal("content", read(direct, "k"), "cold")
	enable(false)
	unreadable(direct, "k")
	remove(direct)
}
