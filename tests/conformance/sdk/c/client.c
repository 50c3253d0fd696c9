/* Sends what the C SDK sends (github.com/aliyun/aliyun-oss-c-sdk, 3.11), over libcurl as it does.
 *
 * The files named below are those of oss_c_sdk/ there.  What a request is made of, in which order and
 * how it is encoded follows them; the code is ours.  Questions and answers: python/replayed.py.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <curl/curl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* --- text */

typedef struct {
    char *data;
    size_t size;
} text;

static void append(text *to, const void *data, size_t size) {
    to->data = realloc(to->data, to->size + size + 1);
    memcpy(to->data + to->size, data, size);
    to->size += size;
    to->data[to->size] = '\0';
}

static char *format(const char *template, ...) {
    va_list values;
    char *made;
    va_start(values, template);
    if (vasprintf(&made, template, values) < 0) abort();
    va_end(values);
    return made;
}

static char *hex_of(const unsigned char *data, size_t size) {
    static const char digits[] = "0123456789abcdef";
    char *made = malloc(size * 2 + 1);
    for (size_t i = 0; i < size; i++) {
        made[i * 2] = digits[data[i] >> 4];
        made[i * 2 + 1] = digits[data[i] & 15];
    }
    made[size * 2] = '\0';
    return made;
}

static text bytes_of(const char *hex) {
    size_t size = strlen(hex) / 2;
    text made = {malloc(size + 1), size};
    for (size_t i = 0; i < size; i++) {
        char two[3] = {hex[i * 2], hex[i * 2 + 1], '\0'};
        made.data[i] = (char)strtol(two, NULL, 16);
    }
    made.data[size] = '\0';
    return made;
}

/* --- tables, as apr_table_t: what is set replaces, names have no case, order is that of adding */

typedef struct {
    char *name, *value;
} entry;

typedef struct {
    entry at[64];
    int count;
} table;

static char *find(const table *in, const char *name) {
    for (int i = 0; i < in->count; i++)
        if (strcasecmp(in->at[i].name, name) == 0) return in->at[i].value;
    return NULL;
}

static void add(table *to, const char *name, const char *value) {
    to->at[to->count++] = (entry){strdup(name), strdup(value)};
}

static void set(table *to, const char *name, const char *value) {
    for (int i = 0; i < to->count; i++)
        if (strcasecmp(to->at[i].name, name) == 0) {
            to->at[i].value = strdup(value);
            return;
        }
    add(to, name, value);
}

static int by_name(const void *one, const void *other) {
    return strcmp(((const entry *)one)->name, ((const entry *)other)->name);
}

/* --- what is asked */

typedef struct {
    char *name;
    text value;
} field;

static field fields[1200];
static int field_count;

static text *field_of(const char *name) {
    for (int i = 0; i < field_count; i++)
        if (strcmp(fields[i].name, name) == 0) return &fields[i].value;
    return NULL;
}

static char *given(const char *name, char *otherwise) {
    text *found = field_of(name);
    return found ? found->data : otherwise;
}

static char *setting(const char *name) { return getenv(format("OSSIA_TEST_%s", name)); }

static void read_fields(char *line) {
    field_count = 0;
    for (char *word = strtok(line, " \n"); word; word = strtok(NULL, " \n")) {
        char *hex = strchr(word, '=');
        *hex++ = '\0';
        fields[field_count++] = (field){word, bytes_of(hex)};
    }
}

/* --- what is answered */

static void tell(const char *name, const void *data, size_t size) {
    printf("%s=%s ", name, hex_of(data, size));
}

static void end_of_answer(const char *status, const text *body) {
    tell("status", status, strlen(status));
    tell("body", body->data ? body->data : "", body->size);
    printf("\n");
    fflush(stdout);
}

/* --- encodings */

