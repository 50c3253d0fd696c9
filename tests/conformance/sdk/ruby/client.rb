# frozen_string_literal: true

# Sends what the official Ruby SDK sends (github.com/aliyun/aliyun-oss-ruby-sdk, 0.8), over rest-client
# as it does.  The files named below are those of lib/aliyun/ there; the code is ours.
# Questions and answers: python/replayed.py.

require 'base64'
require 'cgi'
require 'digest'
require 'json'
require 'nokogiri'
require 'openssl'
require 'resolv'
require 'rest-client'
require 'time'

# Every name is loopback, as a resolver that knows *.localhost would say.
module ToLoopback
  def open(host, *rest, **options)
    super(host.end_with?('localhost') ? '127.0.0.1' : host, *rest, **options)
  end

  def tcp(host, *rest, **options, &block)
    super(host.end_with?('localhost') ? '127.0.0.1' : host, *rest, **options, &block)
  end
end
TCPSocket.singleton_class.prepend(ToLoopback)
Socket.singleton_class.prepend(ToLoopback)

# oss/http.rb, at its end: payloads say their size by a name in lower case, or not at all.
module RestClient
  module Payload
    class Base
      undef_method :headers
      def headers
        size ? { 'content-length' => size.to_s } : {}
      end
    end
  end
end

def setting(name)
  ENV.fetch("OSSIA_TEST_#{name}")
end

# oss/http.rb, StreamWriter: whatever is uploaded travels in chunks, its size is not told.
class Stream
  def initialize(content)
    @content = StringIO.new(content)
  end

  def read(*arguments)
    @content.read(*arguments)
  end

  def close; end

  def closed?
    false
  end
end

# One question.
class Asked
  def initialize(line)
    @fields = line.split.map do |word|
      name, hex = word.split('=', 2)
      [name, [hex].pack('H*')]
    end
  end

  def all(name)
    @fields.select { |each, _| each == name }.map(&:last)
  end

  # Text where it is text, as the SDK's callers write it.
  def [](name)
    found = all(name).first
    text = found&.dup&.force_encoding('UTF-8')
    text&.valid_encoding? ? text : found
  end

  def headers
    all('header').to_h do |pair|
      name, value = pair.split(': ', 2)
      [name.downcase, value]
    end
  end
end

# oss/http.rb and oss/util.rb.
class Http
  AGENT = "aliyun-sdk-ruby/0.8.0 ruby-#{RUBY_VERSION}/#{RUBY_PLATFORM}"

  def initialize(asked)
    @asked = asked
    @endpoint = URI.parse(setting('ENDPOINT'))
    @is_ip = @endpoint.host.match?(Resolv::IPv4::Regex)
  end

  # get_request_url: keys are encoded as forms are: a blank is "+" (W1), a slash "%2F".
  def url(bucket, key)
    host = bucket && !@is_ip ? "#{bucket}.#{@endpoint.host}" : @endpoint.host
    path = +'/'
    path << "#{bucket}/" if bucket && @is_ip
    path << CGI.escape(key) if key
    "http://#{host}:#{@endpoint.port}#{path}"
  end

  def resource(bucket, key)
    res = +'/'
    res << "#{bucket}/" if bucket
    res << key if key
    res
  end

  # oss/util.rb, get_signature
  def signature(verb, headers, path, sub)
    own = headers.select { |name, _| name.is_a?(String) && name.start_with?('x-oss-') }
    own = own.sort.map { |name, value| "#{name}:".b + value.b.strip + "\n" }
    subs = sub.sort.map { |name, value| value ? "#{name}=#{value}" : name }.join('&')
    path = "#{path}?#{subs}" unless subs.empty?
    string = [verb, headers['content-md5'], headers['content-type'], headers['date']].join("\n")
    digest = OpenSSL::HMAC.digest('sha1', secret, "#{string}\n".b + own.join + path.b)
    Base64.strict_encode64(digest)
  end

  def id
    @asked['id'] || setting('ACCESS_KEY_ID')
  end

  def secret
    @asked['secret'] || setting('ACCESS_KEY_SECRET')
  end

  # do_request
  def request(verb, bucket, key, sub: {}, query: {}, headers: {}, body: nil)
    headers['user-agent'] = AGENT
    headers['date'] = Time.now.httpdate
    headers['content-type'] ||= 'application/octet-stream'
    headers['accept-encoding'] ||= 'identity'
    headers['x-oss-security-token'] = @asked['token'] if @asked['token']
    if body.respond_to?(:read)
      headers['transfer-encoding'] = 'chunked'
    elsif body
      headers['content-md5'] = Base64.strict_encode64(Digest::MD5.digest(body))
    end
    signed = signature(verb, headers, resource(bucket, key), sub)
    headers['authorization'] = "OSS #{id}:#{signed}"
    headers[:params] = sub.merge(query)
    send(method: verb, url: url(bucket, key), headers: headers, payload: body)
  end

  def send(**request)
    answer = nil
    take = ->(response) { answer = response }
    RestClient::Request.execute(**request, max_redirects: 0) { |response, *| take.call(response) }
    answer
  end
