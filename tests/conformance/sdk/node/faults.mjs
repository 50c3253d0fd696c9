// What ali-oss shows of callbacks that fail; see test_sdk_faults.py.
import { readFileSync } from 'node:fs';
import { file, newClient } from './harness.mjs';

const cases = JSON.parse(readFileSync(process.env.OSSIA_TEST_FAULTS, 'utf8'));
const clients = new Map();

function clientOf({ endpoint, bucket }) {
  if (!clients.has(endpoint)) clients.set(endpoint, newClient({ endpoint, bucket }));
  return clients.get(endpoint);
}

async function upload(fault) {
  const { operation, key, content, url, body } = fault;
  const client = clientOf(fault);
  const options = { callback: { url, body } };
  if (operation === 'put') return client.put(key, Buffer.from(content), options);
  const { uploadId } = await client.initMultipartUpload(key);
  const { etag } = await client.uploadPart(key, uploadId, 1, file('part.bin', content), 0, content.length);
  return client.completeMultipartUpload(key, uploadId, [{ number: 1, etag }], options);
}

async function show(fault) {
  try {
    const { res, data } = await upload(fault);
    const { etag, 'x-oss-hash-crc64ecma': crc, 'x-oss-request-id': id } = res.headers;
    const body = JSON.stringify(data);
    return { how: 'returned', type: 'Object', status: res.status, etag: etag.replaceAll('"', ''), crc, request_id: id, body };
  } catch (error) {
    const { name, status, code, message, ecCode, requestId } = error;
    return { how: 'raised', type: name, status, code, message, ec: ecCode, request_id: requestId };
  }
}

for (const fault of cases) {
  console.log(JSON.stringify({ case: fault.id, shown: await show(fault) }));
}
process.exit(0);
