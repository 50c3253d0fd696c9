// The Node SDK (ali-oss) against a server; see test_sdks.py.
import * as buckets from './buckets.mjs';
import * as callbacks from './callbacks.mjs';
import { client, report, settings } from './harness.mjs';
import * as multipart from './multipart.mjs';
import * as objects from './objects.mjs';
import * as presigned from './presigned.mjs';
import * as refusals from './refusals.mjs';
import * as sts from './sts.mjs';

await client.putBucket(settings.bucket);
await report(buckets, objects, multipart, refusals, callbacks, sts, settings.style === 'virtual' ? presigned : {});
