package main

import (
	"net/http"
	"strings"

	"github.com/aliyun/aliyun-oss-go-sdk/oss"
	"ossia.test/harness"
)

func lifecycle() {
	name := settings.Bucket
	refused(second(client.GetBucketLifecycle(name)), 404, "NoSuchLifecycle")
	yes := true
	rules := []oss.LifecycleRule{
		{
			ID: "expire", Prefix: "logs/中文", Status: "Enabled", Tags: []oss.Tag{{Key: "k", Value: "v"}},
			Expiration: &oss.LifecycleExpiration{Days: 90},
			Transitions: []oss.LifecycleTransition{
				{Days: 30, StorageClass: oss.StorageIA}, {Days: 60, StorageClass: oss.StorageColdArchive},
			},
		},
		{
			ID: "versions", Prefix: "c", Status: "Disabled",
			Expiration:           &oss.LifecycleExpiration{ExpiredObjectDeleteMarker: &yes},
			AbortMultipartUpload: &oss.LifecycleAbortMultipartUpload{CreatedBeforeDate: "2020-12-12T00:00:00.000Z"},
			NonVersionExpiration: &oss.LifecycleVersionExpiration{NoncurrentDays: 30},
			NonVersionTransitions: []oss.LifecycleVersionTransition{
				{NoncurrentDays: 10, StorageClass: oss.StorageIA},
			},
		},
	}
	harness.Ok(client.SetBucketLifecycle(name, rules))
	found := harness.Must(client.GetBucketLifecycle(name)).Rules
	harness.Equal("number of rules", len(found), 2)
	harness.Equal("prefix", found[0].Prefix, "logs/中文")
	harness.Equal("days", found[0].Expiration.Days, 90)
	harness.Equal("class", found[0].Transitions[1].StorageClass, oss.StorageColdArchive)
	harness.Equal("status", found[1].Status, "Disabled")
	harness.True("markers", *found[1].Expiration.ExpiredObjectDeleteMarker)
	harness.Equal("date", found[1].AbortMultipartUpload.CreatedBeforeDate, "2020-12-12T00:00:00.000Z")
	harness.Equal("noncurrent", found[1].NonVersionTransitions[0].NoncurrentDays, 10)
	put("logs/中文1", []byte("x"), oss.SetTagging(oss.Tagging{Tags: []oss.Tag{{Key: "k", Value: "v"}}}))
	about := harness.Must(bucket.GetObjectDetailedMeta("logs/中文1"))
	harness.True("what is told of it", strings.Contains(about.Get("x-oss-expiration"), `rule-id="expire"`))
	twice := []oss.LifecycleRule{
		oss.BuildLifecycleRuleByDays("1", "dir1/", true, 180), oss.BuildLifecycleRuleByDays("2", "dir1/dir2/", true, 30),
	}
	refused(client.SetBucketLifecycle(name, twice), 400, "InvalidRequest")
	harness.Ok(client.SetBucketLifecycle(name, twice, oss.AllowSameActionOverLap(true)))
	harness.Ok(client.DeleteBucketLifecycle(name))
	refused(second(client.GetBucketLifecycle(name)), 404, "NoSuchLifecycle")
}

func accessMonitor() {
	name := settings.Bucket
	status := func() string { return harness.Must(client.GetBucketAccessMonitor(name)).Status }
	change := func(word string) error {
		return client.PutBucketAccessMonitor(name, oss.PutBucketAccessMonitor{Status: word})
	}
	harness.Equal("at first", status(), "Disabled")
	yes := true
	rules := []oss.LifecycleRule{{
		ID: "r", Prefix: "none/", Status: "Enabled",
		Transitions: []oss.LifecycleTransition{{
			Days: 30, StorageClass: oss.StorageIA, IsAccessTime: &yes, ReturnToStdWhenVisit: &yes,
		}},
	}}
	refused(client.SetBucketLifecycle(name, rules), 400, "InvalidRequest")
	harness.Ok(change("Enabled"))
	harness.Equal("enabled", status(), "Enabled")
	harness.Ok(client.SetBucketLifecycle(name, rules))
	found := harness.Must(client.GetBucketLifecycle(name)).Rules[0].Transitions[0]
	harness.True("by access", *found.IsAccessTime)
	harness.True("returns", *found.ReturnToStdWhenVisit)
	put("accessed", []byte("x"))
	var about http.Header = harness.Must(bucket.GetObjectMeta("accessed"))
	harness.True("accessed", about.Get("x-oss-last-access-time") != "")
	refused(change("Disabled"), 400, "AccessMonitorDisableNotAllowed")
	harness.Ok(client.DeleteBucketLifecycle(name))
	harness.Ok(change("Disabled"))
	harness.Equal("at last", status(), "Disabled")
}
