package main

import (
	"time"

	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss"
	"ossia.test/harness"
)

func bucketLifecycle() {
	other := oss.Ptr(settings.Bucket + "-other")
	created := time.Now()
	harness.Ok(second(client.PutBucket(ctx, &oss.PutBucketRequest{Bucket: other, Acl: oss.BucketACLPublicRead})))
	harness.True("the bucket exists", harness.Must(client.IsBucketExist(ctx, *other)))
	info := harness.Must(client.GetBucketInfo(ctx, &oss.GetBucketInfoRequest{Bucket: other})).BucketInfo
	harness.Equal("name", *info.Name, *other)
	harness.Equal("ACL", *info.ACL, "public-read")
	harness.Equal("location", *info.Location, "oss-"+settings.Region)
	harness.Equal("storage class", *info.StorageClass, "Standard")
	harness.True("created now", info.CreationDate.Sub(created).Abs() < 10*time.Second)
	location := harness.Must(client.GetBucketLocation(ctx, &oss.GetBucketLocationRequest{Bucket: other}))
	harness.Equal("location", *location.LocationConstraint, "oss-"+settings.Region)
	harness.Equal("buckets", bucketNames(), []string{*bucket, *other})
	harness.Ok(second(client.DeleteBucket(ctx, &oss.DeleteBucketRequest{Bucket: other})))
	harness.True("the bucket is gone", !harness.Must(client.IsBucketExist(ctx, *other)))
}

func bucketNames() (names []string) {
	pages := client.NewListBucketsPaginator(&oss.ListBucketsRequest{Prefix: bucket, MaxKeys: 1})
	for pages.HasNext() {
		for _, each := range harness.Must(pages.NextPage(ctx)).Buckets {
			harness.Equal("region", *each.Region, settings.Region)
			names = append(names, *each.Name)
		}
	}
	return names
}

func bucketACL() {
	acl := func() string {
		return *harness.Must(client.GetBucketAcl(ctx, &oss.GetBucketAclRequest{Bucket: bucket})).ACL
	}
	harness.Equal("ACL", acl(), "private")
	for _, each := range []oss.BucketACLType{oss.BucketACLPublicReadWrite, oss.BucketACLPrivate} {
		harness.Ok(second(client.PutBucketAcl(ctx, &oss.PutBucketAclRequest{Bucket: bucket, Acl: each})))
		harness.Equal("ACL", acl(), string(each))
	}
}

func bucketCors() {
	rule := oss.CORSRule{
		AllowedOrigins: []string{"http://a.example", "http://*.b.example"},
		AllowedMethods: []string{"PUT", "GET"},
		AllowedHeaders: []string{"*"},
		ExposeHeaders:  []string{"ETag", "x-oss-request-id"},
		MaxAgeSeconds:  oss.Ptr(int64(300)),
	}
	harness.Ok(second(client.PutBucketCors(ctx, &oss.PutBucketCorsRequest{
		Bucket: bucket, CORSConfiguration: &oss.CORSConfiguration{CORSRules: []oss.CORSRule{rule}},
	})))
	found := harness.Must(client.GetBucketCors(ctx, &oss.GetBucketCorsRequest{Bucket: bucket}))
	harness.Equal("rules", found.CORSConfiguration.CORSRules, []oss.CORSRule{rule})
	harness.Ok(second(client.DeleteBucketCors(ctx, &oss.DeleteBucketCorsRequest{Bucket: bucket})))
	_, err := client.GetBucketCors(ctx, &oss.GetBucketCorsRequest{Bucket: bucket})
	refused(err, 404, "NoSuchCORSConfiguration")
}
