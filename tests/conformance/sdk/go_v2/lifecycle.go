package main

import (
	"strings"

	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss"
	"ossia.test/harness"
)

func setLifecycle(overlap *string, rules ...oss.LifecycleRule) error {
	_, err := client.PutBucketLifecycle(ctx, &oss.PutBucketLifecycleRequest{
		Bucket: bucket, AllowSameActionOverlap: overlap,
		LifecycleConfiguration: &oss.LifecycleConfiguration{Rules: rules},
	})
	return err
}

func lifecycleRules() []oss.LifecycleRule {
	found := harness.Must(client.GetBucketLifecycle(ctx, &oss.GetBucketLifecycleRequest{Bucket: bucket}))
	return found.LifecycleConfiguration.Rules
}

func noLifecycle() {
	_, err := client.GetBucketLifecycle(ctx, &oss.GetBucketLifecycleRequest{Bucket: bucket})
	refused(err, 404, "NoSuchLifecycle")
}

func deleteLifecycle() {
	harness.Ok(second(client.DeleteBucketLifecycle(ctx, &oss.DeleteBucketLifecycleRequest{Bucket: bucket})))
}

func lifecycle() {
	noLifecycle()
	enabled := oss.Ptr("Enabled")
	harness.Ok(setLifecycle(nil,
		oss.LifecycleRule{
			ID: oss.Ptr("expire"), Prefix: oss.Ptr("logs/中文"), Status: enabled,
			Tags:       []oss.Tag{{Key: oss.Ptr("k"), Value: oss.Ptr("v")}},
			Expiration: &oss.LifecycleRuleExpiration{Days: oss.Ptr(int32(90))},
			Transitions: []oss.LifecycleRuleTransition{
				{Days: oss.Ptr(int32(30)), StorageClass: oss.StorageClassIA},
				{Days: oss.Ptr(int32(60)), StorageClass: oss.StorageClassDeepColdArchive},
			},
			Filter: &oss.LifecycleRuleFilter{
				ObjectSizeLessThan: oss.Ptr(int64(64000)),
				Nots:               []oss.LifecycleRuleNot{{Prefix: oss.Ptr("logs/中文/not")}},
			},
		},
		oss.LifecycleRule{
			ID: oss.Ptr("versions"), Prefix: oss.Ptr("c"), Status: oss.Ptr("Disabled"),
			Expiration:                  &oss.LifecycleRuleExpiration{ExpiredObjectDeleteMarker: oss.Ptr(true)},
			AbortMultipartUpload:        &oss.LifecycleRuleAbortMultipartUpload{Days: oss.Ptr(int32(3))},
			NoncurrentVersionExpiration: &oss.NoncurrentVersionExpiration{NoncurrentDays: oss.Ptr(int32(30))},
			NoncurrentVersionTransitions: []oss.NoncurrentVersionTransition{
				{NoncurrentDays: oss.Ptr(int32(10)), StorageClass: oss.StorageClassIA},
			},
		},
	))
	found := lifecycleRules()
	harness.Equal("number of rules", len(found), 2)
	harness.Equal("prefix", *found[0].Prefix, "logs/中文")
	harness.Equal("days", *found[0].Expiration.Days, int32(90))
	harness.Equal("class", found[0].Transitions[1].StorageClass, oss.StorageClassDeepColdArchive)
	harness.Equal("size", *found[0].Filter.ObjectSizeLessThan, int64(64000))
	harness.Equal("not", *found[0].Filter.Nots[0].Prefix, "logs/中文/not")
	harness.Equal("status", *found[1].Status, "Disabled")
	harness.True("markers", *found[1].Expiration.ExpiredObjectDeleteMarker)
	harness.Equal("parts", *found[1].AbortMultipartUpload.Days, int32(3))
	harness.Equal("noncurrent", *found[1].NoncurrentVersionExpiration.NoncurrentDays, int32(30))
	// What is told can be put again.
	harness.Ok(setLifecycle(nil, found...))
	harness.Ok(second(client.PutObject(ctx, &oss.PutObjectRequest{
		Bucket: bucket, Key: oss.Ptr("logs/中文1"), Body: strings.NewReader("x"), Tagging: oss.Ptr("k=v"),
	})))
	about := harness.Must(client.HeadObject(ctx, &oss.HeadObjectRequest{Bucket: bucket, Key: oss.Ptr("logs/中文1")}))
	harness.True("what is told of it", strings.Contains(*about.Expiration, `rule-id="expire"`))
	var twice []oss.LifecycleRule
	for id, prefix := range map[string]string{"1": "dir1/", "2": "dir1/dir2/"} {
		twice = append(twice, oss.LifecycleRule{
			ID: oss.Ptr(id), Prefix: oss.Ptr(prefix), Status: enabled,
			Expiration: &oss.LifecycleRuleExpiration{Days: oss.Ptr(int32(9))},
		})
	}
	refused(setLifecycle(nil, twice...), 400, "InvalidRequest")
	harness.Ok(setLifecycle(oss.Ptr("true"), twice...))
	deleteLifecycle()
	noLifecycle()
}

func accessMonitor() {
	status := func() oss.AccessMonitorStatusType {
		found := harness.Must(client.GetBucketAccessMonitor(ctx, &oss.GetBucketAccessMonitorRequest{Bucket: bucket}))
		return found.AccessMonitorConfiguration.Status
	}
	change := func(word oss.AccessMonitorStatusType) error {
		_, err := client.PutBucketAccessMonitor(ctx, &oss.PutBucketAccessMonitorRequest{
			Bucket: bucket, AccessMonitorConfiguration: &oss.AccessMonitorConfiguration{Status: word},
		})
		return err
	}
	harness.Equal("at first", status(), oss.AccessMonitorStatusDisabled)
	rule := oss.LifecycleRule{
		ID: oss.Ptr("r"), Prefix: oss.Ptr("none/"), Status: oss.Ptr("Enabled"),
		Transitions: []oss.LifecycleRuleTransition{{
			Days: oss.Ptr(int32(30)), StorageClass: oss.StorageClassIA,
			IsAccessTime: oss.Ptr(true), ReturnToStdWhenVisit: oss.Ptr(false),
		}},
	}
	refused(setLifecycle(nil, rule), 400, "InvalidRequest")
	harness.Ok(change(oss.AccessMonitorStatusEnabled))
	harness.Equal("enabled", status(), oss.AccessMonitorStatusEnabled)
	harness.Ok(setLifecycle(nil, rule))
	found := lifecycleRules()[0]
	harness.True("by access", *found.Transitions[0].IsAccessTime)
	harness.True("base", *found.AtimeBase > 1_700_000_000)
	harness.Ok(second(client.PutObject(ctx, &oss.PutObjectRequest{
		Bucket: bucket, Key: oss.Ptr("accessed"), Body: strings.NewReader("x"),
	})))
	meta := harness.Must(client.GetObjectMeta(ctx, &oss.GetObjectMetaRequest{Bucket: bucket, Key: oss.Ptr("accessed")}))
	harness.True("accessed", meta.LastAccessTime != nil)
	refused(change(oss.AccessMonitorStatusDisabled), 400, "AccessMonitorDisableNotAllowed")
	deleteLifecycle()
	harness.Ok(change(oss.AccessMonitorStatusDisabled))
	harness.Equal("at last", status(), oss.AccessMonitorStatusDisabled)
}
