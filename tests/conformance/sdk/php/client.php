<?php
// Sends what the PHP SDK sends (github.com/aliyun/aliyun-oss-php-sdk), over ext-curl as it does.
//
// The files named below are those of src/OSS/ there: OssClient.php, 2.3, for the requests and V1, where
// auth() signs; Signer/SignerV4.php, 2.7, for V4.  The code is ours.
// Questions and answers: python/replayed.py.

declare(strict_types=1);

function setting(string $name): string
{
    return (string) getenv("OSSIA_TEST_$name");
}

/** One question. */
final class Asked
{
    /** @var array<string, list<string>> */
    private array $fields = [];

    public function __construct(string $line)
    {
        foreach (explode(' ', trim($line)) as $word) {
            [$name, $hex] = explode('=', $word, 2);
            $this->fields[$name][] = (string) hex2bin($hex);
        }
    }

    public function has(string $name): bool
    {
        return isset($this->fields[$name]);
    }

    public function get(string $name, string $otherwise = ''): string
    {
        return $this->fields[$name][0] ?? $otherwise;
    }

    /** @return list<string> */
    public function all(string $name): array
    {
        return $this->fields[$name] ?? [];
    }

    /** @return array<string, string> */
    public function headers(): array
    {
        $made = [];
        foreach ($this->all('header') as $pair) {
            [$name, $value] = explode(': ', $pair, 2);
            $made[$name] = $value;
        }
        return $made;
    }
}

/** Core/OssUtil.php, toQueryString: "=" follows an empty value, too. */
function to_query_string(array $options): string
{
    uksort($options, 'strnatcasecmp');
    $pairs = [];
    foreach ($options as $name => $value) {
        $pairs[] = rawurlencode((string) $name) . '=' . rawurlencode((string) $value);
    }
    return implode('&', $pairs);
}

/** A request, as OssClient::auth() makes it from its options. */
final class Request
{
    private string $hostname;
    private bool $is_ip;
    /** @var array<string, string> */
    private array $headers = [];
    private string $url = '';
    private string $resource = '';

    /**
     * @param array{method: string, bucket: string, object: string, sub?: string, signed?: array,
     *     query?: array, headers?: array, content?: string, type?: string, date?: string} $options
     */
    public function __construct(private Asked $asked, private array $options)
    {
        $endpoint = substr(setting('ENDPOINT'), strlen('http://'));
        // Core/OssUtil.php, isIPFormat
        $this->is_ip = filter_var(explode(':', $endpoint)[0], FILTER_VALIDATE_IP) !== false;
        $bucket = $options['bucket'];
        $this->hostname = $this->is_ip || $bucket === '' ? $endpoint : "$bucket.$endpoint";
    }

    /** generateResourceUri and generateSignableResource: "%" is not encoded, "/" neither. */
    private function place(): void
    {
        ['bucket' => $bucket, 'object' => $object] = $this->options;
        $sub = isset($this->options['sub']) ? '?' . $this->options['sub'] : '';
        $key = $object === '/' ? ''
            : '/' . str_replace(['%2F', '%25'], ['/', '%'], rawurlencode($object));
        $path = ($this->is_ip && $bucket !== '' ? "/$bucket" : '') . $key . $sub;
        // At an address a bucket has no slash, neither in what is sent nor in what is signed (W42).
        $slash = $bucket !== '' && $object === '/' && !$this->is_ip ? '/' : '';
        $this->resource = '/' . $bucket . $slash . $key . $sub;
        $signed = to_query_string($this->options['signed'] ?? []);
        $query = to_query_string($this->options['query'] ?? []);
        $this->url = 'http://' . $this->hostname . $path;
        $conjunction = $sub === '' ? '?' : '&';
        foreach ([$signed, $query] as $part) {
            if ($part !== '') {
                $this->url .= $conjunction . $part;
                $conjunction = '&';
            }
        }
        $this->signed = $signed === '' ? '' : ($sub === '' ? '?' : '&') . $signed;
        $this->conjunction = $conjunction;
    }

    private string $signed = '';
    private string $conjunction = '?';

