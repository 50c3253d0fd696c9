package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss"
	"ossia.test/harness"
)

const partSize = 100 * 1024

func initiate(key string) *string {
	started := harness.Must(client.InitiateMultipartUpload(ctx, &oss.InitiateMultipartUploadRequest{
		Bucket: bucket, Key: &key, ContentType: oss.Ptr("text/plain"),
	}))
	return started.UploadId
}

func uploadPart(key string, upload *string, number int32, content []byte) oss.UploadPart {
	part := harness.Must(client.UploadPart(ctx, &oss.UploadPartRequest{
		Bucket: bucket, Key: &key, UploadId: upload, PartNumber: number, Body: bytes.NewReader(content),
	}))
	return oss.UploadPart{PartNumber: number, ETag: part.ETag}
}

func complete(key string, upload *string, parts []oss.UploadPart) *oss.CompleteMultipartUploadResult {
	return harness.Must(client.CompleteMultipartUpload(ctx, &oss.CompleteMultipartUploadRequest{
		Bucket: bucket, Key: &key, UploadId: upload,
		CompleteMultipartUpload: &oss.CompleteMultipartUpload{Parts: parts},
	}))
}

func multipart() {
	key, content := "multipart/键 +.bin", harness.Bytes(2*partSize+5)
	upload := initiate(key)
	parts := []oss.UploadPart{
		uploadPart(key, upload, 1, content[:partSize]),
		uploadPart(key, upload, 2, content[partSize:2*partSize]),
		uploadPart(key, upload, 3, content[2*partSize:]),
	}
	pages := client.NewListPartsPaginator(&oss.ListPartsRequest{Bucket: bucket, Key: &key, UploadId: upload, MaxParts: 2})
	var listed []oss.UploadPart
	for pages.HasNext() {
		page := harness.Must(pages.NextPage(ctx))
		harness.Equal("key", *page.Key, key)
		for _, each := range page.Parts {
			listed = append(listed, oss.UploadPart{PartNumber: each.PartNumber, ETag: each.ETag})
		}
	}
	harness.Equal("listed parts", listed, parts)
	result := complete(key, upload, parts)
	harness.Equal("key", *result.Key, key)
	harness.Equal("end of the ETag", (*result.ETag)[33:], `-3"`)
	harness.Equal("CRC", *result.HashCRC64, harness.CRCOf(content))
	harness.True("the content is the same", get(key) == string(content))
	harness.Equal("object type", *head(key).ObjectType, "Multipart")
	harness.Equal("content type", *head(key).ContentType, "text/plain")
}

func multipartCopy() {
	content := harness.Bytes(partSize + 10)
	put("multipart/source ä", content)
	upload := initiate("multipart/copied")
	var parts []oss.UploadPart
	for number, span := range []string{fmt.Sprintf("bytes=0-%d", partSize-1), fmt.Sprintf("bytes=%d-%d", partSize, partSize+9)} {
		part := harness.Must(client.UploadPartCopy(ctx, &oss.UploadPartCopyRequest{
			Bucket: bucket, Key: oss.Ptr("multipart/copied"), UploadId: upload, PartNumber: int32(number + 1),
			SourceKey: oss.Ptr("multipart/source ä"), Range: &span,
		}))
		parts = append(parts, oss.UploadPart{PartNumber: int32(number + 1), ETag: part.ETag})
	}
	complete("multipart/copied", upload, parts)
	harness.True("the content is the same", get("multipart/copied") == string(content))
}

func uploadsOf(prefix string) (uploads []string) {
	pages := client.NewListMultipartUploadsPaginator(&oss.ListMultipartUploadsRequest{Bucket: bucket, Prefix: &prefix, MaxUploads: 1})
	for pages.HasNext() {
		for _, each := range harness.Must(pages.NextPage(ctx)).Uploads {
			uploads = append(uploads, *each.Key+" "+*each.UploadId)
		}
	}
	return uploads
}

