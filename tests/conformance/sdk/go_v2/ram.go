package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	openapi "github.com/alibabacloud-go/darabonba-openapi/v2/client"
	openapiutil "github.com/alibabacloud-go/darabonba-openapi/v2/utils"
	"github.com/alibabacloud-go/tea/dara"
	"github.com/alibabacloud-go/tea/tea"
	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss"
	"ossia.test/harness"
)

// identity is one key, and what goes with a temporary one.
type identity struct{ id, secret, token string }

type fields = map[string]string

var (
	rootKey     = identity{id: settings.AccessKeyID, secret: settings.AccessKeySecret}
	userKey     identity
	ramUser     = settings.Bucket + "-user"
	ramRole     = settings.Bucket + "-role"
	ramPolicy   = settings.Bucket + "-policy"
	ramRoleArn  string
	ramSession  *oss.Client
	withinRule  = "within/key.txt"
	assumeRoles = fields{"PolicyType": "System", "PolicyName": "AliyunSTSAssumeRoleAccess"}
)

// rpc sends one call as the generated clients (ram-20150501, sts-20150401) do: all that they add are types.
func rpc(as identity, version, action string, given fields) (map[string]any, error) {
	caller := harness.Must(openapi.NewClient(&openapiutil.Config{
		AccessKeyId: &as.id, AccessKeySecret: &as.secret, SecurityToken: &as.token,
		Endpoint: &settings.StsEndpoint, Protocol: tea.String("http"),
	}))
	query := map[string]*string{}
	for name, value := range given {
		query[name] = tea.String(value)
	}
	answer, err := caller.CallApi(&openapiutil.Params{
		Action: &action, Version: &version, Protocol: tea.String("http"), Pathname: tea.String("/"),
		Method: tea.String("POST"), AuthType: tea.String("AK"), Style: tea.String("RPC"),
		ReqBodyType: tea.String("formData"), BodyType: tea.String("json"),
	}, &openapiutil.OpenApiRequest{Query: query}, &dara.RuntimeOptions{})
	if err != nil {
		return nil, err
	}
	return answer["body"].(map[string]any), nil
}

func ram(action string, given ...fields) map[string]any {
	return harness.Must(rpc(rootKey, "2015-05-01", action, merged(given)))
}

func ramRefused(code, action string, given ...fields) {
	_, err := rpc(rootKey, "2015-05-01", action, merged(given))
	rpcRefused(err, code)
}

func rpcRefused(err error, code string) {
	var refusal *tea.SDKError
	harness.True("refused with "+code+": "+errorText(err), errors.As(err, &refusal))
	harness.Equal("code", *refusal.Code, code)
}

func merged(all []fields) fields {
	found := fields{}
	for _, each := range all {
		for name, value := range each {
			found[name] = value
		}
	}
	return found
}

// at is a value inside an answer, by the names on the way.
func at(answer map[string]any, path string) any {
	var found any = answer
	for _, name := range strings.Split(path, ".") {
		found = found.(map[string]any)[name]
	}
	return found
}

func document(statement map[string]any) string {
	return string(harness.Must(json.Marshal(map[string]any{"Version": "1", "Statement": []any{statement}})))
}

func setClock(seconds int) {
	harness.Ok(os.WriteFile(os.Getenv("OSSIA_TEST_CLOCK"), []byte(fmt.Sprint(seconds)), 0o600))
}

func putAs(session *oss.Client, key string) error {
	return second(session.PutObject(ctx, &oss.PutObjectRequest{Bucket: bucket, Key: &key, Body: strings.NewReader("x")}))
}

func userAndKey() {
	user := fields{"UserName": ramUser}
	harness.Equal("name", at(ram("CreateUser", user), "User.UserName"), any(ramUser))
	made := ram("CreateAccessKey", user)
	userKey = identity{
		id: at(made, "AccessKey.AccessKeyId").(string), secret: at(made, "AccessKey.AccessKeySecret").(string),
	}
	spare := at(ram("CreateAccessKey", user), "AccessKey.AccessKeyId").(string)
	ramRefused("LimitExceeded.User.AccessKey", "CreateAccessKey", user)
	ram("DeleteAccessKey", user, fields{"UserAccessKeyId": spare})
	harness.Equal("keys", len(at(ram("ListAccessKeys", user), "AccessKeys.AccessKey").([]any)), 1)
}