/* aos_util.c, aos_url_encode: "/" too, unless the path of a V4 signature is encoded. */
static char *url_encoded(const char *raw, int with_slashes) {
    text made = {NULL, 0};
    char three[4];
    append(&made, "", 0);
    for (; *raw; raw++) {
        unsigned char c = (unsigned char)*raw;
        if (isalnum(c) || strchr("-_.~", c) || (c == '/' && !with_slashes)) {
            append(&made, raw, 1);
        } else {
            snprintf(three, sizeof three, "%%%02X", c);
            append(&made, three, 3);
        }
    }
    return made.data;
}

static char *base64(const void *data, size_t size) {
    char *made = malloc(size * 2 + 8);
    EVP_EncodeBlock((unsigned char *)made, data, (int)size);
    return made;
}

/* aos_util.c, aos_query_params_to_string: an empty value has no "=". */
static char *query_of(const table *params) {
    text made = {NULL, 0};
    append(&made, "", 0);
    for (int i = 0; i < params->count; i++) {
        const entry *each = &params->at[i];
        char *pair = each->value[0]
            ? format("%s=%s", url_encoded(each->name, 1), url_encoded(each->value, 1))
            : url_encoded(each->name, 1);
        append(&made, i ? "&" : "?", 1);
        append(&made, pair, strlen(pair));
    }
    return made.data;
}

/* mxml's writer: these four are entities, everything else is written as it is. */
static void append_xml(text *to, const char *raw) {
    for (; *raw; raw++) {
        const char *entity = *raw == '&' ? "&amp;" : *raw == '<' ? "&lt;"
                           : *raw == '>' ? "&gt;" : *raw == '"' ? "&quot;" : NULL;
        append(to, entity ? entity : raw, entity ? strlen(entity) : 1);
    }
}

/* --- one request, as aos_http_request_t */

typedef struct {
    const char *method;
    char *host, *uri, *resource; /* oss_util.c, oss_get_object_uri and its like */
    table headers, params;
    text body;
} request;

static int is_ip(void) { return strcmp(setting("STYLE"), "path") == 0; }

/* is_valid_ip takes "127.0.0.1:8080" for a name: only at port 80 the SDK knows an address. */
static char *host_of(const char *bucket) {
    char *endpoint = strstr(setting("ENDPOINT"), "://") + 3;
    if (is_ip()) return "127.0.0.1";
    return bucket ? format("%s.%s", bucket, endpoint) : endpoint;
}

static void place(request *to, const char *bucket, const char *key) {
    to->host = host_of(bucket);
    if (bucket == NULL) { /* oss_get_service_uri */
        to->uri = to->resource = "";
    } else if (key != NULL) { /* oss_get_object_uri */
        to->resource = format("%s/%s", bucket, key);
        to->uri = is_ip() ? to->resource : strdup(key);
    } else { /* oss_get_bucket_uri: no slash at an address, neither sent nor signed */
        to->resource = is_ip() ? strdup(bucket) : format("%s/", bucket);
        to->uri = is_ip() ? strdup(bucket) : "";
    }
}

/* oss_util.c, set_content_type */
static void set_content_type(request *to, const char *key) {
    static const char *types[][2] = {
        {"txt", "text/plain"}, {"xml", "text/xml"}, {"bin", "application/octet-stream"}};
    const char *suffix = strrchr(key, '.'), *type = "application/octet-stream";
    if (find(&to->headers, "Content-Type")) return;
    for (size_t i = 0; suffix && i < sizeof types / sizeof *types; i++)
        if (strcasecmp(types[i][0], suffix + 1) == 0) type = types[i][1];
    set(&to->headers, "Content-Type", type);
}

/* --- signatures */

static char *gmt(const char *template) {
    static char made[64];
    time_t now = time(NULL);
    strftime(made, sizeof made, template, gmtime(&now));
    return made;
}

