package main

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aliyun/aliyun-oss-go-sdk/oss"
	"ossia.test/harness"
)

// showFault is what the SDK makes of a callback that fails; see test_sdk_faults.py.
func showFault(fault harness.FaultCase) harness.Shown {
	var body []byte
	var answer http.Header
	err := uploadFault(fault, oss.Callback(fault.Callback()), oss.CallbackResult(&body), oss.GetResponseHeader(&answer))
	if err == nil {
		return harness.Shown{
			How: "returned", Type: "error", Status: 200, ETag: strings.Trim(answer.Get("ETag"), `"`),
			CRC: answer.Get("x-oss-hash-crc64ecma"), RequestID: answer.Get("x-oss-request-id"),
			Body: strings.TrimSpace(string(body)),
		}
	}
	var found oss.ServiceError
	if !errors.As(err, &found) {
		panic("not a service error: " + err.Error())
	}
	return harness.Shown{
		How: "raised", Type: strings.TrimPrefix(fmt.Sprintf("%T", err), "oss."), Status: found.StatusCode,
		Code: found.Code, Message: found.Message, EC: found.Ec, RequestID: found.RequestID,
	}
}

func uploadFault(fault harness.FaultCase, options ...oss.Option) error {
	in := bucketOf(newClientOf(fault.Endpoint, settings.AccessKeyID, settings.AccessKeySecret, ""), fault.Bucket)
	content := strings.NewReader(fault.Content)
	if fault.Operation == "put" {
		return in.PutObject(fault.Key, content, options...)
	}
	upload := harness.Must(in.InitiateMultipartUpload(fault.Key))
	part := harness.Must(in.UploadPart(upload, content, content.Size(), 1))
	return second(in.CompleteMultipartUpload(upload, []oss.UploadPart{part}, options...))
}