    /** generateHeaders, and what auth() adds. */
    private function make_headers(): void
    {
        $headers = [
            'Content-Md5' => '',
            'Content-Type' => $this->options['type'] ?? 'application/octet-stream',
            'Date' => $this->options['date'] ?? gmdate('D, d M Y H:i:s \G\M\T'),
            'Host' => $this->hostname,
        ];
        if ($this->asked->has('token') && !$this->is_presigned()) {
            $headers['x-oss-security-token'] = $this->asked->get('token');
        }
        $headers = array_merge($headers, $this->options['headers'] ?? []);
        if (isset($this->options['content'])) {
            if ($headers['Content-Type'] === 'application/x-www-form-urlencoded') {
                $headers['Content-Type'] = 'application/octet-stream';
            }
            $headers['Content-Length'] = (string) strlen($this->options['content']);
            $headers['Content-Md5'] = base64_encode(md5($this->options['content'], true));
        }
        foreach (['callback' => 'x-oss-callback', 'variables' => 'x-oss-callback-var'] as $field => $name) {
            if ($this->asked->has($field)) {
                $headers[$name] = base64_encode($this->asked->get($field));
            }
        }
        $headers['Accept-Encoding'] ??= '';
        uksort($headers, 'strnatcasecmp');
        foreach ($headers as $name => $value) {
            $value = str_replace(["\r", "\n"], '', $value);
            if ($value !== '' || $name === 'Accept-Encoding') {
                $this->headers[$name] = $value;
            }
        }
    }

    private function is_presigned(): bool
    {
        return $this->asked->get('op') === 'sign';
    }

    private function id(): string
    {
        return $this->asked->get('id', setting('ACCESS_KEY_ID'));
    }

    private function secret(): string
    {
        return $this->asked->get('secret', setting('ACCESS_KEY_SECRET'));
    }

    /** auth(), from $string_to_sign on; stringToSignSorted sorts what follows the last "?". */
    private function signature_v1(): string
    {
        $lines = ['content-md5' => '', 'content-type' => '', 'date' => ''];
        $own = '';
        foreach ($this->headers as $name => $value) {
            $low = strtolower($name);
            if (isset($lines[$low])) {
                $lines[$low] = $value;
            } elseif (str_starts_with($low, 'x-oss-')) {
                $own .= "$low:$value\n";
            }
        }
        $string = $this->options['method'] . "\n" . implode("\n", $lines) . "\n" . $own;
        $string .= rawurldecode($this->resource) . urldecode($this->signed);
        $parts = explode('?', $string);
        if (count($parts) > 1) {
            $params = explode('&', end($parts));
            sort($params);
            $string = $parts[0] . '?' . implode('&', $params);
        }
        return base64_encode(hash_hmac('sha1', $string, $this->secret(), true));
    }

    /** Signer/SignerV4.php, calcCanonicalRequest and calcSignature. */
    private function signature_v4(string $moment, string $scope, array $query): string
    {
        ['bucket' => $bucket, 'object' => $object] = $this->options;
        $path = '/' . ($bucket === '' ? '' : "$bucket/") . ($object === '/' ? '' : $object);
        $pairs = [];
        foreach ($query as $name => $value) {
            $pairs[rawurlencode((string) $name)] = rawurlencode((string) $value);
        }
        ksort($pairs);
        $joined = [];
        foreach ($pairs as $name => $value) {
            $joined[] = $value === '' ? (string) $name : "$name=$value";
        }
        $signed = [];
        foreach ($this->headers as $name => $value) {
            $low = strtolower($name);
            if (str_starts_with($low, 'x-oss-') || $low === 'content-type' || $low === 'content-md5') {
                $signed[$low] = trim($value);
            }
        }
        ksort($signed);
        $lines = '';
        foreach ($signed as $name => $value) {
            $lines .= "$name:$value\n";
        }
        $canonical = implode("\n", [
            $this->options['method'], str_replace('%2F', '/', rawurlencode($path)),
            implode('&', $joined), $lines, '', 'UNSIGNED-PAYLOAD',
        ]);
        $string = "OSS4-HMAC-SHA256\n$moment\n$scope\n" . hash('sha256', $canonical);
        $key = 'aliyun_v4' . $this->secret();
        foreach (explode('/', $scope) as $step) {
            $key = hash_hmac('sha256', $step, $key, true);
        }
        return hash_hmac('sha256', $string, $key);
    }

    /** @return array{string, string} the moment and the scope of a V4 signature */
    private function scope(): array
    {
        $moment = gmdate('Ymd\THis\Z');
        return [$moment, substr($moment, 0, 8) . '/' . setting('REGION') . '/oss/aliyun_v4_request'];
    }

    /** Both signers read the query from the URL. */
    private function query(): array
    {
        parse_str((string) parse_url($this->url, PHP_URL_QUERY), $query);
        return $query;
    }

    private function sign(): void
    {
        if (setting('SIGNATURE') === 'v1') {
            $this->headers['Authorization'] = 'OSS ' . $this->id() . ':' . $this->signature_v1();
            return;
        }
        [$moment, $scope] = $this->scope();
        $this->headers['x-oss-date'] = $moment;
        $this->headers['x-oss-content-sha256'] = 'UNSIGNED-PAYLOAD';
        $signature = $this->signature_v4($moment, $scope, $this->query());
        $this->headers['Authorization']
            = 'OSS4-HMAC-SHA256 Credential=' . $this->id() . "/$scope,Signature=$signature";
    }