/* oss_auth.c, g_s_oss_sub_resource_list; "callback" is not in it */
static int is_sub_resource(const char *name) {
    static const char *known =
        " acl location bucketInfo stat referer cors website restore logging symlink qos uploadId uploads"
        " partNumber response-content-type response-content-language response-expires"
        " response-cache-control response-content-disposition response-content-encoding append position"
        " lifecycle delete live status comp vod startTime endTime x-oss-process security-token objectMeta ";
    return strstr(known, format(" %s ", name)) != NULL;
}

static void append_line(text *to, const char *line) {
    append(to, line ? line : "", line ? strlen(line) : 0);
    append(to, "\n", 1);
}

static void append_headers(text *to, table headers, int is_v4) {
    qsort(headers.at, (size_t)headers.count, sizeof(entry), by_name);
    for (int i = 0; i < headers.count; i++) {
        const entry *each = &headers.at[i];
        int is_signed = strncasecmp(each->name, "x-oss-", 6) == 0
            || (is_v4 && (strcasecmp(each->name, "content-md5") == 0
                          || strcasecmp(each->name, "content-type") == 0));
        if (is_signed) append_line(to, format("%s:%s", each->name, each->value));
    }
}

static table lowered(const table *headers) {
    table made = *headers;
    for (int i = 0; i < made.count; i++) {
        made.at[i].name = strdup(made.at[i].name);
        for (char *c = made.at[i].name; *c; c++) *c = (char)tolower(*c);
    }
    return made;
}

/* oss_auth.c, oss_get_string_to_sign and HMAC_SHA1 */
static char *signature_v1(const request *of, const char *date, const char *secret) {
    text string = {NULL, 0};
    table params = of->params;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size;
    char separator = '?';
    append_line(&string, of->method);
    append_line(&string, find(&of->headers, "Content-MD5"));
    append_line(&string, find(&of->headers, "Content-Type"));
    append_line(&string, date);
    append_headers(&string, lowered(&of->headers), 0);
    append(&string, "/", 1);
    append(&string, of->resource, strlen(of->resource));
    qsort(params.at, (size_t)params.count, sizeof(entry), by_name);
    for (int i = 0; i < params.count; i++) {
        const entry *each = &params.at[i];
        char *pair;
        if (!is_sub_resource(each->name)) continue;
        pair = each->value[0] ? format("%c%s=%s", separator, each->name, each->value)
                              : format("%c%s", separator, each->name);
        append(&string, pair, strlen(pair));
        separator = '&';
    }
    HMAC(EVP_sha1(), secret, (int)strlen(secret), (unsigned char *)string.data, string.size, digest, &size);
    return base64(digest, size);
}

static void hmac_sha256(unsigned char to[32], const void *key, size_t key_size, const char *message) {
    unsigned int size;
    HMAC(EVP_sha256(), key, (int)key_size, (const unsigned char *)message, strlen(message), to, &size);
}

/* oss_auth.c, oss_sign_request_v4 */
static void sign_v4(request *to, const char *id, const char *secret) {
    char *moment, *day, *scope, *first;
    unsigned char key[32], digest[EVP_MAX_MD_SIZE];
    unsigned int size;
    text canonical = {NULL, 0};
    table params = to->params;
    set(&to->headers, "x-oss-content-sha256", "UNSIGNED-PAYLOAD");
    set(&to->headers, "x-oss-date", gmt("%Y%m%dT%H%M%SZ"));
    moment = find(&to->headers, "x-oss-date");
    day = format("%.8s", moment);
    scope = format("%s/%s/oss/aliyun_v4_request", day, setting("REGION"));
    append_line(&canonical, to->method);
    append_line(&canonical, format("/%s", url_encoded(to->resource, 0)));
    qsort(params.at, (size_t)params.count, sizeof(entry), by_name);
    append_line(&canonical, params.count ? query_of(&params) + 1 : "");
    append_headers(&canonical, lowered(&to->headers), 1);
    append_line(&canonical, "");
    append_line(&canonical, "");
    append(&canonical, "UNSIGNED-PAYLOAD", 16);
    EVP_Digest(canonical.data, canonical.size, digest, &size, EVP_sha256(), NULL);
    first = format("aliyun_v4%s", secret);
    hmac_sha256(key, first, strlen(first), day);
    hmac_sha256(key, key, 32, setting("REGION"));
    hmac_sha256(key, key, 32, "oss");
    hmac_sha256(key, key, 32, "aliyun_v4_request");
    hmac_sha256(key, key, 32,
                format("OSS4-HMAC-SHA256\n%s\n%s\n%s", moment, scope, hex_of(digest, size)));
    add(&to->headers, "Authorization",
        format("OSS4-HMAC-SHA256 Credential=%s/%s,Signature=%s", id, scope, hex_of(key, 32)));
}