end

# sts/protocol.rb: form parameters, a float for a nonce, XML.
class STS
  def initialize(asked, http)
    @asked = asked
    @http = http
  end

  def assume_role
    query = {
      'Action' => 'AssumeRole', 'RoleArn' => setting('ROLE_ARN'),
      'RoleSessionName' => @asked['session'], 'DurationSeconds' => @asked['seconds'],
      'Format' => 'XML', 'Version' => '2015-04-01', 'AccessKeyId' => setting('STS_ACCESS_KEY_ID'),
      'SignatureMethod' => 'HMAC-SHA1', 'SignatureVersion' => '1.0',
      'SignatureNonce' => (rand * 1_000_000_000).to_s, 'Timestamp' => Time.now.utc.iso8601
    }
    query['Signature'] = signature(query)
    @http.send(method: 'POST', url: "http://#{setting('STS_ENDPOINT')}", payload: query)
  end

  # sts/util.rb
  def signature(query)
    pairs = query.sort.map { |pair| pair.map { |each| CGI.escape(each) }.join('=') }.join('&')
    string = "POST&#{CGI.escape('/')}&#{CGI.escape(pairs)}"
    digest = OpenSSL::HMAC.digest('sha1', "#{setting('STS_ACCESS_KEY_SECRET')}&", string)
    Base64.strict_encode64(digest)
  end
end

