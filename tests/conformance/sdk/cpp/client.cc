// Sends what the C++ SDK sends (github.com/aliyun/aliyun-oss-cpp-sdk, 1.10), over libcurl as it does.
//
// The files named below are those of sdk/src/ there; the code is ours.
// Questions and answers: python/replayed.py.
#include <curl/curl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <strings.h>

#include <cctype>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <iostream>
#include <map>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

namespace {

// Types.h: headers are sorted and have no case, parameters are sorted.
struct NoCase {
    bool operator()(const std::string &one, const std::string &other) const {
        return strcasecmp(one.c_str(), other.c_str()) < 0;
    }
};
using Headers = std::map<std::string, std::string, NoCase>;
using Parameters = std::map<std::string, std::string>;

std::string setting(const std::string &name) { return std::getenv(("OSSIA_TEST_" + name).c_str()); }

std::string hex(const std::string &bytes) {
    static const char *digits = "0123456789abcdef";
    std::string made;
    for (unsigned char byte : bytes) {
        made += digits[byte >> 4];
        made += digits[byte & 15];
    }
    return made;
}

void tell(const std::string &name, const std::string &value) {
    std::cout << name << '=' << hex(value) << ' ';
}

// One question.
class Asked {
public:
    explicit Asked(const std::string &line) {
        std::istringstream words(line);
        for (std::string word; words >> word;) {
            auto at = word.find('=');
            std::string value;
            for (auto i = at + 1; i + 1 < word.size(); i += 2)
                value += static_cast<char>(std::stoi(word.substr(i, 2), nullptr, 16));
            fields_.emplace(word.substr(0, at), value);
        }
    }
    bool has(const std::string &name) const { return fields_.count(name) > 0; }
    std::string get(const std::string &name, const std::string &otherwise = "") const {
        auto found = fields_.find(name);
        return found == fields_.end() ? otherwise : found->second;
    }
    std::vector<std::string> all(const std::string &name) const {
        std::vector<std::string> made;
        auto [from, to] = fields_.equal_range(name);
        for (auto each = from; each != to; ++each) made.push_back(each->second);
        return made;
    }

private:
    std::multimap<std::string, std::string> fields_;
};

// --- utils/Utils.cc

std::string url_encode(const std::string &raw, bool keeps_slashes = false) {
    static const char *digits = "0123456789ABCDEF";
    std::string made;
    for (unsigned char c : raw) {
        if (std::isalnum(c) || (c && std::strchr("-_.~", c)) || (c == '/' && keeps_slashes))
            made += static_cast<char>(c);
        else
            made += {'%', digits[c >> 4], digits[c & 15]};
    }
    return made;
}

std::string base64(const std::string &bytes) {
    std::string made(bytes.size() * 2 + 8, '\0');
    auto size = EVP_EncodeBlock(reinterpret_cast<unsigned char *>(made.data()),
                                reinterpret_cast<const unsigned char *>(bytes.data()),
                                static_cast<int>(bytes.size()));
    made.resize(static_cast<size_t>(size));
    return made;
}

std::string digest(const EVP_MD *kind, const std::string &of) {
    unsigned char made[EVP_MAX_MD_SIZE];
    unsigned int size;
    EVP_Digest(of.data(), of.size(), made, &size, kind, nullptr);
    return {reinterpret_cast<char *>(made), size};
}

std::string hmac(const EVP_MD *kind, const std::string &key, const std::string &of) {
    unsigned char made[EVP_MAX_MD_SIZE];
    unsigned int size;
    HMAC(kind, key.data(), static_cast<int>(key.size()),
         reinterpret_cast<const unsigned char *>(of.data()), of.size(), made, &size);
    return {reinterpret_cast<char *>(made), size};
}

std::string lower(std::string raw) {
    for (auto &c : raw) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return raw;
}

std::string trim(const std::string &raw) {
    auto from = raw.find_first_not_of(" \t\r\n"), to = raw.find_last_not_of(" \t\r\n");
    return from == std::string::npos ? "" : raw.substr(from, to - from + 1);
}

bool is_ip(const std::string &host) {
    static const std::regex pattern(
        "((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9][0-9]|[0-9])\\.){3}"
        "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9][0-9]|[0-9])");
    return std::regex_match(host, pattern);
}

std::string mime_type(const std::string &key) {
    static const std::map<std::string, std::string> known = {{"txt", "text/plain"}, {"xml", "text/xml"}};
    auto dot = key.find_last_of('.');
    auto found = dot == std::string::npos ? known.end() : known.find(lower(key.substr(dot + 1)));
    return found == known.end() ? "application/octet-stream" : found->second;
}

std::string moment(const char *format) {
    char made[64];
    auto now = std::time(nullptr);
    std::strftime(made, sizeof made, format, std::gmtime(&now));
    return made;
}

std::string endpoint() { return setting("ENDPOINT").substr(std::strlen("http://")); }

// CombineHostString
std::string authority(const std::string &bucket) {
    auto name = endpoint().substr(0, endpoint().find(':'));
    return bucket.empty() || is_ip(name) ? endpoint() : bucket + "." + endpoint();
}

// CombinePathString: the slashes of a key are encoded; at an address the service is "//".
std::string path(const std::string &bucket, const std::string &key) {
    auto name = endpoint().substr(0, endpoint().find(':'));
    return (is_ip(name) ? "/" + bucket + "/" : "/") + url_encode(key);
}

// CombineQueryString
std::string query(const Parameters &parameters) {
    std::string made;
    for (const auto &[name, value] : parameters)
        made += "&" + url_encode(name) + (value.empty() ? "" : "=" + url_encode(value));
    return made.empty() ? "" : "?" + made.substr(1);
}

// auth/: GenResource
std::string resource(const std::string &bucket, const std::string &key) {
    return "/" + (bucket.empty() ? "" : bucket + "/") + key;
}

// --- signatures

// utils/SignUtils.cc, ParamtersToSign
bool is_signed(const std::string &parameter) {
    static const std::string known =
        " acl location bucketInfo stat referer cors website restore logging symlink qos uploadId uploads"
        " partNumber response-content-type response-content-language response-expires"
        " response-cache-control response-content-disposition response-content-encoding append position"
        " lifecycle delete live status comp vod startTime endTime x-oss-process security-token objectMeta"
        " callback callback-var tagging policy requestPayment x-oss-traffic-limit encryption versioning"
        " versionId versions continuation-token worm wormId wormExtend ";
    return known.find(" " + parameter + " ") != std::string::npos;
}

struct Request {
    std::string method, bucket, key;
    Headers headers;
    Parameters parameters;
    bool has_body = false;
    std::string body;

