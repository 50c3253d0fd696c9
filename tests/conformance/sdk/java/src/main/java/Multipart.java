import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;

import com.aliyun.oss.event.ProgressEventType;
import com.aliyun.oss.model.AbortMultipartUploadRequest;
import com.aliyun.oss.model.CompleteMultipartUploadRequest;
import com.aliyun.oss.model.CompleteMultipartUploadResult;
import com.aliyun.oss.model.DownloadFileRequest;
import com.aliyun.oss.model.InitiateMultipartUploadRequest;
import com.aliyun.oss.model.ListMultipartUploadsRequest;
import com.aliyun.oss.model.ListPartsRequest;
import com.aliyun.oss.model.MultipartUploadListing;
import com.aliyun.oss.model.ObjectMetadata;
import com.aliyun.oss.model.PartETag;
import com.aliyun.oss.model.PartListing;
import com.aliyun.oss.model.UploadFileRequest;
import com.aliyun.oss.model.UploadPartCopyRequest;
import com.aliyun.oss.model.UploadPartRequest;

final class Multipart {
    static final int PART = 100 * 1024;

    static void addTo(Map<String, Suite.Case> cases) {
        cases.put("multipart", Multipart::byHand);
        cases.put("multipart_copy", Multipart::copy);
        cases.put("multipart_abort", Multipart::abort);
        cases.put("uploader", Multipart::uploader);
        cases.put("uploader_resumes", Multipart::uploaderResumes);
        cases.put("downloader", Multipart::downloader);
    }

    static String initiate(String key) {
        ObjectMetadata metadata = new ObjectMetadata();
        metadata.setContentType("text/plain");
        return Oss.CLIENT
                .initiateMultipartUpload(new InitiateMultipartUploadRequest(Oss.BUCKET, key, metadata))
                .getUploadId();
    }

    static List<PartETag> uploadParts(String key, String upload, byte[] content) {
        List<PartETag> parts = new ArrayList<>();
        for (int start = 0; start < content.length; start += PART) {
            int size = Math.min(PART, content.length - start);
            parts.add(Oss.CLIENT.uploadPart(new UploadPartRequest(
                    Oss.BUCKET, key, upload, parts.size() + 1,
                    new ByteArrayInputStream(content, start, size), size)).getPartETag());
        }
        return parts;
    }

    private static CompleteMultipartUploadResult complete(String key, String upload, List<PartETag> parts) {
        return Oss.CLIENT.completeMultipartUpload(
                new CompleteMultipartUploadRequest(Oss.BUCKET, key, upload, parts));
    }

    private static void byHand() throws IOException {
        String key = "multipart/键 +.bin";
        byte[] content = Oss.bytes(2 * PART + 5);
        String upload = initiate(key);
        List<PartETag> parts = uploadParts(key, upload, content);
        ListPartsRequest request = new ListPartsRequest(Oss.BUCKET, key, upload);
        request.setMaxParts(2);
        PartListing first = Oss.CLIENT.listParts(request);
        Check.equal("key", first.getKey(), key);
        Check.that("there are more parts", first.isTruncated());
        request.setPartNumberMarker(first.getNextPartNumberMarker());
        PartListing rest = Oss.CLIENT.listParts(request);
        List<String> listed = new ArrayList<>();
        for (PartListing page : List.of(first, rest)) {
            page.getParts().forEach(each -> listed.add(each.getPartNumber() + " " + each.getETag()));
        }
        Check.equal("listed", listed,
                parts.stream().map(each -> each.getPartNumber() + " " + each.getETag()).toList());
        CompleteMultipartUploadResult completed = complete(key, upload, parts);
        Check.equal("key", completed.getKey(), key);
        Check.equal("bucket", completed.getBucketName(), Oss.BUCKET);
        Check.that("the ETag tells the parts", completed.getETag().matches("[0-9A-F]{32}-3"));
        Check.equal("CRC", completed.getServerCRC(), Oss.crcOf(content));
        Check.same("content", Oss.get(key), content);
        ObjectMetadata about = Oss.CLIENT.getObjectMetadata(Oss.BUCKET, key);
        Check.equal("object type", about.getObjectType(), "Multipart");
        Check.equal("type", about.getContentType(), "text/plain");
    }

