import assert from 'node:assert/strict';
import { client, newClient, refused, settings } from './harness.mjs';

const { bucket } = settings;

export async function addressing() {
  const url = new URL((await client.put('where', Buffer.from('x'))).url);
  // For an IP address the URL has no bucket at all: it travels in the Host header.
  const host = new URL(settings.endpoint).host;
  assert.equal(url.host, settings.style === 'virtual' ? `${bucket}.${host}` : host);
  assert.equal(url.pathname, '/where');
}

export async function bucket_lifecycle() {
  const other = `${bucket}-other`;
  const created = await client.putBucket(other, { acl: 'public-read' });
  assert.equal(created.bucket, other);
  const info = (await client.getBucketInfo(other)).bucket;
  assert.equal(info.Name, other);
  assert.equal(info.AccessControlList.Grant, 'public-read');
  assert.equal(info.Location, `oss-${settings.region}`);
  assert.equal(info.StorageClass, 'Standard');
  assert.ok(Math.abs(Date.parse(info.CreationDate) - Date.now()) < 10000);
  assert.equal((await client.getBucketLocation(other)).location, `oss-${settings.region}`);
  const names = [];
  let marker;
  do {
    const page = await client.listBuckets({ prefix: bucket, 'max-keys': 1, ...(marker && { marker }) });
    names.push(...page.buckets.map((each) => each.name));
    marker = page.nextMarker;
  } while (marker);
  assert.deepEqual(names, [bucket, other]);
  await client.deleteBucket(other);
  await refused(newClient({ bucket: other }).list({}), 404, 'NoSuchBucket');
}

export async function bucket_acl() {
  assert.equal((await client.getBucketACL(bucket)).acl, 'private');
  for (const acl of ['public-read-write', 'private']) {
    await client.putBucketACL(bucket, acl);
    assert.equal((await client.getBucketACL(bucket)).acl, acl);
  }
}

export async function bucket_tags() {
  const tags = async () => (await client.getBucketTags(bucket)).tag;
  assert.deepEqual(await tags(), {});
  const wanted = { team: 'red', 'a b': 'c/d:e' };
  await client.putBucketTags(bucket, wanted);
  assert.deepEqual(await tags(), wanted);
  const tagged = async (asked) => (await client.listBuckets({ prefix: bucket, ...asked })).buckets ?? [];
  assert.deepEqual((await tagged({ 'tag-key': 'team', 'tag-value': 'red' })).map((each) => each.name), [bucket]);
  assert.deepEqual(await tagged({ 'tag-key': 'team', 'tag-value': 'blue' }), []);
  await client.deleteBucketTags(bucket);
  assert.deepEqual(await tags(), {});
}

export async function lifecycle() {
  await refused(client.getBucketLifecycle(bucket), 404, 'NoSuchLifecycle');
  const put = (...rules) => client.putBucketLifecycle(bucket, rules);
  // Its older interface leaves days and date where they were.
  await put({ id: 'old', prefix: 'logs/', status: 'Enabled', days: 1 });
  await put({ id: 'old', prefix: 'logs/', status: 'Enabled', date: '2020-02-18T00:00:00.000Z' });
  await put(
    {
      id: 'transition', prefix: 'logs/', status: 'Enabled',
      transition: { createdBeforeDate: '2020-02-18T00:00:00.000Z', storageClass: 'Archive' },
      expiration: { createdBeforeDate: '2020-02-17T00:00:00.000Z' },
      tag: [{ key: 'test', value: '123' }],
    },
    {
      id: 'versions', prefix: 'foo/', status: 'Disabled',
      expiration: { expiredObjectDeleteMarker: 'true' },
      noncurrentVersionTransition: { noncurrentDays: '10', storageClass: 'IA' },
      abortMultipartUpload: { days: 3 },
    },
  );
  const { rules } = await client.getBucketLifecycle(bucket);
  assert.deepEqual(rules.map((each) => [each.id, each.status]), [['transition', 'Enabled'], ['versions', 'Disabled']]);
  assert.equal(rules[0].transition.storageClass, 'Archive');
  assert.deepEqual(rules[0].tag, [{ key: 'test', value: '123' }]);
  assert.equal(rules[1].expiration.expiredObjectDeleteMarker, 'true');
  assert.equal(rules[1].noncurrentVersionTransition.noncurrentDays, '10');
  await put({ id: 'days', prefix: '', status: 'Enabled', expiration: { days: 9 } });
  await client.put('aging', Buffer.from('x'));
  assert.match((await client.head('aging')).res.headers['x-oss-expiration'], /rule-id="days"$/);
  const twice = [['1', 'dir1/'], ['2', 'dir1/dir2/']];
  const overlap = () => put(...twice.map(([id, prefix]) => ({ id, prefix, status: 'Enabled', expiration: { days: 9 } })));
  await refused(overlap(), 400, 'InvalidRequest');
  await client.deleteBucketLifecycle(bucket);
  await refused(client.getBucketLifecycle(bucket), 404, 'NoSuchLifecycle');
}

export async function bucket_cors() {
  const rule = {
    allowedOrigin: ['http://a.example', 'http://*.b.example'],
    allowedMethod: ['PUT', 'GET'],
    allowedHeader: '*',
    exposeHeader: ['ETag', 'x-oss-request-id'],
    maxAgeSeconds: '300',
  };
  await client.putBucketCORS(bucket, [rule]);
  assert.deepEqual((await client.getBucketCORS(bucket)).rules, [rule]);
  await client.deleteBucketCORS(bucket);
  await refused(client.getBucketCORS(bucket), 404, 'NoSuchCORSConfiguration');
}

export async function bucket_worm() {
  const bucket = `${settings.bucket}-worm`;
  const kept = newClient({ bucket });
  await kept.putBucket(bucket);
  await refused(kept.getBucketWorm(bucket), 404, 'NoSuchWORMConfiguration');
  const told = async () => {
    const { wormId, state, days, creationDate } = await kept.getBucketWorm(bucket);
    assert.ok(creationDate);
    return [wormId, state, days];
  };
  const first = (await kept.initiateBucketWorm(bucket, '1')).wormId;
  assert.deepEqual(await told(), [first, 'InProgress', '1']);
  await refused(kept.extendBucketWorm(bucket, first, '2'), 400, 'InvalidWORMConfiguration');
  assert.equal((await kept.abortBucketWorm(bucket)).status, 204);
  await kept.put('k', Buffer.from('kept'));
  const { wormId } = await kept.initiateBucketWorm(bucket, '1');
  await kept.completeBucketWorm(bucket, wormId);
  await kept.extendBucketWorm(bucket, wormId, '2');
  assert.deepEqual(await told(), [wormId, 'Locked', '2']);
  // It does not look at the answer's status, and tells it.
  assert.equal((await kept.abortBucketWorm(bucket)).status, 403);
  await refused(kept.put('k', Buffer.from('other')), 409, 'FileImmutable');
  await refused(kept.delete('k'), 409, 'FileImmutable');
}
