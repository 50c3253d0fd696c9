<?php
// Receive upload callbacks with nothing but PHP (8.1 or newer) and its openssl extension.
//
//   KEY_URLS=http://127.0.0.1:9000/-/callback/public_key.pem php -S 127.0.0.1:8080 receiver.php
//   php receiver.php --vectors ../vectors.json
//
// KEY_URLS holds the URLs of keys to trust, separated by spaces; one with a slash at its end is the place
// of several.  Without it, the keys of the real OSS are trusted.  KEY_CACHE is a folder for fetched keys,
// which nobody else may write to.
//
// Behind Apache, PHP sees no Authorization header unless told:  CGIPassAuth On   or
// SetEnvIf Authorization "(.*)" HTTP_AUTHORIZATION=$1

declare(strict_types=1);

const OSS_KEY_URLS = ['http://gosspublic.alicdn.com/', 'https://gosspublic.alicdn.com/'];
const MAX_BODY_BYTES = 1024 * 1024;
const MAX_KEY_BYTES = 64 * 1024;
const MAX_KEYS = 64;
const FETCH_TIMEOUT_S = 5;
const KEY_LIFETIME_S = 300;

final class NotVerified extends Exception
{
}

/** Your work goes here: the callback is genuine.  The uploading client receives the result. */
function uploaded(string $body): array
{
    error_log("verified: $body");
    return ['Status' => 'OK'];
}

/** Throws NotVerified unless a trusted key signed $target (as in the request line) and $body. */
function verify(string $target, array $headers, string $body, array $trusted, callable $fetch): void
{
    $signature = decoded($headers, 'authorization');
    $keyUrl = decoded($headers, 'x-oss-pub-key-url');
    if (!array_filter($trusted, fn (string $place): bool => is_within($keyUrl, $place))) {
        throw new NotVerified('the key URL is not trusted');
    }
    $pem = $fetch($keyUrl);
    $key = $pem === null ? false : openssl_pkey_get_public($pem);
    if ($key === false || openssl_pkey_get_details($key)['type'] !== OPENSSL_KEYTYPE_RSA) {
        throw new NotVerified('the key cannot be fetched or used');
    }
    // The path is decoded once, and "+" stays; the query is raw and keeps its "?", even a bare one.
    $mark = strcspn($target, '?');
    $signed = rawurldecode(substr($target, 0, $mark)) . substr($target, $mark) . "\n" . $body;
    if (openssl_verify($signed, $signature, $key, OPENSSL_ALGO_MD5) !== 1) {
        throw new NotVerified('the signature does not match path, query and body');
    }
}

function decoded(array $headers, string $name): string
{
    $value = $headers[$name] ?? '';
    if ($value === '') {
        throw new NotVerified("the header $name is missing");
    }
    $bytes = base64_decode($value, true);
    if ($bytes === false) {
        throw new NotVerified("the header $name is not base64");
    }
    return $bytes;
}

/**
 * Whether $url is $place or, where that ends with a slash, a plain path below it.
 *
 * The request chooses the URL.  The slash after the host ends the host, and a path without dot
 * segments, escapes or a query means the same to everyone who reads it.
 */
function is_within(string $url, string $place): bool
{
    if (!str_ends_with($place, '/')) {
        return $url === $place;
    }
    $below = substr($url, strlen($place));
    return str_starts_with($url, $place) && preg_match('~\A[\w-][\w.-]*(/[\w-][\w.-]*)*\z~', $below) === 1;
}

/** The PEM file behind $url, or null; remembered for a while in files, since PHP forgets everything. */
function fetch_key(string $url): ?string
{
    $folder = key_folder();
    $file = $folder === null ? null : $folder . '/' . hash('sha256', $url) . '.pem';
    if ($file !== null && is_file($file) && time() - filemtime($file) < KEY_LIFETIME_S) {
        return file_get_contents($file);
    }
    $pem = download($url);
    if ($pem !== null && $file !== null) {
        remember($file, $pem);
    }
    return $pem;
}

function download(string $url): ?string
{
    $options = ['timeout' => FETCH_TIMEOUT_S, 'follow_location' => 0];
    $stream = @fopen($url, 'rb', false, stream_context_create(['http' => $options]));
    if ($stream === false) {
        return null;
    }
    $status = stream_get_meta_data($stream)['wrapper_data'][0];
    $pem = stream_get_contents($stream, MAX_KEY_BYTES);
    fclose($stream);
    // A redirect is not an error to PHP.
    return preg_match('~^HTTP/[\d.]+ 200\b~', $status) && $pem !== false ? $pem : null;
}