    /** signUrl: OSS_PREAUTH in auth(), or SignerV4::presign. */
    public function url(): string
    {
        $expires = $this->asked->get('expires');
        $is_v1 = setting('SIGNATURE') === 'v1';
        if ($is_v1) {
            $this->options['date'] = $expires;
        }
        if ($is_v1 && $this->asked->has('token')) {
            $this->options['signed'] = ['security-token' => $this->asked->get('token')];
        }
        $this->place();
        $this->make_headers();
        if ($is_v1) {
            return $this->url . $this->conjunction . 'OSSAccessKeyId=' . rawurlencode($this->id())
                . "&Expires=$expires&Signature=" . rawurlencode($this->signature_v1());
        }
        [$moment, $scope] = $this->scope();
        $query = $this->query();
        if ($this->asked->has('token')) {
            $query['x-oss-security-token'] = $this->asked->get('token');
        }
        $query['x-oss-signature-version'] = 'OSS4-HMAC-SHA256';
        $query['x-oss-date'] = $moment;
        $query['x-oss-expires'] = (string) ((int) $expires - time());
        $query['x-oss-credential'] = $this->id() . "/$scope";
        $query['x-oss-signature'] = $this->signature_v4($moment, $scope, $query);
        return explode('?', $this->url)[0] . '?' . to_query_string($query);
    }

    /** Http/RequestCore.php, prep_request. */
    public function send(): void
    {
        $this->place();
        $this->make_headers();
        $this->sign();
        $curl = curl_init();
        $lines = [];
        foreach ($this->headers as $name => $value) {
            $lines[] = "$name: $value";
        }
        curl_setopt_array($curl, [
            CURLOPT_URL => $this->url,
            CURLOPT_FILETIME => true,
            CURLOPT_FRESH_CONNECT => false,
            CURLOPT_MAXREDIRS => 5,
            CURLOPT_RETURNTRANSFER => true,
            CURLOPT_TIMEOUT => 60,
            CURLOPT_CONNECTTIMEOUT => 10,
            CURLOPT_NOSIGNAL => true,
            CURLOPT_REFERER => $this->url,
            CURLOPT_USERAGENT => 'aliyun-sdk-php/2.3.1 (' . php_uname('s') . '/' . php_uname('r') . '/'
                . php_uname('m') . ';' . PHP_VERSION . ')',
            CURLOPT_FOLLOWLOCATION => true,
            CURLOPT_ENCODING => '',
            CURLOPT_HTTPHEADER => $lines,
            CURLOPT_CUSTOMREQUEST => $this->options['method'],
            CURLOPT_HEADERFUNCTION => $this->tell_header(...),
            // Names are loopback.
            CURLOPT_CONNECT_TO => ['::127.0.0.1:' . parse_url(setting('ENDPOINT'), PHP_URL_PORT)],
        ]);
        if ($this->options['method'] === 'HEAD') {
            curl_setopt($curl, CURLOPT_NOBODY, 1);
        } else {
            // An empty body, too, GET included.
            curl_setopt($curl, CURLOPT_POSTFIELDS, $this->options['content'] ?? '');
        }
        $body = curl_exec($curl);
        if ($body === false) {
            tell('error', curl_error($curl));
            return;
        }
        tell('status', (string) curl_getinfo($curl, CURLINFO_RESPONSE_CODE));
        tell('body', (string) $body);
    }

    private function tell_header(CurlHandle $curl, string $line): int
    {
        if (str_contains($line, ':')) {
            tell('header', $line);
        }
        return strlen($line);
    }
}

function tell(string $name, string $value): void
{
    echo $name, '=', bin2hex($value), ' ';
}

/** Core/MimeTypes.php */
function mime_type(string $key): string
{
    $known = ['txt' => 'text/plain', 'xml' => 'text/xml'];
    $suffix = strtolower(pathinfo($key, PATHINFO_EXTENSION));
    return $known[$suffix] ?? 'application/octet-stream';
}

/** Core/OssUtil.php, createDeleteObjectsXmlBody; sReplace writes the entities. */
function delete_objects_xml(array $keys): string
{
    $xml = new SimpleXMLElement('<?xml version="1.0" encoding="utf-8"?><Delete></Delete>');
    $xml->addChild('Quiet', 'false');
    foreach ($keys as $key) {
        $escaped = str_replace(
            ['&', '<', '>', "'", '"'],
            ['&amp;', '&lt;', '&gt;', '&apos;', '&quot;'],
            $key
        );
        $xml->addChild('Object')->addChild('Key', $escaped);
    }
    return (string) $xml->asXML();
}