    private static void copy() throws IOException {
        byte[] content = Oss.bytes(PART + 10);
        Oss.put("multipart/source ä", content);
        String upload = initiate("multipart/copied");
        List<PartETag> parts = new ArrayList<>();
        for (long start : new long[] {0, PART}) {
            long size = Math.min(PART, content.length - start);
            parts.add(Oss.CLIENT.uploadPartCopy(new UploadPartCopyRequest(
                    Oss.BUCKET, "multipart/source ä", Oss.BUCKET, "multipart/copied",
                    upload, parts.size() + 1, start, size)).getPartETag());
        }
        complete("multipart/copied", upload, parts);
        Check.same("content", Oss.get("multipart/copied"), content);
    }

    private static List<String> uploads(String prefix) {
        List<String> found = new ArrayList<>();
        ListMultipartUploadsRequest request = new ListMultipartUploadsRequest(Oss.BUCKET);
        request.setPrefix(prefix);
        request.setMaxUploads(1);
        MultipartUploadListing page;
        do {
            page = Oss.CLIENT.listMultipartUploads(request);
            page.getMultipartUploads().forEach(each -> found.add(each.getKey() + " " + each.getUploadId()));
            request.setKeyMarker(page.getNextKeyMarker());
            request.setUploadIdMarker(page.getNextUploadIdMarker());
        } while (page.isTruncated());
        return found;
    }

    private static void abort() throws Exception {
        String one = initiate("abort/1 +");
        String two = initiate("abort/2");
        uploadParts("abort/2", two, Settings.utf8("x"));
        Check.equal("uploads", uploads("abort/"), List.of("abort/1 + " + one, "abort/2 " + two));
        Oss.CLIENT.abortMultipartUpload(new AbortMultipartUploadRequest(Oss.BUCKET, "abort/1 +", one));
        Oss.CLIENT.abortMultipartUpload(new AbortMultipartUploadRequest(Oss.BUCKET, "abort/2", two));
        Check.equal("uploads", uploads("abort/"), List.of());
        Check.refused("NoSuchUpload", () -> Oss.CLIENT.listParts(new ListPartsRequest(Oss.BUCKET, "abort/2", two)));
    }

    private static void uploader() throws Throwable {
        byte[] content = Oss.bytes(5 * PART + 1);
        Path file = Settings.file("uploader.bin", content);
        var stored = Oss.CLIENT.uploadFile(
                new UploadFileRequest(Oss.BUCKET, "uploader/file", file.toString(), PART, 3));
        Check.equal("CRC", stored.getMultipartUploadResult().getServerCRC(), Oss.crcOf(content));
        Check.same("content", Oss.get("uploader/file"), content);
    }

    private static UploadFileRequest resumable(Path file) {
        return new UploadFileRequest(
                Oss.BUCKET, "uploader/resumed", file.toString(), PART, 1, true, file + ".checkpoint");
    }

    private static void uploaderResumes() throws Throwable {
        byte[] content = Oss.bytes(6 * PART);
        Path file = Settings.file("resumed.bin", content);
        AtomicInteger sent = new AtomicInteger();
        UploadFileRequest interrupted = resumable(file);
        interrupted.setProgressListener(event -> {
            if (event.getEventType() == ProgressEventType.REQUEST_BYTE_TRANSFER_EVENT && sent.incrementAndGet() > 3) {
                throw new IllegalStateException("interrupted");
            }
        });
        try {
            Oss.CLIENT.uploadFile(interrupted);
            throw new AssertionError("the upload is not interrupted");
        } catch (IllegalStateException expected) {
            Check.equal("open uploads", uploads("uploader/resumed").size(), 1);
        }
        AtomicInteger more = new AtomicInteger();
        UploadFileRequest resumed = resumable(file);
        resumed.setProgressListener(event -> {
            if (event.getEventType() == ProgressEventType.REQUEST_BYTE_TRANSFER_EVENT) {
                more.incrementAndGet();
            }
        });
        Oss.CLIENT.uploadFile(resumed);
        Check.that("parts are not sent again: " + more, more.get() < 6);
        Check.same("content", Oss.get("uploader/resumed"), content);
        Check.equal("open uploads", uploads("uploader/resumed"), List.of());
    }

    private static void downloader() throws Throwable {
        byte[] content = Oss.bytes(5 * PART + 7);
        Oss.put("downloader", content);
        Path file = Settings.scratch("downloaded.bin");
        Oss.CLIENT.downloadFile(new DownloadFileRequest(Oss.BUCKET, "downloader", file.toString(), PART, 3, true));
        Check.that("the content is the same", Arrays.equals(Files.readAllBytes(file), content));
    }

    private Multipart() {
    }
}
