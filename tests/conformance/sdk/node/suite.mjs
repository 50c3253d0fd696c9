// The Node SDK (ali-oss) against a server; see test_sdks.py.
import * as buckets from './buckets.mjs';
import * as callbacks from './callbacks.mjs';
import * as encryption from './encryption.mjs';
import { client, report, settings } from './harness.mjs';
import * as multipart from './multipart.mjs';
import * as objects from './objects.mjs';
import * as policies from './policies.mjs';
import * as presigned from './presigned.mjs';
import * as refusals from './refusals.mjs';
import * as sts from './sts.mjs';
import * as versions from './versions.mjs';

await client.putBucket(settings.bucket);
const withUrls = settings.style === 'virtual' ? presigned : {};
await report(buckets, objects, encryption, versions, policies, multipart, refusals, callbacks, sts, withUrls);