# oss/protocol.rb and, for URLs, oss/bucket.rb.
class Protocol
  def initialize(asked)
    @asked = asked
    @http = Http.new(asked)
  end

  def answer
    __send__(@asked['op'])
  end

  private

  def object(verb, **options)
    @http.request(verb, @asked['bucket'], @asked['key'], **options)
  end

  def bucket(verb, **options)
    @http.request(verb, @asked['bucket'], nil, **options)
  end

  def list_buckets
    @http.request('GET', nil, nil, query: { 'prefix' => @asked['prefix'] })
  end

  # client.rb creates, then sets the ACL, if one is wanted.
  def create_bucket
    created = bucket('PUT')
    @asked['acl'] && created.code == 200 ? put_bucket_acl : created
  end

  def delete_bucket
    bucket('DELETE')
  end

  def put_bucket_acl
    bucket('PUT', sub: { 'acl' => nil }, headers: { 'x-oss-acl' => @asked['acl'] })
  end

  def get_bucket_acl
    bucket('GET', sub: { 'acl' => nil })
  end

  # put_bucket_lifecycle, get_object_acl, …: they differ in nothing else.
  def setting
    body = @asked['body'] ? { body: @asked['body'] } : {}
    sub = { @asked['sub'] => nil }
    @http.request(@asked['method'], @asked['bucket'], @asked['key'], sub: sub, headers: @asked.headers, **body)
  end

  # oss/struct.rb, Callback#serialize: a "?" follows the URL, whether there is a query or not.
  def headers
    made = { 'content-type' => nil }.merge(@asked.headers)
    return made unless @asked['callback']

    told = JSON.parse(@asked['callback'])
    path, query = told['callbackUrl'].split('?', 2)
    told['callbackUrl'] = "#{path}?#{query}"
    made['x-oss-callback'] = Base64.strict_encode64(JSON.generate(told))
    # The SDK has no variables of its own: they go into the headers that a caller may add.
    made['x-oss-callback-var'] = Base64.strict_encode64(@asked['variables']) if @asked['variables']
    made
  end

  def put
    object('PUT', headers: headers, body: Stream.new(@asked.all('body').first))
  end

  def get
    object('GET', headers: @asked.headers)
  end

  def head
    object('HEAD')
  end

  def delete
    object('DELETE')
  end

  # The source is not encoded: get_resource_path.
  def copy
    source = @http.resource(@asked['bucket'], @asked['source'])
    object('PUT', headers: { 'x-oss-copy-source' => source, 'content-type' => nil })
  end

  def append
    sub = { 'append' => nil, 'position' => @asked['position'].to_i }
    object('POST', sub: sub, headers: headers, body: Stream.new(@asked.all('body').first))
  end

  def list
    query = {
      'prefix' => @asked['prefix'], 'delimiter' => @asked['delimiter'], 'marker' => @asked['marker'],
      'max-keys' => @asked['max'].to_i, 'encoding-type' => 'url'
    }
    bucket('GET', query: query)
  end

  # Written by hand, since keys may have invisible characters.
  def delete_many
    body = +'<?xml version="1.0"?><Delete><Quiet>false</Quiet>'
    @asked.all('name').each do |name|
      body << "<Object><Key>#{CGI.escapeHTML(name.force_encoding('UTF-8'))}</Key></Object>"
    end
    body << '</Delete>'
    bucket('POST', sub: { 'delete' => nil }, query: { 'encoding-type' => 'url' }, body: body)
  end

  def init
    object('POST', sub: { 'uploads' => nil }, headers: headers)
  end

  def part
    sub = { 'partNumber' => @asked['number'].to_i, 'uploadId' => @asked['upload'] }
    object('PUT', sub: sub, body: Stream.new(@asked.all('body').first))
  end

  def list_parts
    object('GET', sub: { 'uploadId' => @asked['upload'] }, query: { 'encoding-type' => 'url' })
  end

  def complete
    parts = @asked.all('part').map { |each| each.split(':', 2) }
    built = Nokogiri::XML::Builder.new do |xml|
      xml.CompleteMultipartUpload do
        parts.each do |number, etag|
          xml.Part do
            xml.PartNumber number
            xml.ETag etag
          end
        end
      end
    end
    told = headers.reject { |name, _| name == 'content-type' }
    object('POST', sub: { 'uploadId' => @asked['upload'] }, headers: told, body: built.to_xml)
  end

  def abort
    object('DELETE', sub: { 'uploadId' => @asked['upload'] })
  end

  # oss/bucket.rb, object_url
  def sign
    query = {}
    query['security-token'] = @asked['token'] if @asked['token']
    headers = { 'date' => @asked['expires'] }.merge(@asked.headers)
    path = @http.resource(@asked['bucket'], @asked['key'])
    signature = @http.signature(@asked['method'], headers, path, query)
    query.merge!('Expires' => @asked['expires'], 'OSSAccessKeyId' => @http.id, 'Signature' => signature)
    pairs = query.map { |name, value| "#{name}=#{CGI.escape(value)}" }.join('&')
    "#{@http.url(@asked['bucket'], @asked['key']).gsub('%2F', '/')}?#{pairs}"
  end

  def assume_role
    STS.new(@asked, @http).assume_role
  end
end

def tell(name, value)
  $stdout.write("#{name}=#{value.unpack1('H*')} ")
end

def answer(answer)
  unless answer.is_a?(RestClient::Response)
    tell('status', '200')
    tell('body', answer)
  else
    answer.net_http_res.each_header { |name, value| tell('header', "#{name}: #{value}") }
    tell('status', answer.code.to_s)
    tell('body', answer.body || '')
  end
end

$stdin.each_line do |line|
  begin
    answer(Protocol.new(Asked.new(line)).answer)
  rescue StandardError => e
    tell('error', "#{e.class}: #{e.message} #{e.backtrace.first(4)}")
  end
  $stdout.write("\n")
  $stdout.flush
end