    std::string header(const std::string &name) const {
        auto found = headers.find(name);
        return found == headers.end() ? "" : found->second;
    }
};

// utils/SignUtils.cc, build
std::string signature_v1(const Request &of, const std::string &date, const std::string &secret) {
    std::string string = of.method + "\n" + of.header("Content-MD5") + "\n" + of.header("Content-Type")
                         + "\n" + date + "\n";
    for (const auto &[name, value] : of.headers)
        if (lower(name).compare(0, 6, "x-oss-") == 0) string += lower(name) + ":" + trim(value) + "\n";
    string += resource(of.bucket, of.key);
    char separator = '?';
    for (const auto &[name, value] : of.parameters) {
        if (!is_signed(name)) continue;
        string += separator + name + (value.empty() ? "" : "=" + value);
        separator = '&';
    }
    return base64(hmac(EVP_sha1(), secret, string));
}

std::string scope_of(const std::string &now) {
    return now.substr(0, 8) + "/" + setting("REGION") + "/oss/aliyun_v4_request";
}

// signer/SignerV4.cc, buildCanonicalReuqest and buildSignature
std::string signature_v4(const Request &request, const std::string &now, const std::string &secret) {
    auto canonical = request.method + "\n" + url_encode(resource(request.bucket, request.key), true) + "\n";
    auto parameters = query(request.parameters);
    canonical += (parameters.empty() ? "" : parameters.substr(1)) + "\n";
    for (const auto &[name, value] : request.headers) {
        auto low = lower(name);
        if (low == "content-type" || low == "content-md5" || low.compare(0, 6, "x-oss-") == 0)
            canonical += low + ":" + trim(value) + "\n";
    }
    canonical += "\n\nUNSIGNED-PAYLOAD";
    auto string = "OSS4-HMAC-SHA256\n" + now + "\n" + scope_of(now) + "\n"
                  + hex(digest(EVP_sha256(), canonical));
    auto key = "aliyun_v4" + secret;
    std::istringstream steps(scope_of(now));
    for (std::string step; std::getline(steps, step, '/');) key = hmac(EVP_sha256(), key, step);
    return hex(hmac(EVP_sha256(), key, string));
}

// signer/SignerV4.cc, sign
void sign_v4(Request &request, const std::string &id, const std::string &secret) {
    auto now = moment("%Y%m%dT%H%M%SZ");
    request.headers["x-oss-date"] = now;
    request.headers["x-oss-content-sha256"] = "UNSIGNED-PAYLOAD";
    request.headers["Authorization"] = "OSS4-HMAC-SHA256 Credential=" + id + "/" + scope_of(now)
                                       + ",Signature=" + signature_v4(request, now, secret);
}

// --- sending: http/CurlHttpClient.cc, makeRequest

struct Transfer {
    std::string left, received;
};

size_t on_read(char *to, size_t size, size_t count, void *data) {
    auto &left = static_cast<Transfer *>(data)->left;
    auto taken = std::min(size * count, left.size());
    std::memcpy(to, left.data(), taken);
    left.erase(0, taken);
    return taken;
}

size_t on_write(char *from, size_t size, size_t count, void *data) {
    static_cast<Transfer *>(data)->received.append(from, size * count);
    return size * count;
}

size_t on_header(char *from, size_t size, size_t count, void *) {
    std::string line(from, size * count);
    if (line.find(':') != std::string::npos) tell("header", line);
    return size * count;
}

void transfer(CURL *curl, const Request &request) {
    curl_slist *lines = nullptr;
    for (const auto &[name, value] : request.headers)
        if (!value.empty()) lines = curl_slist_append(lines, (name + ": " + value).c_str());
    // Names are loopback.
    auto where = "::127.0.0.1:" + endpoint().substr(endpoint().find(':') + 1);
    auto to = curl_slist_append(nullptr, where.c_str());
    auto url = "http://" + authority(request.bucket) + path(request.bucket, request.key)
               + query(request.parameters);
    Transfer state{request.body, ""};
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
    // The size is not told: libcurl frames in chunks beside the Content-Length among the headers (W3).
    if (request.method == "HEAD") curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    if (request.method == "PUT") curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    if (request.method == "POST") curl_easy_setopt(curl, CURLOPT_POST, 1L);
    if (request.method == "DELETE") curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "DELETE");
    curl_easy_setopt(curl, CURLOPT_USERAGENT, request.header("User-Agent").c_str());
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, lines);
    curl_easy_setopt(curl, CURLOPT_CONNECT_TO, to);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_READDATA, &state);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &state);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_write);
    auto result = curl_easy_perform(curl);
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (result == CURLE_OK) {
        tell("status", std::to_string(status));
        tell("body", state.received);
    } else {
        tell("error", curl_easy_strerror(result));
    }
    curl_slist_free_all(lines);
    curl_slist_free_all(to);
}

