# Receive upload callbacks with nothing but Ruby's standard library (2.7 or newer).
#
#   ruby receiver.rb 8080 http://127.0.0.1:9000/-/callback/public_key.pem
#   ruby receiver.rb --vectors ../vectors.json
#
# Each argument after the port is the URL of a key to trust, or, with a slash at its end, the place of
# several; without any, the keys of the real OSS are trusted.  LISTEN is the address, 127.0.0.1 by default.
#
# Ruby's standard library has no web server; the class Connection is a small one.  In a Rack application
# the target is env["REQUEST_URI"] (Puma) and the body env["rack.input"].read.

require "json"
require "net/http"
require "openssl"
require "socket"
require "timeout"
require "uri"

OSS_KEY_URLS = ["http://gosspublic.alicdn.com/", "https://gosspublic.alicdn.com/"].freeze
MAX_BODY_BYTES = 1024 * 1024
MAX_KEY_BYTES = 64 * 1024
MAX_KEYS = 64
MAX_LINE_BYTES = 16 * 1024
MAX_HEADERS = 100
TIMEOUT_S = 10
FETCH_TIMEOUT_S = 5
KEY_LIFETIME_S = 300

# The request is not a callback to act on; the message says why.
class NotVerified < StandardError; end

# Your work goes here: the callback is genuine.  The uploading client receives the result.
def uploaded(body)
  puts "verified: #{body}"
  { "Status" => "OK" }
end

# Raises NotVerified unless a trusted key signed target (as in the request line) and body.
def verify(target, headers, body, trusted, fetch)
  signature = decoded(headers, "authorization")
  key_url = decoded(headers, "x-oss-pub-key-url")
  raise NotVerified, "the key URL is not trusted" unless trusted.any? { |place| within?(key_url, place) }

  key = rsa_key(key_url, fetch)
  return if key.verify("MD5", signature, string_to_sign(target, body))

  raise NotVerified, "the signature does not match path, query and body"
end

# The path decoded once, "+" staying; the query raw with its "?", even a bare one; the body as it came.
def string_to_sign(target, body)
  path, mark, query = target.b.partition("?")
  path.gsub(/%\h\h/n) { |escape| escape[1, 2].hex.chr } + mark + query + "\n" + body.b
end

def decoded(headers, name)
  value = headers[name].to_s
  raise NotVerified, "the header #{name} is missing" if value.empty?

  value.unpack1("m0")
rescue ArgumentError
  raise NotVerified, "the header #{name} is not base64"
end

# Whether url is place or, where that ends with a slash, a plain path below it.
#
# The request chooses the URL.  The slash after the host ends the host, and a path without dot
# segments, escapes or a query means the same to everyone who reads it.
def within?(url, place)
  return url == place unless place.end_with?("/")

  url.start_with?(place) && url.delete_prefix(place).match?(%r{\A[\w-][\w.-]*(/[\w-][\w.-]*)*\z})
end

def rsa_key(url, fetch)
  key = OpenSSL::PKey.read(fetch.call(url), "")
  raise "not an RSA key" unless key.is_a?(OpenSSL::PKey::RSA)

  key
rescue StandardError
  raise NotVerified, "the key cannot be fetched or used"
end

# Fetches keys and remembers them for a while.
class Keys
  def initialize
    @known = {}
    @lock = Mutex.new
  end

  def call(url)
    pem, fetched_at = @lock.synchronize { @known[url] }
    return pem if pem && now - fetched_at < KEY_LIFETIME_S

    pem = Timeout.timeout(FETCH_TIMEOUT_S) { download(URI(url)) }
    @lock.synchronize do
      @known.clear if @known.size >= MAX_KEYS
      @known[url] = [pem, now]
    end
    pem
  end

  private

  def now
    Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end

  # Net::HTTP follows no redirects.
  def download(uri)
    pem = +""
    Net::HTTP.start(uri.host, uri.port, use_ssl: uri.scheme == "https") do |http|
      http.max_retries = 0
      http.request_get(uri.request_uri) do |response|
        raise IOError, "status #{response.code}" unless response.code == "200"

        response.read_body do |piece|
          pem << piece
          raise IOError, "too long" if pem.bytesize > MAX_KEY_BYTES
        end
      end
    end
    pem
  end
end

# Reads one request and answers it.
class Connection
  REASONS = { 200 => "OK", 400 => "Bad Request", 405 => "Method Not Allowed" }.freeze

  def initialize(socket, trusted, keys)
    @socket = socket
    @trusted = trusted
    @keys = keys
  end

  def serve
    method, target = line.split(" ")
    headers = read_headers
    return answer(405, refusal("callbacks are POST requests"), "Allow: POST\r\n") unless method == "POST"

    length = headers["content-length"].to_s
    unless length.match?(/\A\d{1,9}\z/) && length.to_i <= MAX_BODY_BYTES
      return answer(400, refusal("the body has no length, or is too long"))
    end

    receive(target, headers, @socket.read(length.to_i).to_s)
  end

  private

  def receive(target, headers, body)
    verify(target, headers, body, @trusted, @keys)
    answer(200, uploaded(body))
  rescue NotVerified => e
    answer(400, refusal(e.message))
  end

  def line
    found = @socket.gets("\n", MAX_LINE_BYTES).to_s
    raise IOError, "no line" unless found.end_with?("\n")

    found.chomp
  end

  def read_headers
    headers = {}
    MAX_HEADERS.times do
      name, _, value = line.partition(":")
      return headers if name.empty?

      headers[name.downcase] = value.strip
    end
    raise IOError, "too many headers"
  end

  # OSS wants exactly 200, a Content-Length, and JSON.
  def answer(status, value, more = "")
    body = JSON.generate(value)
    @socket.write(
      "HTTP/1.1 #{status} #{REASONS.fetch(status)}\r\nContent-Type: application/json\r\n" \
      "Content-Length: #{body.bytesize}\r\nConnection: close\r\n#{more}\r\n#{body}"
    )
  end

  def refusal(reason)
    { "Status" => "verify not ok", "reason" => reason }
  end
end

def serve(port, trusted)
  keys = Keys.new
  server = TCPServer.new(ENV.fetch("LISTEN", "127.0.0.1"), port)
  loop do
    Thread.new(server.accept) do |socket|
      Timeout.timeout(TIMEOUT_S) { Connection.new(socket, trusted, keys).serve }
    rescue SystemCallError, IOError, Timeout::Error
      # The other side is gone, or did not speak HTTP.
    ensure
      socket.close
    end
  end
end

# Check every case of the shared vectors; the number of those that went wrong.
def check_vectors(file)
  vectors = JSON.parse(File.read(file, encoding: "UTF-8"))
  fetch = ->(url) { vectors["keys"].fetch(url) { raise IOError, "no such key" } }
  vectors["cases"].count do |each|
    found, reason = "verified", ""
    begin
      verify(each["target"], each["headers"], each["body"], vectors["trusted_key_urls"], fetch)
    rescue NotVerified => e
      found, reason = "refused", e.message
    end
    puts "#{found == each["expect"] ? "ok" : "FAIL"} #{each["name"]}: #{found} #{reason}".rstrip
    found != each["expect"]
  end
end

$stdout.sync = true
if ARGV.size == 2 && ARGV[0] == "--vectors"
  exit(check_vectors(ARGV[1]).zero?)
elsif ARGV[0].to_s.match?(/\A\d+\z/)
  serve(ARGV[0].to_i, ARGV.size > 1 ? ARGV.drop(1) : OSS_KEY_URLS)
else
  abort("usage: ruby receiver.rb PORT [KEY_URL ...] | --vectors FILE")
end
