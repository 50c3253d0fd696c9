package main

import (
	"strings"
	"time"

	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss"
	"ossia.test/harness"
)

func bucketStat() {
	asked, k := oss.Ptr(*bucket+"-settings"), oss.Ptr("k")
	harness.Ok(second(client.PutBucket(ctx, &oss.PutBucketRequest{Bucket: asked})))
	stat := func() *oss.GetBucketStatResult {
		return harness.Must(client.GetBucketStat(ctx, &oss.GetBucketStatRequest{Bucket: asked}))
	}
	harness.Equal("objects of an empty bucket", stat().ObjectCount, int64(0))
	harness.Ok(second(client.PutObject(ctx, &oss.PutObjectRequest{Bucket: asked, Key: k, Body: strings.NewReader("12345")})))
	harness.Ok(second(client.PutObject(ctx, &oss.PutObjectRequest{
		Bucket: asked, Key: oss.Ptr("cold"), Body: strings.NewReader("123"), StorageClass: oss.StorageClassIA,
	})))
	upload := harness.Must(client.InitiateMultipartUpload(ctx, &oss.InitiateMultipartUploadRequest{Bucket: asked, Key: k}))
	found := stat()
	harness.Equal("bytes, objects and uploads",
		[]int64{found.Storage, found.ObjectCount, found.MultipartUploadCount, found.LiveChannelCount}, []int64{8, 2, 1, 0})
	harness.Equal("of the standard class", []int64{found.StandardStorage, found.StandardObjectCount}, []int64{5, 1})
	harness.Equal("of the infrequent class",
		[]int64{found.InfrequentAccessRealStorage, found.InfrequentAccessObjectCount, found.ArchiveObjectCount}, []int64{3, 1, 0})
	harness.True("changed now", time.Since(time.Unix(found.LastModifiedTime, 0)) < 10*time.Second)
	harness.Ok(second(client.AbortMultipartUpload(ctx, &oss.AbortMultipartUploadRequest{Bucket: asked, Key: k, UploadId: upload.UploadId})))
	for _, key := range []string{"k", "cold"} {
		harness.Ok(second(client.DeleteObject(ctx, &oss.DeleteObjectRequest{Bucket: asked, Key: &key})))
	}
	harness.Equal("uploads", stat().MultipartUploadCount, 0)
	harness.Ok(second(client.DeleteBucket(ctx, &oss.DeleteBucketRequest{Bucket: asked})))
	refused(second(client.GetBucketStat(ctx, &oss.GetBucketStatRequest{Bucket: asked})), 404, "NoSuchBucket")
}

// headBucket asks as the SDK itself does not: it has a method for any request.
func headBucket() {
	ask := func(name string) (*oss.OperationOutput, error) {
		return client.InvokeOperation(ctx, &oss.OperationInput{OpName: "HeadBucket", Method: "HEAD", Bucket: &name})
	}
	found := harness.Must(ask(*bucket))
	harness.Equal("status", found.StatusCode, 200)
	harness.Equal("region", found.Headers.Get("x-oss-bucket-region"), "oss-"+settings.Region)
	refused(second(ask(*bucket+"-missing")), 404, "NoSuchBucket")
}

// absentConfigurations are those that no bucket here has: clean-ups and Terraform ask for each.
func absentConfigurations() {
	logging := harness.Must(client.GetBucketLogging(ctx, &oss.GetBucketLoggingRequest{Bucket: bucket}))
	harness.True("it is not logged", logging.BucketLoggingStatus.LoggingEnabled == nil)
	referer := harness.Must(client.GetBucketReferer(ctx, &oss.GetBucketRefererRequest{Bucket: bucket})).RefererConfiguration
	harness.True("it is read from nowhere, too", *referer.AllowEmptyReferer)
	harness.Equal("referers", len(referer.RefererList.Referers), 0)
	payer := harness.Must(client.GetBucketRequestPayment(ctx, &oss.GetBucketRequestPaymentRequest{Bucket: bucket}))
	harness.Equal("payer", *payer.Payer, "BucketOwner")
	refused(second(client.GetBucketWebsite(ctx, &oss.GetBucketWebsiteRequest{Bucket: bucket})), 404, "NoSuchWebsiteConfiguration")
	unlogged := harness.Must(client.DeleteBucketLogging(ctx, &oss.DeleteBucketLoggingRequest{Bucket: bucket}))
	harness.Equal("status", unlogged.StatusCode, 204)
	noSite := harness.Must(client.DeleteBucketWebsite(ctx, &oss.DeleteBucketWebsiteRequest{Bucket: bucket}))
	harness.Equal("status", noSite.StatusCode, 204)
}

func absentReplication() {
	refused(second(client.GetBucketReplication(ctx, &oss.GetBucketReplicationRequest{Bucket: bucket})), 404, "NoSuchReplicationConfiguration")
	refused(second(client.GetBucketTransferAcceleration(ctx, &oss.GetBucketTransferAccelerationRequest{Bucket: bucket})),
		404, "NoSuchTransferAccelerationConfiguration")
	group := harness.Must(client.GetBucketResourceGroup(ctx, &oss.GetBucketResourceGroupRequest{Bucket: bucket}))
	harness.True("it is of the account's group", strings.HasPrefix(*group.BucketResourceGroupConfiguration.ResourceGroupId, "rg-"))
}

func accessPoints() {
	found := harness.Must(client.ListAccessPoints(ctx, &oss.ListAccessPointsRequest{Bucket: bucket, MaxKeys: 7}))
	harness.Equal("access points", len(found.AccessPoints), 0)
	harness.True("that is all", !*found.IsTruncated)
	harness.True("it is somebody's", *found.AccountId != "")
	harness.Equal("most of them", *found.MaxKeys, int32(7))
}
