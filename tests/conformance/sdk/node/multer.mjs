// multer-aliyun-oss, the storage of multer over ali-oss, against a server; see test_sdks.py.
import assert from 'node:assert/strict';
import http from 'node:http';
import multer from 'multer';
import aliyunOss from 'multer-aliyun-oss';
import { awkwardKeys, bytes, client, etagOf, fetchPlain, get, newClient, refused, report, settings } from './harness.mjs';
import { assumeRole } from './sts.mjs';

function storageOf(options = {}, filename = undefined) {
  const config = {
    accessKeyId: settings.id,
    accessKeySecret: settings.secret,
    bucket: settings.bucket,
    endpoint: settings.endpoint,
    region: `oss-${settings.region}`,
    authorizationV4: settings.signature === 'v4',
    agent: client.options.agent,
    ...options,
  };
  return aliyunOss({ config, destination: 'multer', ...(filename && { filename }) });
}

// A form with one file, sent to a server that stores it: what the application learns of it.
async function upload(storage, content, name = 'photo.txt') {
  const single = multer({ storage }).single('file');
  const server = http.createServer((request, response) =>
    single(request, response, (error) => {
      response.end(JSON.stringify(error ? { code: error.code, status: error.status, text: error.message } : request.file));
    }),
  );
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  const form = new FormData();
  form.append('file', new Blob([content], { type: 'text/plain' }), name);
  const sent = await fetch(`http://127.0.0.1:${server.address().port}/`, { method: 'POST', body: form });
  const told = await sent.json();
  server.close();
  return told;
}

const named = (name) => (request, file, done) => done(null, name);

async function put_get_head() {
  const content = bytes(300_000);
  const told = await upload(storageOf({}, named('object.bin')), content);
  assert.deepEqual([told.path, told.filename, told.size], ['multer', 'object.bin', content.length]);
  const { headers } = (await client.head('multer/object.bin')).res;
  assert.equal(headers.etag, etagOf(content));
  assert.ok((await client.get('multer/object.bin')).content.equals(content));
  // At an address ali-oss leaves the bucket out of the URL that it tells.
  if (settings.style === 'virtual') assert.equal((await fetchPlain('GET', told.url)).status, 403);
}

async function empty_object() {
  await upload(storageOf({}, named('empty')), new Uint8Array());
  assert.equal(await get('multer/empty'), '');
}

async function awkward_keys() {
  for (const key of awkwardKeys.filter((each) => !each.endsWith('/'))) {
    const told = await upload(storageOf({}, named(key)), key);
    assert.equal(told.code, undefined, `${key}: ${told.text}`);
    assert.equal(await get(`multer/${key}`), key);
  }
}

async function error_no_such_bucket() {
  const told = await upload(storageOf({ bucket: `${settings.bucket}-missing` }), 'x');
  assert.deepEqual([told.status, told.code], [404, 'NoSuchBucket'], told.text);
}

async function error_wrong_secret() {
  const told = await upload(storageOf({ accessKeySecret: 'wrong' }), 'x');
  assert.deepEqual([told.status, told.code], [403, 'SignatureDoesNotMatch'], told.text);
}

async function error_unknown_access_key() {
  const told = await upload(storageOf({ accessKeyId: 'LTAIunknown' }), 'x');
  assert.deepEqual([told.status, told.code], [403, 'InvalidAccessKeyId'], told.text);
}

async function sts_upload() {
  const { accessKeyId, accessKeySecret, stsToken } = (await assumeRole()).options;
  const options = { accessKeyId, accessKeySecret, stsToken, bucket: settings.roleBucket };
  const told = await upload(storageOf(options, named('by-role.txt')), 'hello');
  assert.equal(told.code, undefined, told.text);
  assert.equal((await newClient({ bucket: settings.roleBucket }).get('multer/by-role.txt')).content.toString(), 'hello');
  const elsewhere = await upload(storageOf({ ...options, bucket: settings.bucket }), 'x');
  assert.deepEqual([elsewhere.status, elsewhere.code], [403, 'AccessDenied'], elsewhere.text);
}

await client.putBucket(settings.bucket);
await report({
  put_get_head,
  empty_object,
  awkward_keys,
  error_no_such_bucket,
  error_wrong_secret,
  error_unknown_access_key,
  sts_upload,
});