static void sign(request *to) {
    char *id = given("id", setting("ACCESS_KEY_ID"));
    char *secret = given("secret", setting("ACCESS_KEY_SECRET"));
    if (strcmp(setting("SIGNATURE"), "v4") == 0) {
        sign_v4(to, id, secret);
        return;
    }
    set(&to->headers, "Date", gmt("%a, %d %b %Y %H:%M:%S GMT"));
    add(&to->headers, "Authorization",
        format("OSS %s:%s", id, signature_v1(to, find(&to->headers, "Date"), secret)));
}

/* --- sending: aos_transport.c, aos_curl_transport_setup */

static size_t on_read(char *to, size_t size, size_t count, void *from) {
    text *left = from;
    size_t taken = size * count < left->size ? size * count : left->size;
    memcpy(to, left->data, taken);
    left->data += taken;
    left->size -= taken;
    return taken;
}

static size_t on_write(char *data, size_t size, size_t count, void *to) {
    append(to, data, size * count);
    return size * count;
}

static size_t on_header(char *data, size_t size, size_t count, void *unused) {
    (void)unused;
    if (memchr(data, ':', size * count)) tell("header", data, size * count);
    return size * count;
}

static void transfer(CURL *curl, request *of) {
    static char trouble[CURL_ERROR_SIZE];
    struct curl_slist *lines = NULL;
    char *port = strrchr(setting("ENDPOINT"), ':') + 1;
    /* Names are loopback, and the server is not at port 80. */
    struct curl_slist *where = curl_slist_append(NULL, format("::127.0.0.1:%s", port));
    text answer = {NULL, 0}, left = of->body;
    long status;
    int is_put = strcmp(of->method, "PUT") == 0, is_post = strcmp(of->method, "POST") == 0;
    /* aos_init_curl_headers: both framings, since libcurl is not told the size (W3). */
    if (is_put || is_post)
        lines = curl_slist_append(lines, format("Content-Length: %zu", of->body.size));
    for (int i = 0; i < of->headers.count; i++)
        lines = curl_slist_append(lines, format("%s: %s", of->headers.at[i].name, of->headers.at[i].value));
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_READDATA, &left);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_write);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, trouble);
    curl_easy_setopt(curl, CURLOPT_CONNECT_TO, where);
    curl_easy_setopt(curl, CURLOPT_FILETIME, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "aliyun-sdk-c/3.11.2(Compatible Unknown)");
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, lines);
    curl_easy_setopt(curl, CURLOPT_URL,
                     format("http://%s/%s%s", of->host, url_encoded(of->uri, 1), query_of(&of->params)));
    if (strcmp(of->method, "HEAD") == 0) curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    if (is_put) curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    if (is_post) curl_easy_setopt(curl, CURLOPT_POST, 1L);
    if (strcmp(of->method, "DELETE") == 0) curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "DELETE");
    if (curl_easy_perform(curl) != CURLE_OK) {
        tell("error", trouble, strlen(trouble));
        printf("\n");
        fflush(stdout);
        return;
    }
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    end_of_answer(format("%ld", status), &answer);
}

