package main

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strconv"

	"github.com/aliyun/aliyun-oss-go-sdk/oss"
	"ossia.test/harness"
)

const partSize = 100 * 1024

func initiate(key string) oss.InitiateMultipartUploadResult {
	return harness.Must(bucket.InitiateMultipartUpload(key, oss.ContentType("text/plain")))
}

func uploadParts(upload oss.InitiateMultipartUploadResult, content []byte) (parts []oss.UploadPart) {
	for number := 1; len(content) > 0; number++ {
		size := min(partSize, len(content))
		parts = append(parts, harness.Must(bucket.UploadPart(upload, bytes.NewReader(content[:size]), int64(size), number)))
		content = content[size:]
	}
	return parts
}

func multipart() {
	key, content := "multipart/键 +.bin", harness.Bytes(2*partSize+5)
	upload := initiate(key)
	parts := uploadParts(upload, content)
	first := harness.Must(bucket.ListUploadedParts(upload, oss.MaxParts(2)))
	harness.Equal("key", first.Key, key)
	harness.True("there are more parts", first.IsTruncated)
	marker := harness.Must(strconv.Atoi(first.NextPartNumberMarker))
	rest := harness.Must(bucket.ListUploadedParts(upload, oss.PartNumberMarker(marker)))
	for index, each := range append(first.UploadedParts, rest.UploadedParts...) {
		harness.Equal("number", each.PartNumber, parts[index].PartNumber)
		harness.Equal("ETag", each.ETag, parts[index].ETag)
	}
	completed := harness.Must(bucket.CompleteMultipartUpload(upload, parts))
	harness.Equal("key", completed.Key, key)
	harness.Equal("end of the ETag", completed.ETag[33:], `-3"`)
	harness.True("the content is the same", get(key) == string(content))
	about := head(key)
	harness.Equal("CRC", about.Get(crcHeader), harness.CRCOf(content))
	harness.Equal("object type", about.Get("x-oss-object-type"), "Multipart")
	harness.Equal("content type", about.Get("Content-Type"), "text/plain")
}

func multipartCopy() {
	content := harness.Bytes(partSize + 10)
	put("multipart/source ä", content)
	upload := initiate("multipart/copied")
	copied := func(start, size int64, number int) oss.UploadPart {
		return harness.Must(bucket.UploadPartCopy(upload, settings.Bucket, "multipart/source ä", start, size, number))
	}
	parts := []oss.UploadPart{copied(0, partSize, 1), copied(partSize, 10, 2)}
	harness.Must(bucket.CompleteMultipartUpload(upload, parts))
	harness.True("the content is the same", get("multipart/copied") == string(content))
}

func uploadsOf(prefix string) (uploads []string) {
	keyMarker, idMarker := "", ""
	for {
		page := harness.Must(bucket.ListMultipartUploads(
			oss.Prefix(prefix), oss.MaxUploads(1), oss.KeyMarker(keyMarker), oss.UploadIDMarker(idMarker)))
		for _, each := range page.Uploads {
			uploads = append(uploads, each.Key+" "+each.UploadID)
		}
		if !page.IsTruncated {
			return uploads
		}
		keyMarker, idMarker = page.NextKeyMarker, page.NextUploadIDMarker
	}
}

func multipartAbort() {
	one, two := initiate("abort/1 +"), initiate("abort/2")
	uploadParts(two, []byte("x"))
	harness.Equal("uploads", uploadsOf("abort/"), []string{"abort/1 + " + one.UploadID, "abort/2 " + two.UploadID})
	harness.Ok(bucket.AbortMultipartUpload(one))
	harness.Ok(bucket.AbortMultipartUpload(two))
	harness.Equal("uploads", len(uploadsOf("abort/")), 0)
	refused(second(bucket.ListUploadedParts(two)), 404, "NoSuchUpload")
}

func uploader() {
	content := harness.Bytes(5*partSize + 1)
	file := settings.File("uploader.bin", content)
	harness.Ok(bucket.UploadFile("uploader/file", file, partSize, oss.Routines(3)))
	harness.True("the content is the same", get("uploader/file") == string(content))
	harness.Ok(bucket.UploadFile("uploader/sequential", file, partSize, oss.Sequential()))
	harness.True("the content is the same in sequence", get("uploader/sequential") == string(content))
}

// breaking is a connection that breaks when too many objects or parts have been put.
type breaking struct {
	http.RoundTripper
	puts, limit int
}

func (b *breaking) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Method == http.MethodPut {
		if b.puts++; b.puts > b.limit {
			return nil, errors.New("the connection breaks")
		}
	}
	return b.RoundTripper.RoundTrip(request)
}

func uploaderResumes() {
	content := harness.Bytes(6 * partSize)
	file := settings.File("resumed.bin", content)
	upload := func(limit int) (int, error) {
		line := &breaking{harness.HTTPClient().Transport, 0, limit}
		through := newClient(settings.AccessKeyID, settings.AccessKeySecret, "", oss.HTTPClient(&http.Client{Transport: line}))
		err := bucketOf(through, settings.Bucket).UploadFile(
			"uploader/resumed", file, partSize, oss.CheckpointDir(true, settings.Scratch))
		return line.puts, err
	}
	_, err := upload(3)
	harness.True("the upload is interrupted", err != nil)
	harness.Equal("open uploads", len(uploadsOf("uploader/resumed")), 1)
	puts, err := upload(6)
	harness.Ok(err)
	harness.Equal("parts sent after the interruption", puts, 3)
	harness.True("the content is the same", get("uploader/resumed") == string(content))
	harness.Equal("open uploads", len(uploadsOf("uploader/resumed")), 0)
}

func downloader() {
	content := harness.Bytes(5*partSize + 7)
	put("downloader", content)
	path := filepath.Join(settings.Scratch, "downloaded.bin")
	harness.Ok(bucket.DownloadFile("downloader", path, partSize, oss.Routines(3), oss.CheckpointDir(true, settings.Scratch)))
	harness.True("the content is the same", bytes.Equal(harness.Must(os.ReadFile(path)), content))
}