func multipartAbort() {
	one, two := initiate("abort/1 +"), initiate("abort/2")
	uploadPart("abort/2", two, 1, []byte("x"))
	harness.Equal("uploads", uploadsOf("abort/"), []string{"abort/1 + " + *one, "abort/2 " + *two})
	for key, upload := range map[string]*string{"abort/1 +": one, "abort/2": two} {
		harness.Ok(second(client.AbortMultipartUpload(ctx, &oss.AbortMultipartUploadRequest{Bucket: bucket, Key: &key, UploadId: upload})))
	}
	harness.Equal("uploads", len(uploadsOf("abort/")), 0)
	_, err := client.ListParts(ctx, &oss.ListPartsRequest{Bucket: bucket, Key: oss.Ptr("abort/2"), UploadId: two})
	refused(err, 404, "NoSuchUpload")
}

func uploader() {
	content := harness.Bytes(5*partSize + 1)
	file := settings.File("uploader.bin", content)
	uploader := client.NewUploader(func(options *oss.UploaderOptions) { options.PartSize, options.ParallelNum = partSize, 3 })
	stored := harness.Must(uploader.UploadFile(ctx, &oss.PutObjectRequest{Bucket: bucket, Key: oss.Ptr("uploader/file")}, file))
	harness.Equal("CRC", *stored.HashCRC64, harness.CRCOf(content))
	harness.True("the file is the same", get("uploader/file") == string(content))
	harness.Ok(second(uploader.UploadFrom(ctx, &oss.PutObjectRequest{Bucket: bucket, Key: oss.Ptr("uploader/stream")}, bytes.NewReader(content))))
	harness.True("the stream is the same", get("uploader/stream") == string(content))
	harness.Ok(second(uploader.UploadFrom(ctx, &oss.PutObjectRequest{Bucket: bucket, Key: oss.Ptr("uploader/small")}, bytes.NewReader(content[:9]))))
	harness.Equal("type of a small one", *head("uploader/small").ObjectType, "Normal")
}

func uploaderResumes() {
	content := harness.Bytes(6 * partSize)
	file := settings.File("resumed.bin", content)
	checkpoints := filepath.Join(settings.Scratch, "checkpoints")
	harness.Ok(os.MkdirAll(checkpoints, 0o700))
	uploader := client.NewUploader(func(options *oss.UploaderOptions) {
		options.PartSize, options.ParallelNum = partSize, 1
		options.EnableCheckpoint, options.CheckpointDir = true, checkpoints
	})
	interrupted, stop := context.WithCancel(ctx)
	request := func(progress oss.ProgressFunc) *oss.PutObjectRequest {
		return &oss.PutObjectRequest{Bucket: bucket, Key: oss.Ptr("uploader/resumed"), ProgressFn: progress}
	}
	_, err := uploader.UploadFile(interrupted, request(func(_, sent, _ int64) {
		if sent > 3*partSize {
			stop()
		}
	}), file)
	harness.True("the upload is interrupted", err != nil)
	open := uploadsOf("uploader/resumed")
	result := harness.Must(uploader.UploadFile(ctx, request(nil), file))
	harness.Equal("the upload that goes on", open, []string{"uploader/resumed " + *result.UploadId})
	harness.True("the content is the same", get("uploader/resumed") == string(content))
	harness.Equal("open uploads", len(uploadsOf("uploader/resumed")), 0)
}

func downloader() {
	content := harness.Bytes(5*partSize + 7)
	put("downloader", content)
	path := filepath.Join(settings.Scratch, "downloaded.bin")
	downloader := client.NewDownloader(func(options *oss.DownloaderOptions) {
		options.PartSize, options.ParallelNum = partSize, 3
		options.EnableCheckpoint, options.CheckpointDir, options.VerifyData = true, settings.Scratch, true
	})
	result := harness.Must(downloader.DownloadFile(ctx, &oss.GetObjectRequest{Bucket: bucket, Key: oss.Ptr("downloader")}, path))
	harness.Equal("written", result.Written, int64(len(content)))
	harness.True("the content is the same", bytes.Equal(harness.Must(os.ReadFile(path)), content))
}
