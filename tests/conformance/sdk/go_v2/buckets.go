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

func bucketTags() {
	tags := func() map[string]string {
		found := map[string]string{}
		answer := harness.Must(client.GetBucketTags(ctx, &oss.GetBucketTagsRequest{Bucket: bucket}))
		for _, each := range answer.Tagging.TagSet.Tags {
			found[*each.Key] = *each.Value
		}
		return found
	}
	tagged := func(request oss.ListBucketsRequest) int {
		request.Prefix = bucket
		return len(harness.Must(client.ListBuckets(ctx, &request)).Buckets)
	}
	remove := func(keys *string) {
		harness.Ok(second(client.DeleteBucketTags(ctx, &oss.DeleteBucketTagsRequest{Bucket: bucket, Tagging: keys})))
	}
	team, red := oss.Ptr("team"), oss.Ptr("red")
	harness.Equal("no tags", tags(), map[string]string{})
	wanted := []oss.Tag{{Key: team, Value: red}, {Key: oss.Ptr("阶段"), Value: oss.Ptr("测试 &<")}}
	harness.Ok(second(client.PutBucketTags(ctx, &oss.PutBucketTagsRequest{
		Bucket: bucket, Tagging: &oss.Tagging{TagSet: &oss.TagSet{Tags: wanted}},
	})))
	harness.Equal("tags", tags(), map[string]string{"team": "red", "阶段": "测试 &<"})
	harness.Equal("by value", tagged(oss.ListBucketsRequest{TagKey: team, TagValue: red}), 1)
	harness.Equal("by another value", tagged(oss.ListBucketsRequest{TagKey: team, TagValue: oss.Ptr("blue")}), 0)
	harness.Equal("by several", tagged(oss.ListBucketsRequest{Tagging: oss.Ptr(`"team":"red"`)}), 1)
	remove(oss.Ptr("team,none"))
	harness.Equal("fewer tags", tags(), map[string]string{"阶段": "测试 &<"})
	remove(nil)
	harness.Equal("no tags", tags(), map[string]string{})
}
