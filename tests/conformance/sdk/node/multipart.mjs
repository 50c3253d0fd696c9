import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bytes, client, file, get, newClient, refused, settings } from './harness.mjs';

export const partSize = 100 * 1024;

export async function uploadParts(key, content) {
  const { uploadId } = await client.initMultipartUpload(key, { mime: 'text/plain' });
  const path = file('parts.bin', content);
  const parts = [];
  for (let start = 0; start < content.length; start += partSize) {
    const number = parts.length + 1;
    const end = Math.min(start + partSize, content.length);
    const { etag } = await client.uploadPart(key, uploadId, number, path, start, end);
    parts.push({ number, etag });
  }
  return { uploadId, parts };
}

export async function multipart() {
  const [key, content] = ['multipart/键 +.bin', bytes(2 * partSize + 5)];
  const { uploadId, parts } = await uploadParts(key, content);
  const first = await client.listParts(key, uploadId, { 'max-parts': 2 });
  assert.deepEqual([first.name, first.isTruncated, first.nextPartNumberMarker], [key, 'true', '2']);
  const rest = await client.listParts(key, uploadId, { 'part-number-marker': 2 });
  const listed = [...first.parts, rest.parts].map((each) => ({ number: Number(each.PartNumber), etag: each.ETag }));
  assert.deepEqual(listed, parts);
  const completed = await client.completeMultipartUpload(key, uploadId, parts);
  assert.match(completed.etag, /^"[0-9A-F]{32}-3"$/);
  assert.ok((await client.get(key)).content.equals(content));
  const { headers } = (await client.head(key)).res;
  assert.deepEqual([headers['x-oss-object-type'], headers['content-type']], ['Multipart', 'text/plain']);
}

export async function multipart_copy() {
  const content = bytes(2 * partSize + 10);
  await client.put('multipart/source ä', content);
  const source = { sourceKey: 'multipart/source ä', sourceBucketName: settings.bucket };
  await client.multipartUploadCopy('multipart/copied', source, { partSize, parallel: 2 });
  assert.ok((await client.get('multipart/copied')).content.equals(content));
}

async function uploadsOf(prefix) {
  const found = [];
  for (let marker = {}; ; ) {
    const page = await client.listUploads({ prefix, 'max-uploads': 1, ...marker });
    found.push(...page.uploads.map((each) => `${each.name} ${each.uploadId}`));
    if (!page.isTruncated) return found;
    marker = { 'key-marker': page.nextKeyMarker, 'upload-id-marker': page.nextUploadIdMarker };
  }
}

export async function multipart_abort() {
  const one = await client.initMultipartUpload('abort/1 +');
  const two = await client.initMultipartUpload('abort/2');
  assert.deepEqual(await uploadsOf('abort/'), [`abort/1 + ${one.uploadId}`, `abort/2 ${two.uploadId}`]);
  for (const each of [one, two]) await client.abortMultipartUpload(each.name, each.uploadId);
  assert.deepEqual(await uploadsOf('abort/'), []);
  await refused(client.listParts('abort/2', two.uploadId), 404, 'NoSuchUpload');
}

export async function uploader() {
  const content = bytes(5 * partSize + 1);
  const path = file('uploader.bin', content);
  const stored = await newClient().multipartUpload('uploader/file', path, { partSize, parallel: 3 });
  assert.match(stored.etag, /-6"$/);
  assert.ok((await client.get('uploader/file')).content.equals(content));
  await newClient().multipartUpload('uploader/small', Buffer.from('small'), { partSize });
  assert.equal(await get('uploader/small'), 'small');
}

export async function uploader_resumes() {
  const content = bytes(6 * partSize);
  const path = file('resumed.bin', content);
  const interrupted = newClient();
  let checkpoint;
  const progress = (share, point) => {
    checkpoint = JSON.parse(JSON.stringify(point));
    if (point.doneParts.length === 3) interrupted.cancel();
  };
  const first = interrupted.multipartUpload('uploader/resumed', path, { partSize, parallel: 1, progress });
  await assert.rejects(first, { name: 'cancel' });
  assert.deepEqual(await uploadsOf('uploader/resumed'), [`uploader/resumed ${checkpoint.uploadId}`]);
  let sent = 0;
  const count = (share, point) => {
    if (point) sent += 1;
  };
  await newClient().multipartUpload('uploader/resumed', path, { partSize, parallel: 1, checkpoint, progress: count });
  assert.equal(sent, 3);
  assert.ok((await client.get('uploader/resumed')).content.equals(content));
  assert.deepEqual(await uploadsOf('uploader/resumed'), []);
}

export async function downloader() {
  const content = bytes(5 * partSize + 7);
  await client.put('downloader', content);
  const path = join(settings.scratch, 'downloaded.bin');
  await client.get('downloader', path);
  assert.ok(readFileSync(path).equals(content));
}