/** Core/OssUtil.php, createCompleteMultipartUploadXmlBody */
function complete_xml(array $parts): string
{
    $empty = '<?xml version="1.0" encoding="utf-8"?><CompleteMultipartUpload></CompleteMultipartUpload>';
    $xml = new SimpleXMLElement($empty);
    foreach ($parts as $part) {
        [$number, $etag] = explode(':', $part, 2);
        $node = $xml->addChild('Part');
        $node->addChild('PartNumber', $number);
        $node->addChild('ETag', $etag);
    }
    return (string) $xml->asXML();
}

/** @return array<string, string> */
function pairs(Asked $asked, string $field): array
{
    $made = [];
    foreach ($asked->all($field) as $pair) {
        [$name, $value] = explode(': ', $pair, 2);
        $made[$name] = $value;
    }
    return $made;
}

/** The operations of OssClient.php: the options that each hands to auth(). */
function options(Asked $asked): array
{
    $key = $asked->get('key');
    $of_bucket = ['bucket' => $asked->get('bucket'), 'object' => '/'];
    $of_object = ['bucket' => $asked->get('bucket'), 'object' => $key];
    $headers = $asked->headers();
    $typed = ['headers' => $headers, 'type' => mime_type($key)];
    $upload = ['uploadId' => $asked->get('upload')];
    $xml = ['type' => 'application/xml'];
    return match ($asked->get('op')) {
        'list_buckets' => ['method' => 'GET', 'bucket' => '', 'object' => '/',
            'query' => ['prefix' => $asked->get('prefix')]],
        'create_bucket' => ['method' => 'PUT', 'headers' => ['x-oss-acl' => $asked->get('acl')]] + $of_bucket,
        'delete_bucket' => ['method' => 'DELETE'] + $of_bucket,
        'put_bucket_acl' => ['method' => 'PUT', 'sub' => 'acl',
            'headers' => ['x-oss-acl' => $asked->get('acl')]] + $of_bucket,
        'get_bucket_acl' => ['method' => 'GET', 'sub' => 'acl'] + $of_bucket,
        'list' => ['method' => 'GET', 'query' => [
            'encoding-type' => 'url', 'delimiter' => $asked->get('delimiter'),
            'prefix' => $asked->get('prefix'), 'max-keys' => $asked->get('max'),
            'marker' => $asked->get('marker')]] + $of_bucket,
        'delete_many' => ['method' => 'POST', 'sub' => 'delete',
            'content' => delete_objects_xml($asked->all('name'))] + $xml + $of_bucket,
        'put' => ['method' => 'PUT', 'content' => $asked->get('body')] + $typed + $of_object,
        'get' => ['method' => 'GET', 'headers' => $headers] + $of_object,
        'head' => ['method' => 'HEAD'] + $of_object,
        'delete' => ['method' => 'DELETE'] + $of_object,
        'copy' => ['method' => 'PUT', 'headers' => ['x-oss-copy-source' => '/' . $asked->get('bucket')
            . '/' . rawurlencode($asked->get('source'))]] + $of_object,
        'append' => ['method' => 'POST', 'sub' => 'append', 'content' => $asked->get('body'),
            'signed' => ['position' => $asked->get('position')]] + $typed + $of_object,
        'init' => ['method' => 'POST', 'sub' => 'uploads', 'content' => ''] + $typed + $of_object,
        'part' => ['method' => 'PUT', 'content' => $asked->get('body'),
            'signed' => ['partNumber' => $asked->get('number')] + $upload] + $of_object,
        'list_parts' => ['method' => 'GET', 'signed' => $upload,
            'query' => ['encoding-type' => 'url']] + $of_object,
        'complete' => ['method' => 'POST', 'signed' => $upload,
            'content' => complete_xml($asked->all('part'))] + $xml + $of_object,
        'abort' => ['method' => 'DELETE', 'signed' => $upload] + $of_object,
        // putBucketLifecycle, getBucketStat, abortBucketWorm, putObjectAcl, …: they differ in nothing else.
        'setting' => ['method' => $asked->get('method'), 'headers' => $headers]
            + ($asked->has('sub') ? ['sub' => $asked->get('sub')] : [])
            + ($asked->has('body') ? ['content' => $asked->get('body')] : [])
            + ($asked->has('type') ? ['type' => $asked->get('type')] : [])
            + ['signed' => pairs($asked, 'signed'), 'query' => pairs($asked, 'query')]
            + ($key === '' ? $of_bucket : $of_object),
        'sign' => ['method' => $asked->get('method'), 'headers' => $headers, 'type' => ''] + $of_object,
    };
}

while (($line = fgets(STDIN)) !== false) {
    try {
        $asked = new Asked($line);
        $request = new Request($asked, options($asked));
        if ($asked->get('op') === 'sign') {
            tell('status', '200');
            tell('body', $request->url());
        } else {
            $request->send();
        }
    } catch (Throwable $error) {
        tell('error', $error::class . ': ' . $error->getMessage() . ' at ' . $error->getLine());
    }
    echo "\n";
}