// --- the operations: OssClientImpl.cc and model/

Headers asked_headers(const Asked &asked) {
    Headers made;
    for (const auto &pair : asked.all("header")) {
        auto at = pair.find(": ");
        made[pair.substr(0, at)] = pair.substr(at + 2);
    }
    if (asked.has("callback")) made["x-oss-callback"] = base64(asked.get("callback"));
    if (asked.has("variables")) made["x-oss-callback-var"] = base64(asked.get("variables"));
    return made;
}

// model/DeleteObjectsRequest.cc: keys are written as they are, "&" and control characters, too.
std::string delete_objects(const Asked &asked) {
    std::string made = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Delete>\n  <Quiet>false</Quiet>\n";
    for (const auto &key : asked.all("name"))
        made += "  <Object>\n    <Key>" + key + "</Key>\n  </Object>\n";
    return made + "</Delete>\n";
}

// model/CompleteMultipartUploadRequest.cc: no declaration.
std::string complete_multipart_upload(const Asked &asked) {
    std::string made = "<CompleteMultipartUpload>\n";
    for (const auto &part : asked.all("part")) {
        auto at = part.find(':');
        made += "<Part>\n  <PartNumber>" + part.substr(0, at) + "</PartNumber>\n  <ETag>"
                + part.substr(at + 1) + "</ETag>\n</Part>";
    }
    return made + "</CompleteMultipartUpload>";
}

