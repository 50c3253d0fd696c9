# frozen_string_literal: true

# fog-aliyun, Debian's Ruby client, against a server; see test_sdks.py.

require 'digest'
require 'fog/aliyun'
require 'json'
require 'resolv'
require 'socket'
require 'stringio'

def setting(name)
  ENV.fetch("OSSIA_TEST_#{name}")
end

PORT = URI.parse(setting('ENDPOINT')).port
BUCKET = setting('PREFIX')
TREE = %w[a.txt b/1.txt b/2.txt c/d/3.txt e.txt].freeze

# The client goes to BUCKET.oss-REGION.aliyuncs.com, port 80, wherever it is told that the service is:
# those names are loopback here, and that port is the server's.
class Resolv
  def each_address(_name)
    yield '127.0.0.1'
  end
end

module ToServer
  def sockaddr_in(port, host)
    super(port == 80 ? PORT : port, host)
  end
end
Socket.singleton_class.prepend(ToServer)

def storage_of(options = {})
  Fog::Storage.new(
    {
      provider: 'Aliyun', aliyun_accesskey_id: setting('ACCESS_KEY_ID'),
      aliyun_accesskey_secret: setting('ACCESS_KEY_SECRET'), aliyun_oss_bucket: BUCKET,
      aliyun_region_id: setting('REGION')
    }.merge(options)
  )
end

STORAGE = storage_of

def equal(what, got, want)
  raise "#{what}: got #{got.inspect[0, 900]}, want #{want.inspect[0, 900]}" unless got == want
end

def refused(status, code)
  yield
rescue Fog::Errors::NotFound, Excon::Error::HTTPStatus => e
  response = e.respond_to?(:response) ? e.response : nil
  text = response ? response.body : e.message
  equal('status', response.status, status) if response
  raise "wanted #{code}: #{text}" unless text.include?("<Code>#{code}</Code>")
else
  raise "not refused; wanted #{status} #{code}"
end

def content_of(key)
  STORAGE.get_object(key)[:body]
end

CASES = {
  bucket_lifecycle: lambda {
    other = "#{BUCKET}-other"
    STORAGE.put_bucket(other)
    found = STORAGE.list_buckets(prefix: BUCKET)['Bucket'].map { |each| each['Name'][0] }
    equal('buckets', found, [BUCKET, other])
    equal('location', STORAGE.get_bucket_location(other), "oss-#{setting('REGION')}")
    STORAGE.delete_bucket(other)
    refused(404, 'NoSuchBucket') { STORAGE.get_bucket_acl(other) }
  },
  bucket_acl: -> { equal('ACL', STORAGE.get_bucket_acl(BUCKET), 'private') },
  put_get_head: lambda {
    content = Random.new(1).bytes(300_000)
    STORAGE.put_object('put/object.bin', StringIO.new(content))
    equal('digest', Digest::MD5.hexdigest(content_of('put/object.bin')), Digest::MD5.hexdigest(content))
    headers = STORAGE.head_object('put/object.bin').headers
    equal('ETag', headers['ETag'], "\"#{Digest::MD5.hexdigest(content).upcase}\"")
    equal('length', headers['Content-Length'], '300000')
  },
  empty_object: lambda {
    STORAGE.put_object_with_body('empty', '')
    equal('content', content_of('empty'), '')
  },
  list: lambda {
    TREE.each { |name| STORAGE.put_object_with_body("list/#{name}", name) }
    page = STORAGE.list_objects(prefix: 'list/', delimiter: '/', maxKeys: '2')
    equal('keys', page['Contents'].map { |each| each['Key'][0] }, ['list/a.txt'])
    equal('prefixes', page['CommonPrefixes'].map { |each| each['Prefix'][0] }, ['list/b/'])
    marker = page['NextMarker'][0]
    page = STORAGE.list_objects(prefix: 'list/', delimiter: '/', marker: marker, maxKeys: '100')
    equal('keys', page['Contents'].map { |each| each['Key'][0] }, ['list/e.txt'])
    folder = STORAGE.directories.create(key: 'list')
    equal('files', folder.files.map(&:key).sort, TREE.map { |name| "list/#{name}" })
  },
  copy: lambda {
    STORAGE.put_object_with_body('copy/source', 'content')
    STORAGE.copy_object(BUCKET, 'copy/source', BUCKET, 'copy/same')
    equal('content', content_of('copy/same'), 'content')
  },
  ranges: lambda {
    STORAGE.put_object_with_body('ranges', '0123456789')
    found = STORAGE.get_object('ranges', '2-4')
    equal('bytes 2 to 4', [found[:status], found[:body]], [206, '234'])
  },
  multipart: lambda {
    # Its parts have 5 MB; put_object does this above 100 MB.
    content = Random.new(2).bytes(6_000_000)
    STORAGE.put_multipart_object(BUCKET, 'multipart.bin', StringIO.new(content))
    equal('digest', Digest::MD5.hexdigest(content_of('multipart.bin')), Digest::MD5.hexdigest(content))
    equal('type', STORAGE.head_object('multipart.bin').headers['x-oss-object-type'], 'Multipart')
  },
  multipart_abort: lambda {
    upload = STORAGE.initiate_multipart_upload(BUCKET, 'abort.bin', nil)
    STORAGE.upload_part(BUCKET, 'abort.bin', nil, '1', upload, 'x')
    found = STORAGE.list_multipart_uploads(BUCKET, nil)
    equal('uploads', found.map { |each| each['UploadId'][0] }, [upload])
    STORAGE.abort_multipart_upload(BUCKET, 'abort.bin', nil, upload)
    equal('uploads', STORAGE.list_multipart_uploads(BUCKET, nil), nil)
  },
  error_no_such_key: lambda {
    found = STORAGE.get_object('no-such-key')
    equal('status', found[:status], 404)
    raise found[:body] unless found[:body].include?('<Code>NoSuchKey</Code>')
  },
  error_no_such_bucket: lambda {
    missing = storage_of(aliyun_oss_bucket: "#{BUCKET}-missing")
    refused(404, 'NoSuchBucket') { missing.put_object_with_body('k', 'x') }
  },
  error_wrong_secret: lambda {
    stranger = storage_of(aliyun_accesskey_secret: 'wrong')
    refused(403, 'SignatureDoesNotMatch') { stranger.get_object('k') }
  },
  error_unknown_access_key: lambda {
    stranger = storage_of(aliyun_accesskey_id: 'LTAIunknown')
    refused(403, 'InvalidAccessKeyId') { stranger.get_object('k') }
  },
  error_bucket_not_empty: lambda {
    STORAGE.put_object_with_body('something', 'x')
    refused(409, 'BucketNotEmpty') { STORAGE.delete_bucket(BUCKET) }
  },
  error_of_head: -> { equal('status', STORAGE.head_object('no-such-key').status, 404) }
}.freeze

STORAGE.put_bucket(BUCKET)
CASES.each do |name, run|
  detail = ''
  begin
    run.call
  rescue StandardError => e
    places = e.backtrace.grep(/#{Regexp.escape(__FILE__)}/).first(3).map { |each| "\n  at #{File.basename(each)}" }
    detail = "#{e.class}: #{e.message[0, 1500]}#{places.join}"
  end
  puts JSON.generate('case' => name, 'ok' => detail.empty?, 'detail' => detail)
end