func policy() {
	named := fields{"PolicyName": ramPolicy}
	text := document(map[string]any{
		"Effect": "Allow", "Action": []string{"oss:PutObject", "oss:GetObject"},
		"Resource": []string{"acs:oss:*:*:" + settings.Bucket + "/within/*"},
	})
	ramRefused("MalformedPolicyDocument", "CreatePolicy", named, fields{"PolicyDocument": "{}"})
	ram("CreatePolicy", named, fields{"PolicyDocument": text})
	found := ram("GetPolicy", named, fields{"PolicyType": "Custom"})
	harness.Equal("document", at(found, "DefaultPolicyVersion.PolicyDocument"), any(text))
	ram("AttachPolicyToUser", assumeRoles, fields{"UserName": ramUser})
}

func role() {
	trust := document(map[string]any{
		"Effect": "Allow", "Action": "sts:AssumeRole",
		"Principal": map[string]any{"RAM": []string{"acs:ram::" + os.Getenv("OSSIA_TEST_ACCOUNT_ID") + ":user/" + ramUser}},
	})
	made := ram("CreateRole", fields{"RoleName": ramRole, "AssumeRolePolicyDocument": trust})
	ramRoleArn = at(made, "Role.Arn").(string)
	ram("AttachPolicyToRole", fields{"RoleName": ramRole, "PolicyName": ramPolicy, "PolicyType": "Custom"})
}

func assumeAndUse() {
	setClock(-600)
	answer := harness.Must(rpc(userKey, "2015-04-01", "AssumeRole", fields{
		"RoleArn": ramRoleArn, "RoleSessionName": "go-v2", "DurationSeconds": "900",
	}))
	text := func(name string) string { return at(answer, "Credentials."+name).(string) }
	session := identity{id: text("AccessKeyId"), secret: text("AccessKeySecret"), token: text("SecurityToken")}
	who := harness.Must(rpc(session, "2015-04-01", "GetCallerIdentity", nil))
	harness.Equal("kind", who["IdentityType"], any("AssumedRoleUser"))
	ramSession = newClient(session.id, session.secret, session.token)
	harness.Ok(putAs(ramSession, withinRule))
}

func deniedOutside() {
	refused(putAs(ramSession, "outside.txt"), 403, "AccessDenied")
	refused(putAs(newClient(userKey.id, userKey.secret, ""), withinRule), 403, "AccessDenied")
	_, err := rpc(userKey, "2015-05-01", "ListUsers", nil)
	rpcRefused(err, "NoPermission")
}

func expired() {
	harness.Ok(putAs(ramSession, withinRule))
	setClock(600)
	refused(putAs(ramSession, withinRule), 403, "SecurityTokenExpired")
	setClock(0)
}

func cleanUp() {
	custom := fields{"PolicyName": ramPolicy, "PolicyType": "Custom"}
	user := fields{"UserName": ramUser}
	ramRefused("DeleteConflict.Role.Policy", "DeleteRole", fields{"RoleName": ramRole})
	ramRefused("DeleteConflict.Policy.Role", "DeletePolicy", custom)
	ram("DetachPolicyFromRole", custom, fields{"RoleName": ramRole})
	ram("DeleteRole", fields{"RoleName": ramRole})
	ram("DeletePolicy", custom)
	ram("DetachPolicyFromUser", assumeRoles, user)
	ramRefused("DeleteConflict.User.AccessKey", "DeleteUser", user)
	ram("DeleteAccessKey", user, fields{"UserAccessKeyId": userKey.id})
	ram("DeleteUser", user)
	ramRefused("EntityNotExist.User", "GetUser", user)
	refused(putAs(newClient(userKey.id, userKey.secret, ""), withinRule), 403, "InvalidAccessKeyId")
}

func ramStory() {
	harness.Ok(second(client.PutBucket(ctx, &oss.PutBucketRequest{Bucket: bucket})))
	harness.Report([]harness.Case{
		{Name: "user_and_key", Run: userAndKey},
		{Name: "policy", Run: policy},
		{Name: "role", Run: role},
		{Name: "assume_and_use", Run: assumeAndUse},
		{Name: "denied_outside", Run: deniedOutside},
		{Name: "expired", Run: expired},
		{Name: "clean_up", Run: cleanUp},
	})
}