void with_payload(Request &request, const std::string &payload) {
    request.has_body = true;
    request.body = payload;
}

using Prepare = std::function<void(Request &, const Asked &)>;

struct Operation {
    const char *method;
    enum { SERVICE, BUCKET, OBJECT } scope;
    Prepare prepare;
};

void nothing(Request &, const Asked &) {}

// OssBucketRequest and OssObjectRequest of model/: a request for a setting is its method, its
// sub-resource and its payload.
void set_setting(Request &request, const Asked &asked) {
    request.method = asked.get("method");
    request.key = asked.get("key");
    request.headers = asked_headers(asked);
    if (asked.has("sub")) request.parameters[asked.get("sub")] = "";
    for (auto field : {"signed", "query"})
        for (const auto &pair : asked.all(field)) {
            auto at = pair.find(": ");
            request.parameters[pair.substr(0, at)] = pair.substr(at + 2);
        }
    if (!asked.get("body").empty()) with_payload(request, asked.get("body"));
    // SetBucketLifecycleRequest.cc, REQUEST_FLAG_CONTENTMD5
    if (request.method == "PUT" && asked.get("sub") == "lifecycle")
        request.headers["Content-MD5"] = base64(digest(EVP_md5(), request.body));
}

void set_acl(Request &request, const Asked &asked) { request.headers["x-oss-acl"] = asked.get("acl"); }

void set_upload(Request &request, const Asked &asked) {
    request.parameters["uploadId"] = asked.get("upload");
}

// PutObjectRequest, AppendObjectRequest, InitiateMultipartUploadRequest: specialHeaders
void set_metadata(Request &request, const Asked &asked) {
    request.headers = asked_headers(asked);
    request.headers.emplace("Content-Type", mime_type(request.key));
}

const std::map<std::string, Operation> operations = {
    {"list_buckets", {"GET", Operation::SERVICE, [](Request &request, const Asked &asked) {
        request.parameters["prefix"] = asked.get("prefix");
    }}},
    {"create_bucket", {"PUT", Operation::BUCKET, set_acl}},
    {"delete_bucket", {"DELETE", Operation::BUCKET, nothing}},
    {"put_bucket_acl", {"PUT", Operation::BUCKET, [](Request &request, const Asked &asked) {
        set_acl(request, asked);
        request.parameters["acl"] = "";
    }}},
    {"get_bucket_acl", {"GET", Operation::BUCKET, [](Request &request, const Asked &) {
        request.parameters["acl"] = "";
    }}},
    {"list", {"GET", Operation::BUCKET, [](Request &request, const Asked &asked) {
        request.parameters = {{"prefix", asked.get("prefix")}, {"delimiter", asked.get("delimiter")},
                              {"marker", asked.get("marker")}, {"max-keys", asked.get("max")},
                              {"encoding-type", "url"}};
    }}},
    {"delete_many", {"POST", Operation::BUCKET, [](Request &request, const Asked &asked) {
        request.parameters["delete"] = "";
        with_payload(request, delete_objects(asked));
        // REQUEST_FLAG_CONTENTMD5
        request.headers["Content-MD5"] = base64(digest(EVP_md5(), request.body));
    }}},
    {"put", {"PUT", Operation::OBJECT, [](Request &request, const Asked &asked) {
        set_metadata(request, asked);
        with_payload(request, asked.get("body"));
    }}},
    {"get", {"GET", Operation::OBJECT, [](Request &request, const Asked &asked) {
        request.headers = asked_headers(asked);
    }}},
    {"head", {"HEAD", Operation::OBJECT, nothing}},
    {"delete", {"DELETE", Operation::OBJECT, nothing}},
    {"setting", {"", Operation::BUCKET, set_setting}},
    {"copy", {"PUT", Operation::OBJECT, [](Request &request, const Asked &asked) {
        request.headers["x-oss-copy-source"]
            = "/" + request.bucket + "/" + url_encode(asked.get("source"));
    }}},
    {"append", {"POST", Operation::OBJECT, [](Request &request, const Asked &asked) {
        set_metadata(request, asked);
        request.parameters = {{"append", ""}, {"position", asked.get("position")}};
        with_payload(request, asked.get("body"));
    }}},
    {"init", {"POST", Operation::OBJECT, [](Request &request, const Asked &asked) {
        set_metadata(request, asked);
        request.parameters = {{"uploads", ""}, {"encoding-type", "url"}};
    }}},
    {"part", {"PUT", Operation::OBJECT, [](Request &request, const Asked &asked) {
        set_upload(request, asked);
        request.parameters["partNumber"] = asked.get("number");
        with_payload(request, asked.get("body"));
        request.headers["Content-Type"] = "";  // UploadPartRequest, specialHeaders
    }}},
    {"list_parts", {"GET", Operation::OBJECT, set_upload}},
    {"complete", {"POST", Operation::OBJECT, [](Request &request, const Asked &asked) {
        request.headers = asked_headers(asked);
        set_upload(request, asked);
        with_payload(request, complete_multipart_upload(asked));
    }}},
    {"abort", {"DELETE", Operation::OBJECT, set_upload}},
};

