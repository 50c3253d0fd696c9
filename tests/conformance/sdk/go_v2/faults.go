package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss"
	"ossia.test/harness"
)

// showFault is what the SDK makes of a callback that fails; see test_sdk_faults.py.
func showFault(fault harness.FaultCase) harness.Shown {
	status, answer, body, err := uploadFault(fault)
	if err == nil {
		return harness.Shown{
			How: "returned", Type: "error", Status: status, ETag: strings.Trim(answer.Get("ETag"), `"`),
			CRC: answer.Get("x-oss-hash-crc64ecma"), RequestID: answer.Get("x-oss-request-id"),
			Body: string(harness.Must(json.Marshal(body))),
		}
	}
	var found *oss.ServiceError
	if !errors.As(err, &found) {
		panic("not a service error: " + err.Error())
	}
	return harness.Shown{
		How: "raised", Type: strings.TrimPrefix(fmt.Sprintf("%T", found), "*oss."), Status: found.StatusCode,
		Code: found.Code, Message: found.Message, EC: found.EC, RequestID: found.RequestID,
	}
}

func uploadFault(fault harness.FaultCase) (int, http.Header, map[string]any, error) {
	with := newClientOf(fault.Endpoint, settings.AccessKeyID, settings.AccessKeySecret, "")
	in, key, content := &fault.Bucket, &fault.Key, strings.NewReader(fault.Content)
	callback := oss.Ptr(fault.Callback())
	if fault.Operation == "put" {
		result, err := with.PutObject(ctx, &oss.PutObjectRequest{Bucket: in, Key: key, Body: content, Callback: callback})
		if err != nil {
			return 0, nil, nil, err
		}
		return result.StatusCode, result.Headers, result.CallbackResult, nil
	}
	upload := harness.Must(with.InitiateMultipartUpload(ctx, &oss.InitiateMultipartUploadRequest{Bucket: in, Key: key})).UploadId
	part := harness.Must(with.UploadPart(ctx, &oss.UploadPartRequest{
		Bucket: in, Key: key, UploadId: upload, PartNumber: 1, Body: content,
	}))
	parts := []oss.UploadPart{{PartNumber: 1, ETag: part.ETag}}
	result, err := with.CompleteMultipartUpload(ctx, &oss.CompleteMultipartUploadRequest{
		Bucket: in, Key: key, UploadId: upload, Callback: callback,
		CompleteMultipartUpload: &oss.CompleteMultipartUpload{Parts: parts},
	})
	if err != nil {
		return 0, nil, nil, err
	}
	return result.StatusCode, result.Headers, result.CallbackResult, nil
}
