package main

import (
	"strings"

	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss"
	"ossia.test/harness"
)

func bucketWorm() {
	kept := oss.Ptr(*bucket + "-worm")
	harness.Ok(second(client.PutBucket(ctx, &oss.PutBucketRequest{Bucket: kept})))
	told := func() []any {
		found := harness.Must(client.GetBucketWorm(ctx, &oss.GetBucketWormRequest{Bucket: kept})).WormConfiguration
		harness.True("has a time", *found.CreationDate != "")
		return []any{*found.WormId, string(found.State), *found.RetentionPeriodInDays}
	}
	initiate := func() *string {
		return harness.Must(client.InitiateBucketWorm(ctx, &oss.InitiateBucketWormRequest{
			Bucket: kept, InitiateWormConfiguration: &oss.InitiateWormConfiguration{RetentionPeriodInDays: oss.Ptr(int32(1))},
		})).WormId
	}
	complete := func(wormID *string) error {
		return second(client.CompleteBucketWorm(ctx, &oss.CompleteBucketWormRequest{Bucket: kept, WormId: wormID}))
	}
	extend := func(wormID *string) error {
		return second(client.ExtendBucketWorm(ctx, &oss.ExtendBucketWormRequest{
			Bucket: kept, WormId: wormID,
			ExtendWormConfiguration: &oss.ExtendWormConfiguration{RetentionPeriodInDays: oss.Ptr(int32(2))},
		}))
	}
	abort := func() error {
		return second(client.AbortBucketWorm(ctx, &oss.AbortBucketWormRequest{Bucket: kept}))
	}
	put := func(text string) error {
		return second(client.PutObject(ctx, &oss.PutObjectRequest{Bucket: kept, Key: oss.Ptr("k"), Body: strings.NewReader(text)}))
	}
	_, err := client.GetBucketWorm(ctx, &oss.GetBucketWormRequest{Bucket: kept})
	refused(err, 404, "NoSuchWORMConfiguration")
	first := initiate()
	harness.Equal("policy", told(), []any{*first, "InProgress", int32(1)})
	refused(extend(first), 400, "InvalidWORMConfiguration")
	harness.Ok(abort())
	refused(complete(first), 404, "NoSuchWORMConfiguration")
	refused(extend(first), 404, "NoSuchWORMConfiguration")
	harness.Ok(put("kept"))
	wormID := initiate()
	harness.Ok(complete(wormID))
	harness.Ok(extend(wormID))
	harness.Equal("policy", told(), []any{*wormID, "Locked", int32(2)})
	refused(abort(), 403, "WORMConfigurationLocked")
	refused(put("other"), 409, "FileImmutable")
	refused(second(client.DeleteObject(ctx, &oss.DeleteObjectRequest{Bucket: kept, Key: oss.Ptr("k")})), 409, "FileImmutable")
}