/* --- the operations: oss_bucket.c, oss_object.c, oss_multipart.c */

/* aos_base64_encode(md5, 20, …): after the digest comes what lies behind it in memory (W44). */
static char *md5_of_twenty(const text *body) {
    unsigned char bytes[EVP_MAX_MD_SIZE] = {0};
    unsigned int size;
    EVP_Digest(body->data ? body->data : "", body->size, bytes, &size, EVP_md5(), NULL);
    memcpy(bytes + 16, "\0\x5a\xa5\x3c", 4);
    return base64(bytes, 20);
}

static void build_delete_objects_body(text *to) {
    const char *start = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<Delete><Quiet>false</Quiet>";
    append(to, start, strlen(start));
    for (int i = 0; i < field_count; i++) {
        if (strcmp(fields[i].name, "name") != 0) continue;
        append(to, "<Object><Key>", 13);
        append_xml(to, fields[i].value.data);
        append(to, "</Key></Object>", 15);
    }
    append(to, "</Delete>\n", 10);
}

static void build_complete_multipart_upload_body(text *to) {
    const char *start = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<CompleteMultipartUpload>";
    append(to, start, strlen(start));
    for (int i = 0; i < field_count; i++) {
        char *number = fields[i].value.data, *etag, *opened;
        if (strcmp(fields[i].name, "part") != 0) continue;
        etag = strchr(number, ':');
        *etag++ = '\0';
        opened = format("<Part><PartNumber>%s</PartNumber><ETag>", number);
        append(to, opened, strlen(opened));
        append_xml(to, etag);
        append(to, "</ETag></Part>", 14);
    }
    append(to, "</CompleteMultipartUpload>\n", 27);
}

static void take_headers(request *to) {
    for (int i = 0; i < field_count; i++) {
        char *name = fields[i].value.data, *value;
        if (strcmp(fields[i].name, "header") != 0) continue;
        value = strstr(name, ": ");
        *value = '\0';
        set(&to->headers, name, value + 2);
    }
    if (field_of("callback")) {
        set(&to->headers, "x-oss-callback", base64(field_of("callback")->data, field_of("callback")->size));
        if (field_of("variables"))
            set(&to->headers, "x-oss-callback-var",
                base64(field_of("variables")->data, field_of("variables")->size));
    }
    if (field_of("body")) to->body = *field_of("body");
    if (field_of("md5"))
        set(&to->headers, "Content-MD5",
            strcmp(given("md5", ""), "20") == 0 ? md5_of_twenty(&to->body) : base64("0123456789abcdefghij", 20));
}

/* oss_auth.c, oss_get_signed_url: always V1 */
static void give_url(request *of) {
    char *id = given("id", setting("ACCESS_KEY_ID")), *expires = given("expires", "");
    char *url, *signature;
    of->method = given("method", "GET");
    if (field_of("token")) set(&of->params, "security-token", given("token", ""));
    set(&of->headers, "Date", expires);
    signature = signature_v1(of, expires, given("secret", setting("ACCESS_KEY_SECRET")));
    set(&of->params, "OSSAccessKeyId", id);
    set(&of->params, "Expires", expires);
    set(&of->params, "Signature", signature);
    /* Whoever uses the URL needs the port, which host_of() leaves out at an address. */
    url = format("http://%s%s/%s%s", of->host, is_ip() ? strrchr(setting("ENDPOINT"), ':') : "",
                 url_encoded(of->uri, 1), query_of(&of->params));
    end_of_answer("200", &(text){url, strlen(url)});
}

