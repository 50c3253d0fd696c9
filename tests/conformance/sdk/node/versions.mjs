import assert from 'node:assert/strict';
import { newClient, refused, settings } from './harness.mjs';

export async function versions() {
  const bucket = `${settings.bucket}-versions`;
  const client = newClient({ bucket });
  await client.putBucket(bucket);
  const status = async () => (await client.getBucketVersioning(bucket)).versionStatus;
  const change = async (word) => {
    await client.putBucketVersioning(bucket, word);
    assert.equal(await status(), word);
    assert.equal((await client.getBucketInfo(bucket)).bucket.Versioning, word);
  };
  const told = ({ res }) => res.headers['x-oss-version-id'];
  const store = async (text) => told(await client.put('k', Buffer.from(text)));
  const read = async (key, options) => (await client.get(key, options)).content.toString();
  const listed = async () => {
    const { objects, deleteMarker } = await client.listObjectVersions();
    return [objects.map((each) => [each.name, each.versionId, each.isLatest]), deleteMarker.map((each) => each.versionId)];
  };
  assert.equal(await status(), undefined);
  await change('Enabled');
  const first = await store('1');
  const second = await store('two');
  assert.notEqual(first, second);
  assert.equal(await read('k', { versionId: first }), '1');
  assert.equal(await read('k'), 'two');
  await client.putACL('k', 'public-read', { versionId: first });
  assert.equal((await client.getACL('k', { versionId: first })).acl, 'public-read');
  assert.equal((await client.getACL('k')).acl, 'default');

  const deleted = await client.delete('k');
  const marker = told(deleted);
  assert.equal(deleted.res.headers['x-oss-delete-marker'], 'true');
  await refused(client.get('k'), 404, 'NoSuchKey');
  const pair = [second, first].map((version) => ['k', version, false]);
  assert.deepEqual(await listed(), [pair, [marker]]);
  const copied = await client.copy('copied', 'k', { versionId: first });
  assert.equal(copied.res.headers['x-oss-copy-source-version-id'], first);
  assert.equal(await read('copied'), '1');
  assert.equal(told(await client.delete('copied', { versionId: told(copied) })), told(copied));

  const several = [first, second, marker].map((versionId) => ({ key: 'k', versionId }));
  assert.deepEqual((await client.deleteMulti(several)).deleted, [
    { Key: 'k', VersionId: first },
    { Key: 'k', VersionId: second },
    { Key: 'k', VersionId: marker, DeleteMarker: 'true', DeleteMarkerVersionId: marker },
  ]);
  assert.deepEqual(await listed(), [[], []]);

  await change('Suspended');
  assert.equal(await store('x'), 'null');
  await refused(client.deleteBucket(bucket), 409, 'BucketNotEmpty');
  await client.delete('k', { versionId: 'null' });
  await client.deleteBucket(bucket);
}