func objectWorm() {
	kept, k := oss.Ptr(*bucket+"-object-worm"), oss.Ptr("k")
	harness.Ok(second(client.PutBucket(ctx, &oss.PutBucketRequest{Bucket: kept})))
	_, err := client.GetBucketObjectWormConfiguration(ctx, &oss.GetBucketObjectWormConfigurationRequest{Bucket: kept})
	refused(err, 404, "NoSuchWORMConfiguration")
	harness.Ok(second(client.PutBucketVersioning(ctx, &oss.PutBucketVersioningRequest{
		Bucket: kept, VersioningConfiguration: &oss.VersioningConfiguration{Status: oss.VersionEnabled},
	})))
	harness.Ok(second(client.PutBucketObjectWormConfiguration(ctx, &oss.PutBucketObjectWormConfigurationRequest{
		Bucket: kept, ObjectWormConfiguration: &oss.ObjectWormConfiguration{
			ObjectWormEnabled: oss.Ptr("Enabled"),
			Rule: &oss.ObjectWormRule{DefaultRetention: &oss.ObjectWormDefaultRetention{
				Mode: oss.Ptr("GOVERNANCE"), Years: oss.Ptr(int32(1)),
			}},
		},
	})))
	found := harness.Must(client.GetBucketObjectWormConfiguration(ctx, &oss.GetBucketObjectWormConfigurationRequest{Bucket: kept}))
	harness.Equal("default", *found.ObjectWormConfiguration.Rule.DefaultRetention.Years, int32(1))

	version := harness.Must(client.PutObject(ctx, &oss.PutObjectRequest{Bucket: kept, Key: k, Body: strings.NewReader("kept")})).VersionId
	retain := func(until string, bypass *bool) error {
		return second(client.PutObjectRetention(ctx, &oss.PutObjectRetentionRequest{
			Bucket: kept, Key: k, BypassGovernanceRetention: bypass,
			Retention: &oss.ObjectWormRetention{Mode: oss.Ptr("GOVERNANCE"), RetainUntilDate: &until},
		}))
	}
	far := "2999-01-01T00:00:00.000Z"
	harness.Ok(retain(far, nil))
	got := harness.Must(client.GetObjectRetention(ctx, &oss.GetObjectRetentionRequest{Bucket: kept, Key: k, VersionId: version})).Retention
	harness.Equal("retention", []string{*got.Mode, *got.RetainUntilDate}, []string{"GOVERNANCE", far})
	head := harness.Must(client.HeadObject(ctx, &oss.HeadObjectRequest{Bucket: kept, Key: k})).Headers
	harness.Equal("header", head.Get("x-oss-object-worm-mode"), "GOVERNANCE")
	refused(retain("2998-01-01T00:00:00.000Z", nil), 403, "AccessDenied")
	harness.Ok(retain("2998-01-01T00:00:00.000Z", oss.Ptr(true)))

	remove := func() error {
		request := &oss.DeleteObjectRequest{Bucket: kept, Key: k, VersionId: version}
		request.Headers = map[string]string{"x-oss-bypass-governance-retention": "true"}
		return second(client.DeleteObject(ctx, request))
	}
	_, err = client.GetObjectLegalHold(ctx, &oss.GetObjectLegalHoldRequest{Bucket: kept, Key: k})
	refused(err, 404, "NoSuchObjectLegalHoldConfiguration")
	for _, word := range []string{"ON", "OFF"} {
		harness.Ok(second(client.PutObjectLegalHold(ctx, &oss.PutObjectLegalHoldRequest{
			Bucket: kept, Key: k, LegalHold: &oss.ObjectWormLegalHold{Status: &word},
		})))
		held := harness.Must(client.GetObjectLegalHold(ctx, &oss.GetObjectLegalHoldRequest{Bucket: kept, Key: k})).LegalHold
		harness.Equal("hold", *held.Status, word)
		if word == "ON" {
			refused(remove(), 409, "FileImmutable")
		}
	}
	harness.Ok(remove())
}

func overwriteConfig() {
	told := func() (*oss.OverwriteConfiguration, error) {
		found, err := client.GetBucketOverwriteConfig(ctx, &oss.GetBucketOverwriteConfigRequest{Bucket: bucket})
		if err != nil {
			return nil, err
		}
		return found.OverwriteConfiguration, nil
	}
	set := func(rules ...oss.OverwriteRule) error {
		return second(client.PutBucketOverwriteConfig(ctx, &oss.PutBucketOverwriteConfigRequest{
			Bucket: bucket, OverwriteConfiguration: &oss.OverwriteConfiguration{Rules: rules},
		}))
	}
	forbid := oss.Ptr("forbid")
	rules := []oss.OverwriteRule{
		{ID: oss.Ptr("all"), Action: forbid, Prefix: oss.Ptr("protected/"), Suffix: oss.Ptr(".键")},
		{ID: oss.Ptr("some"), Action: forbid, Principals: &oss.OverwritePrincipals{Principals: []string{"1234567890123456"}}},
	}
	write := func(key string) error {
		return second(client.PutObject(ctx, &oss.PutObjectRequest{Bucket: bucket, Key: &key, Body: strings.NewReader("x")}))
	}
	refused(second(told()), 404, "NoSuchBucketOverwriteConfig")
	refused(set(oss.OverwriteRule{Action: oss.Ptr("allow")}), 400, "MalformedXML")
	harness.Ok(set(rules...))
	harness.Equal("rules", harness.Must(told()).Rules, rules)
	harness.Ok(write("protected/a.键"))
	refused(write("protected/a.键"), 409, "FileAlreadyExists")
	// The other rule is about somebody else.
	for range 2 {
		harness.Ok(write("protected/a.txt"))
	}
	harness.Ok(second(client.DeleteBucketOverwriteConfig(ctx, &oss.DeleteBucketOverwriteConfigRequest{Bucket: bucket})))
	refused(second(told()), 404, "NoSuchBucketOverwriteConfig")
	harness.Ok(write("protected/a.键"))
}