static const struct {
    const char *name, *method, *params; /* those with a value are taken from the question */
    enum { SERVICE, BUCKET, OBJECT } scope;
} operations[] = {
    {"list_buckets", "GET", "prefix=prefix", SERVICE},
    {"create_bucket", "PUT", "", BUCKET},
    {"delete_bucket", "DELETE", "", BUCKET},
    {"put_bucket_acl", "PUT", "acl", BUCKET},
    {"get_bucket_acl", "GET", "acl", BUCKET},
    {"list", "GET", "prefix=prefix delimiter=delimiter marker=marker max-keys=max", BUCKET},
    {"delete_many", "POST", "delete", BUCKET},
    {"put", "PUT", "", OBJECT},
    {"get", "GET", "", OBJECT},
    {"head", "HEAD", "", OBJECT},
    {"delete", "DELETE", "", OBJECT},
    {"copy", "PUT", "", OBJECT},
    {"append", "POST", "append position=position", OBJECT},
    {"init", "POST", "uploads", OBJECT},
    {"part", "PUT", "uploadId=upload partNumber=number", OBJECT},
    {"list_parts", "GET", "uploadId=upload max-parts=most part-number-marker", OBJECT},
    {"complete", "POST", "uploadId=upload", OBJECT},
    {"abort", "DELETE", "uploadId=upload", OBJECT},
    {"sign", "GET", "", OBJECT},
    /* oss_put_bucket_lifecycle, oss_get_object_acl, …: a method, a sub-resource, perhaps a body */
    {"setting", "", "", OBJECT},
};

static void set_params(request *to, const char *described) {
    char *copy = strdup(described), *rest;
    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        char *source = strchr(word, '=');
        if (source) *source++ = '\0';
        add(&to->params, word, source ? given(source, "1000") : "");
    }
}

static void prepare(request *to, const char *op) {
    char *key = given("key", "");
    if (strcmp(op, "create_bucket") == 0 || strcmp(op, "put_bucket_acl") == 0)
        set(&to->headers, "x-oss-acl", given("acl", "private"));
    if (strcmp(op, "copy") == 0)
        set(&to->headers, "x-oss-copy-source",
            format("/%s/%s", given("bucket", ""), url_encoded(given("source", ""), 1)));
    if (strcmp(op, "put") == 0 || strcmp(op, "append") == 0 || strcmp(op, "init") == 0
        || strcmp(op, "copy") == 0)
        set_content_type(to, key);
    if (strcmp(op, "put") == 0 || strcmp(op, "append") == 0) add(&to->headers, "Expect", "");
    if (strcmp(op, "complete") == 0 || strcmp(op, "delete_many") == 0)
        set(&to->headers, "Content-Type", "application/x-www-form-urlencoded");
    if (strcmp(op, "complete") == 0) build_complete_multipart_upload_body(&to->body);
    if (strcmp(op, "delete_many") == 0) {
        build_delete_objects_body(&to->body);
        add(&to->headers, "Content-MD5", md5_of_twenty(&to->body));
    }
}

static void answer(CURL *curl) {
    const char *op = given("op", "");
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        request made = {0};
        if (strcmp(operations[i].name, op) != 0) continue;
        made.method = field_of("method") ? field_of("method")->data : operations[i].method;
        take_headers(&made);
        place(&made, operations[i].scope == SERVICE ? NULL : given("bucket", ""),
              operations[i].scope == OBJECT ? given("key", NULL) : NULL);
        if (strcmp(op, "sign") == 0) {
            give_url(&made);
            return;
        }
        set_params(&made, operations[i].params);
        if (field_of("sub")) add(&made.params, given("sub", ""), "");
        prepare(&made, op);
        /* oss_util.h, init_sts_token_header */
        if (field_of("token")) set(&made.headers, "x-oss-security-token", given("token", ""));
        sign(&made);
        transfer(curl, &made);
        return;
    }
    tell("error", "no such operation", 17);
    printf("\n");
    fflush(stdout);
}

int main(void) {
    CURL *curl = curl_easy_init();
    char *line = NULL;
    size_t room = 0;
    while (getline(&line, &room, stdin) > 0) {
        read_fields(line);
        answer(curl);
    }
    return 0;
}