std::string id_of(const Asked &asked) { return asked.get("id", setting("ACCESS_KEY_ID")); }
std::string secret_of(const Asked &asked) { return asked.get("secret", setting("ACCESS_KEY_SECRET")); }

// OssClientImpl.cc, buildHttpRequest
void complete_headers(Request &request, const Asked &asked) {
    request.headers.emplace("Content-Type", "application/xml");
    request.headers["User-Agent"] = "aliyun-sdk-cpp/1.10.0 (Linux;x86_64;gcc)";
    request.headers["Date"] = moment("%a, %d %b %Y %H:%M:%S GMT");
    if (request.has_body)
        request.headers["Content-Length"] = std::to_string(request.body.size());
    else if (request.method == "GET" || request.method == "POST")
        request.headers["Content-Length"] = "0";
    if (asked.has("token")) request.headers["x-oss-security-token"] = asked.get("token");
    if (setting("SIGNATURE") == "v4")
        sign_v4(request, id_of(asked), secret_of(asked));
    else
        request.headers["Authorization"]
            = "OSS " + id_of(asked) + ":" + signature_v1(request, request.header("Date"), secret_of(asked));
}

// OssClientImpl.cc, GeneratePresignedUrl; signer/SignerV4.cc, presign
std::string presigned_url(const Asked &asked) {
    Request request{asked.get("method"), asked.get("bucket"), asked.get("key"), asked_headers(asked),
                    {}, false, ""};
    auto expires = asked.get("expires");
    auto &parameters = request.parameters;
    for (const auto &pair : asked.all("param")) {
        auto at = pair.find(": ");
        parameters[pair.substr(0, at)] = pair.substr(at + 2);
    }
    if (setting("SIGNATURE") == "v4") {
        auto now = moment("%Y%m%dT%H%M%SZ");
        if (asked.has("token")) parameters["x-oss-security-token"] = asked.get("token");
        parameters["x-oss-signature-version"] = "OSS4-HMAC-SHA256";
        parameters["x-oss-credential"] = id_of(asked) + "/" + scope_of(now);
        parameters["x-oss-date"] = now;
        parameters["x-oss-expires"] = std::to_string(std::stoll(expires) - std::time(nullptr));
        parameters["x-oss-signature"] = signature_v4(request, now, secret_of(asked));
    } else {
        if (asked.has("token")) parameters["security-token"] = asked.get("token");
        auto signature = signature_v1(request, expires, secret_of(asked));
        parameters["Expires"] = expires;
        parameters["OSSAccessKeyId"] = id_of(asked);
        parameters["Signature"] = signature;
    }
    return "http://" + authority(request.bucket) + path(request.bucket, request.key) + query(parameters);
}

void answer(CURL *curl, const Asked &asked) {
    if (asked.get("op") == "sign") {
        tell("status", "200");
        tell("body", presigned_url(asked));
        return;
    }
    auto found = operations.find(asked.get("op"));
    if (found == operations.end()) {
        tell("error", "no such operation");
        return;
    }
    const auto &operation = found->second;
    Request request{operation.method, operation.scope == Operation::SERVICE ? "" : asked.get("bucket"),
                    operation.scope == Operation::OBJECT ? asked.get("key") : "", {}, {}, false, ""};
    operation.prepare(request, asked);
    complete_headers(request, asked);
    transfer(curl, request);
}

}  // namespace

int main() {
    auto curl = curl_easy_init();
    for (std::string line; std::getline(std::cin, line);) {
        answer(curl, Asked(line));
        std::cout << std::endl;
    }
    curl_easy_cleanup(curl);
}