/** A folder that only we can write to: whoever can put a key there can sign callbacks. */
function key_folder(): ?string
{
    $folder = getenv('KEY_CACHE') ?: sys_get_temp_dir() . '/callback-keys-' . get_current_user();
    if (!is_dir($folder)) {
        @mkdir($folder, 0700);
    }
    clearstatcache();
    $is_ours = is_dir($folder) && !is_link($folder) && function_exists('posix_geteuid')
        && fileowner($folder) === posix_geteuid() && (fileperms($folder) & 0022) === 0;
    return $is_ours ? $folder : null;
}

function remember(string $file, string $pem): void
{
    $known = glob(dirname($file) . '/*.pem') ?: [];
    if (count($known) >= MAX_KEYS) {
        array_map(unlink(...), $known);
    }
    // Renamed into place, so that no other process reads half a key.
    $draft = tempnam(dirname($file), 'new');
    if ($draft !== false && file_put_contents($draft, $pem) === strlen($pem)) {
        rename($draft, $file);
    }
}

/** OSS wants exactly 200, a Content-Length, and JSON. */
function answer(int $status, array $value): void
{
    $body = json_encode($value, JSON_THROW_ON_ERROR);
    http_response_code($status);
    header('Content-Type: application/json');
    header('Content-Length: ' . strlen($body));
    echo $body;
}

function refusal(string $reason): array
{
    return ['Status' => 'verify not ok', 'reason' => $reason];
}

function receive(): void
{
    if ($_SERVER['REQUEST_METHOD'] !== 'POST') {
        header('Allow: POST');
        answer(405, refusal('callbacks are POST requests'));
        return;
    }
    $length = $_SERVER['CONTENT_LENGTH'] ?? '';
    if (!ctype_digit($length) || (int) $length > MAX_BODY_BYTES) {
        answer(400, refusal('the body has no length, or is too long'));
        return;
    }
    // Not $_POST: what was parsed cannot be written again byte for byte.
    $body = file_get_contents('php://input');
    $headers = [
        'authorization' => $_SERVER['HTTP_AUTHORIZATION'] ?? $_SERVER['REDIRECT_HTTP_AUTHORIZATION'] ?? '',
        'x-oss-pub-key-url' => $_SERVER['HTTP_X_OSS_PUB_KEY_URL'] ?? '',
    ];
    $trusted = array_filter(explode(' ', getenv('KEY_URLS') ?: ''), strlen(...)) ?: OSS_KEY_URLS;
    try {
        verify($_SERVER['REQUEST_URI'], $headers, $body, $trusted, fetch_key(...));
    } catch (NotVerified $refused) {
        answer(400, refusal($refused->getMessage()));
        return;
    }
    answer(200, uploaded($body));
}

/** Check every case of the shared vectors; the number of those that went wrong. */
function check_vectors(string $file): int
{
    $vectors = json_decode(file_get_contents($file), true, flags: JSON_THROW_ON_ERROR);
    $fetch = fn (string $url): ?string => $vectors['keys'][$url] ?? null;
    $wrong = 0;
    foreach ($vectors['cases'] as $case) {
        [$found, $reason] = ['verified', ''];
        try {
            verify($case['target'], $case['headers'], $case['body'], $vectors['trusted_key_urls'], $fetch);
        } catch (NotVerified $refused) {
            [$found, $reason] = ['refused', $refused->getMessage()];
        }
        $verdict = $found === $case['expect'] ? 'ok' : 'FAIL';
        $wrong += $verdict === 'FAIL' ? 1 : 0;
        echo rtrim("$verdict {$case['name']}: $found $reason"), "\n";
    }
    return $wrong;
}

if (PHP_SAPI !== 'cli') {
    receive();
} elseif ($argc === 3 && $argv[1] === '--vectors') {
    exit(check_vectors($argv[2]) === 0 ? 0 : 1);
} else {
    fwrite(STDERR, "usage: php -S 127.0.0.1:PORT receiver.php | php receiver.php --vectors FILE\n");
    exit(2);
}
