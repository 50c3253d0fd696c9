package main

import (
	"encoding/xml"
	"time"

	"github.com/aliyun/aliyun-oss-go-sdk/oss"
	"ossia.test/harness"
)

func bucketLifecycle() {
	other, created := settings.Bucket+"-other", time.Now()
	harness.Ok(client.CreateBucket(other, oss.ACL(oss.ACLPublicRead)))
	harness.True("the bucket exists", harness.Must(client.IsBucketExist(other)))
	info := harness.Must(client.GetBucketInfo(other)).BucketInfo
	harness.Equal("name", info.Name, other)
	harness.Equal("ACL", info.ACL, "public-read")
	harness.Equal("location", info.Location, "oss-"+settings.Region)
	harness.Equal("storage class", info.StorageClass, "Standard")
	harness.True("created now", info.CreationDate.Sub(created).Abs() < 10*time.Second)
	harness.Equal("location", harness.Must(client.GetBucketLocation(other)), "oss-"+settings.Region)
	harness.Equal("buckets", bucketNames(), []string{settings.Bucket, other})
	harness.Ok(client.DeleteBucket(other))
	harness.True("the bucket is gone", !harness.Must(client.IsBucketExist(other)))
}

func bucketNames() (names []string) {
	marker := ""
	for {
		page := harness.Must(client.ListBuckets(oss.Prefix(settings.Bucket), oss.MaxKeys(1), oss.Marker(marker)))
		for _, each := range page.Buckets {
			names = append(names, each.Name)
		}
		if !page.IsTruncated {
			return names
		}
		marker = page.NextMarker
	}
}

func bucketACL() {
	acl := func() string { return harness.Must(client.GetBucketACL(settings.Bucket)).ACL }
	harness.Equal("ACL", acl(), "private")
	for _, each := range []oss.ACLType{oss.ACLPublicReadWrite, oss.ACLPrivate} {
		harness.Ok(client.SetBucketACL(settings.Bucket, each))
		harness.Equal("ACL", acl(), string(each))
	}
}

func bucketCors() {
	rule := oss.CORSRule{
		AllowedOrigin: []string{"http://a.example", "http://*.b.example"},
		AllowedMethod: []string{"PUT", "GET"},
		AllowedHeader: []string{"*"},
		ExposeHeader:  []string{"ETag", "x-oss-request-id"},
		MaxAgeSeconds: 300,
	}
	harness.Ok(client.SetBucketCORS(settings.Bucket, []oss.CORSRule{rule}))
	found := harness.Must(client.GetBucketCORS(settings.Bucket))
	rule.XMLName = xml.Name{Local: "CORSRule"}
	harness.Equal("rules", found.CORSRules, []oss.CORSRule{rule})
	harness.Ok(client.DeleteBucketCORS(settings.Bucket))
	refused(second(client.GetBucketCORS(settings.Bucket)), 404, "NoSuchCORSConfiguration")
}

func bucketTags() {
	tags := func() map[string]string {
		found := map[string]string{}
		for _, each := range harness.Must(client.GetBucketTagging(settings.Bucket)).Tags {
			found[each.Key] = each.Value
		}
		return found
	}
	tagged := func(options ...oss.Option) int {
		return len(harness.Must(client.ListBuckets(append(options, oss.Prefix(settings.Bucket))...)).Buckets)
	}
	harness.Equal("no tags", tags(), map[string]string{})
	wanted := []oss.Tag{{Key: "team", Value: "red"}, {Key: "阶段", Value: "测试 &<"}, {Key: "empty"}}
	harness.Ok(client.SetBucketTagging(settings.Bucket, oss.Tagging{Tags: wanted}))
	harness.Equal("tags", tags(), map[string]string{"team": "red", "阶段": "测试 &<", "empty": ""})
	harness.Equal("by value", tagged(oss.TagKey("team"), oss.TagValue("red")), 1)
	harness.Equal("by another value", tagged(oss.TagKey("team"), oss.TagValue("blue")), 0)
	harness.Ok(client.DeleteBucketTagging(settings.Bucket, oss.AddParam("tagging", "team,none")))
	harness.Equal("fewer tags", tags(), map[string]string{"阶段": "测试 &<", "empty": ""})
	harness.Ok(client.DeleteBucketTagging(settings.Bucket))
	harness.Equal("no tags", tags(), map[string]string{})
}
