// Sends what the C# SDK sends (github.com/aliyun/aliyun-oss-csharp-sdk, 2.14), over HttpWebRequest as it
// does on .NET Framework and Mono.
//
// The files named below are those of sdk/ there; the code is ours.
// Questions and answers: python/replayed.py.
using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Net;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using System.Xml.Serialization;

// Model/DeleteObjectsRequestModel.cs and Model/CompleteMultipartUploadRequestModel.cs: the serializer
// writes what these say.
[XmlRoot("Delete")]
public class DeleteModel
{
    public class ObjectToDelete
    {
        [XmlElement("Key")]
        public string Key { get; set; }
    }

    [XmlElement("Quiet")]
    public bool Quiet { get; set; }

    [XmlElement("Object")]
    public ObjectToDelete[] Keys { get; set; }
}

[XmlRoot("CompleteMultipartUpload")]
public class CompleteModel
{
    public class PartModel
    {
        [XmlElement("PartNumber")]
        public int PartNumber { get; set; }

        [XmlElement("ETag")]
        public string ETag { get; set; }
    }

    [XmlElement("Part")]
    public PartModel[] Parts { get; set; }
}

/// <summary>One question.</summary>
internal class Asked
{
    private readonly List<KeyValuePair<string, byte[]>> _fields;

    public Asked(string line)
    {
        _fields = line.Trim().Split(' ').Select(word =>
        {
            var at = word.IndexOf('=');
            return new KeyValuePair<string, byte[]>(word.Substring(0, at), Bytes(word.Substring(at + 1)));
        }).ToList();
    }

    private static byte[] Bytes(string hex)
    {
        return Enumerable.Range(0, hex.Length / 2)
            .Select(i => Convert.ToByte(hex.Substring(i * 2, 2), 16)).ToArray();
    }

    public byte[] Raw(string name)
    {
        return _fields.Where(each => each.Key == name).Select(each => each.Value).FirstOrDefault();
    }

    public IEnumerable<string> All(string name)
    {
        return _fields.Where(each => each.Key == name).Select(each => Encoding.UTF8.GetString(each.Value));
    }

    public string Get(string name, string otherwise = null)
    {
        return All(name).FirstOrDefault() ?? otherwise;
    }
}

/// <summary>Common/Communication/ServiceRequest.cs.</summary>
internal class ServiceRequest
{
    public string Method, Bucket, Key;
    public readonly Dictionary<string, string> Headers = new Dictionary<string, string>();
    public readonly Dictionary<string, string> Parameters = new Dictionary<string, string>();
    public byte[] Content;

    public string Header(string name)
    {
        string found;
        return Headers.TryGetValue(name, out found) ? found : "";
    }
}

internal static class Client
{
    private static readonly Uri Endpoint = new Uri(Setting("ENDPOINT"));

    private static bool IsIp
    {
        get { return Regex.IsMatch(Endpoint.Host, @"^(\d{1,3}\.){3}\d{1,3}$"); }
    }

    private static string Setting(string name)
    {
        return Environment.GetEnvironmentVariable("OSSIA_TEST_" + name);
    }

    // --- Util/HttpUtils.cs and Util/OssUtils.cs

    private static string EncodeUri(string raw)
    {
        const string allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~";
        var made = new StringBuilder();
        foreach (var each in Encoding.UTF8.GetBytes(raw ?? ""))
        {
            if (allowed.IndexOf((char)each) != -1)
                made.Append((char)each);
            else
                made.AppendFormat(CultureInfo.InvariantCulture, "%{0:X2}", each);
        }
        return made.ToString();
    }

    // UrlEncodeKey: the slashes at the start of a key that ends with one come twice.
    private static string UrlEncodeKey(string key)
    {
        var made = string.Join("/", key.Split('/').Select(EncodeUri));
        return key.EndsWith("/") ? made + new string('/', key.TakeWhile(c => c == '/').Count()) : made;
    }

    // MakeResourcePath: at an address the service is "//", behind the endpoint's "/" (W52).
    private static string ResourcePath(string bucket, string key)
    {
        return UrlEncodeKey(IsIp ? bucket + "/" + key : key ?? "");
    }

    private static string Authority(string bucket)
    {
        return bucket == null || IsIp ? Endpoint.Authority : bucket + "." + Endpoint.Authority;
    }

    // ServiceRequest.cs, BuildRequestUri; HttpUtils.cs, ConbineQueryString: names are not encoded.
    private static string PathAndQuery(ServiceRequest request)
    {
        var pairs = request.Parameters.Select(each =>
            each.Key + (string.IsNullOrEmpty(each.Value) ? "" : "=" + EncodeUri(each.Value)));
        var query = string.Join("&", pairs);
        return "/" + ResourcePath(request.Bucket, request.Key) + (query == "" ? "" : "?" + query);
    }

    // --- signatures

    private static string Resource(ServiceRequest request)
    {
        return "/" + (request.Bucket == null ? "" : request.Bucket + "/") + request.Key;
    }

    // Util/SignUtils.cs, ParamtersToSign, as far as it is asked for here
    private static readonly string[] ToSign =
    {
        "acl", "uploadId", "partNumber", "uploads", "cors", "logging", "website", "delete", "referer",
        "lifecycle", "security-token", "append", "position", "x-oss-process", "restore", "bucketInfo", "stat",
        "symlink", "location", "qos", "policy", "tagging", "requestPayment", "x-oss-traffic-limit",
        "objectMeta", "encryption", "versioning", "versionId", "versions", "live", "worm", "wormId",
        "wormExtend", "response-cache-control",
        "response-content-disposition", "response-content-encoding", "response-content-language",
        "response-content-type", "response-expires"
    };

    // Util/SignUtils.cs, BuildCanonicalString
    private static string SignatureV1(ServiceRequest request, string date, string secret)
    {
        var made = new StringBuilder();
        made.Append(request.Method).Append('\n').Append(request.Header("Content-MD5")).Append('\n')
            .Append(request.Header("Content-Type")).Append('\n').Append(date).Append('\n');
        foreach (var each in request.Headers.OrderBy(each => each.Key.ToLowerInvariant(), StringComparer.Ordinal))
        {
            if (each.Key.ToLowerInvariant().StartsWith("x-oss-"))
                made.Append(each.Key.ToLowerInvariant()).Append(':').Append(each.Value).Append('\n');
        }
        made.Append(Resource(request));
        var separator = '?';
        foreach (var each in request.Parameters.OrderBy(each => each.Key, StringComparer.Ordinal))
        {
            if (!ToSign.Contains(each.Key))
                continue;
            made.Append(separator).Append(each.Key);
            if (!string.IsNullOrEmpty(each.Value))
                made.Append('=').Append(each.Value);
            separator = '&';
        }
        using (var hmac = new HMACSHA1(Encoding.UTF8.GetBytes(secret)))
            return Convert.ToBase64String(hmac.ComputeHash(Encoding.UTF8.GetBytes(made.ToString())));
    }

    private static string Scope(string moment)
    {
        return moment.Substring(0, 8) + "/" + Setting("REGION") + "/oss/aliyun_v4_request";
    }

    // Util/OssRequestSignerV4.cs, CanonicalizeRequest and CalcSignature
    private static string SignatureV4(ServiceRequest request, string moment, string secret)
    {
        var pairs = request.Parameters
            .Select(each => new { Name = EncodeUri(each.Key), Value = EncodeUri(each.Value) })
            .OrderBy(each => each.Name, StringComparer.Ordinal)
            .Select(each => each.Name + (each.Value == "" ? "" : "=" + each.Value));
        var headers = request.Headers
            .Select(each => new { Name = each.Key.ToLowerInvariant(), Value = each.Value.Trim() })
            .Where(each => each.Name == "content-type" || each.Name == "content-md5"
                || each.Name.StartsWith("x-oss-"))
            .OrderBy(each => each.Name, StringComparer.Ordinal)
            .Select(each => each.Name + ":" + each.Value + "\n");
        var path = string.Join("/", Resource(request).Split('/').Select(EncodeUri));
        var canonical = string.Join("\n", request.Method, path, string.Join("&", pairs),
            string.Join("", headers), "", "UNSIGNED-PAYLOAD");
        byte[] digest;
        using (var sha256 = SHA256.Create())
            digest = sha256.ComputeHash(Encoding.UTF8.GetBytes(canonical));
        var key = Encoding.UTF8.GetBytes("aliyun_v4" + secret);
        foreach (var step in Scope(moment).Split('/'))
            key = Hmac256(key, step);
        return Hex(Hmac256(key, string.Join("\n", "OSS4-HMAC-SHA256", moment, Scope(moment), Hex(digest))));
    }

    private static byte[] Hmac256(byte[] key, string message)
    {
        using (var hmac = new HMACSHA256(key))
            return hmac.ComputeHash(Encoding.UTF8.GetBytes(message));
    }

    private static string Hex(byte[] bytes)
    {
        return string.Concat(bytes.Select(each => each.ToString("x2")));
    }

    private static string Moment()
    {
        return DateTime.UtcNow.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);
    }

    private static string Id(Asked asked)
    {
        return asked.Get("id", Setting("ACCESS_KEY_ID"));
    }

    private static string Secret(Asked asked)
    {
        return asked.Get("secret", Setting("ACCESS_KEY_SECRET"));
    }

    // Util/OssRequestSignerV1.cs and OssRequestSignerV4.cs, Sign
    private static void Sign(ServiceRequest request, Asked asked)
    {
        if (asked.Get("token") != null)
            request.Headers["x-oss-security-token"] = asked.Get("token");
        if (Setting("SIGNATURE") == "v4")
        {
            var moment = Moment();
            request.Headers["x-oss-content-sha256"] = "UNSIGNED-PAYLOAD";
            request.Headers["x-oss-date"] = moment;
            request.Headers["Authorization"] = "OSS4-HMAC-SHA256 Credential=" + Id(asked) + "/"
                + Scope(moment) + ",Signature=" + SignatureV4(request, moment, Secret(asked));
        }
        else
        {
            request.Headers["Authorization"] = "OSS " + Id(asked) + ":"
                + SignatureV1(request, request.Header("Date"), Secret(asked));
        }
    }

    // The same files, PreSign
    private static string PresignedUri(Asked asked)
    {
        var request = new ServiceRequest
        {
            Method = asked.Get("method"), Bucket = asked.Get("bucket"), Key = asked.Get("key")
        };
        AddHeaders(request, asked);
        var expires = asked.Get("expires");
        if (Setting("SIGNATURE") == "v4")
        {
            var moment = Moment();
            var now = (long)(DateTime.UtcNow - new DateTime(1970, 1, 1)).TotalSeconds;
            if (asked.Get("token") != null)
                request.Parameters["x-oss-security-token"] = asked.Get("token");
            request.Parameters["x-oss-signature-version"] = "OSS4-HMAC-SHA256";
            request.Parameters["x-oss-date"] = moment;
            request.Parameters["x-oss-expires"] = (long.Parse(expires) - now).ToString();
            request.Parameters["x-oss-credential"] = Id(asked) + "/" + Scope(moment);
            request.Parameters["x-oss-signature"] = SignatureV4(request, moment, Secret(asked));
        }
        else
        {
            if (asked.Get("token") != null)
                request.Parameters["security-token"] = asked.Get("token");
            var signature = SignatureV1(request, expires, Secret(asked));
            request.Parameters["Expires"] = expires;
            request.Parameters["OSSAccessKeyId"] = Id(asked);
            request.Parameters["Signature"] = signature;
        }
        return "http://" + Authority(request.Bucket) + PathAndQuery(request);
    }

    // --- sending: Common/Communication/ServiceClientImpl.cs

    private static readonly MethodInfo AddWithoutValidate = typeof(WebHeaderCollection).GetMethod(
        "AddWithoutValidate", BindingFlags.NonPublic | BindingFlags.Instance, null,
        new[] { typeof(string), typeof(string) }, null);

    private static HttpWebResponse Send(ServiceRequest request)
    {
        try
        {
            return SendOnce(request);
        }
        // Mono's "Error writing headers": it took a connection that is closed, and has sent nothing.
        catch (WebException exception) when (exception.Status == WebExceptionStatus.SendFailure)
        {
            return SendOnce(request);
        }
    }

    private static HttpWebResponse SendOnce(ServiceRequest request)
    {
        // Names are loopback: the connection goes to the address, Host says the name.
        var uri = new Uri("http://127.0.0.1:" + Endpoint.Port + PathAndQuery(request));
        var web = (HttpWebRequest)WebRequest.Create(uri);
        if (!IsIp)
            web.Host = Authority(request.Bucket);
        web.Method = request.Method;
        foreach (var each in request.Headers)
        {
            if (each.Key == "Content-Length" && request.Content == null)
                continue;
            AddWithoutValidate.Invoke(web.Headers, new object[] { each.Key, each.Value });
        }
        web.UserAgent = "aliyun-sdk-dotnet/2.14.1.0(windows 16.7/6.12.0.0/x86_64;4.0.30319.42000)";
        web.Proxy = null;
        if (request.Content != null && (request.Method == "PUT" || request.Method == "POST"))
        {
            web.ContentLength = request.Content.Length;
            using (var stream = web.GetRequestStream())
                stream.Write(request.Content, 0, request.Content.Length);
        }
        try
        {
            return (HttpWebResponse)web.GetResponse();
        }
        catch (WebException exception)
        {
            if (exception.Response == null)
                throw;
            return (HttpWebResponse)exception.Response;
        }
    }

    // --- the operations: Commands/

    private static void AddHeaders(ServiceRequest request, Asked asked)
    {
        foreach (var pair in asked.All("header"))
        {
            var at = pair.IndexOf(": ", StringComparison.Ordinal);
            request.Headers[pair.Substring(0, at)] = pair.Substring(at + 2);
        }
        foreach (var each in new[] { "callback:x-oss-callback", "variables:x-oss-callback-var" })
        {
            var names = each.Split(':');
            if (asked.Raw(names[0]) != null)
                request.Headers[names[1]] = Convert.ToBase64String(asked.Raw(names[0]));
        }
    }

    // Domain/ObjectMetadata.cs, Populate: a length of -1, which HttpWebRequest replaces, comes first and
    // metadata of the user's last.
    private static void AddMetadata(ServiceRequest request, Asked asked)
    {
        var asItIs = new ServiceRequest();
        AddHeaders(asItIs, asked);
        var ofTheUser = asItIs.Headers.Where(each => each.Key.StartsWith("x-oss-meta-")).ToList();
        request.Headers.Remove("Content-Type");
        request.Headers["Content-Length"] = "-1";
        foreach (var each in asItIs.Headers.Except(ofTheUser))
            request.Headers[each.Key] = each.Value;
        if (!request.Headers.ContainsKey("Content-Type"))
            request.Headers["Content-Type"] = ContentType(request.Key);
        foreach (var each in ofTheUser)
            request.Headers[each.Key] = each.Value;
    }

    // HttpUtils.cs, GetContentType
    private static string ContentType(string key)
    {
        var suffix = key.Substring(key.LastIndexOf('.') + 1).ToLowerInvariant();
        return suffix == "txt" ? "text/plain" : suffix == "xml" ? "text/xml" : "application/octet-stream";
    }

    // Transform/XmlStreamSerializer.cs
    private static byte[] Serialized<T>(T model)
    {
        var stream = new MemoryStream();
        var namespaces = new XmlSerializerNamespaces();
        namespaces.Add(string.Empty, string.Empty);
        new XmlSerializer(typeof(T)).Serialize(stream, model, namespaces);
        return stream.ToArray();
    }

    private static DeleteModel Delete(Asked asked)
    {
        return new DeleteModel
        {
            Keys = asked.All("name").Select(each => new DeleteModel.ObjectToDelete { Key = each }).ToArray()
        };
    }

    private static CompleteModel Complete(Asked asked)
    {
        var parts = asked.All("part").Select(each => each.Split(new[] { ':' }, 2));
        return new CompleteModel
        {
            Parts = parts.Select(each => new CompleteModel.PartModel
            {
                PartNumber = int.Parse(each[0]), ETag = each[1]
            }).ToArray()
        };
    }

    private static void Prepare(ServiceRequest request, Asked asked)
    {
        var parameters = request.Parameters;
        switch (asked.Get("op"))
        {
            case "list_buckets":
                request.Method = "GET";
                request.Bucket = null;
                parameters["prefix"] = asked.Get("prefix");
                break;
            case "create_bucket":
                request.Method = "PUT";
                request.Headers["x-oss-acl"] = asked.Get("acl");
                request.Content = new byte[0];
                break;
            case "delete_bucket":
                request.Method = "DELETE";
                break;
            case "put_bucket_acl":
                request.Method = "PUT";
                request.Headers["x-oss-acl"] = asked.Get("acl");
                parameters["acl"] = null;
                break;
            case "get_bucket_acl":
                request.Method = "GET";
                parameters["acl"] = null;
                break;
            case "list":
                request.Method = "GET";
                parameters["prefix"] = asked.Get("prefix");
                parameters["marker"] = asked.Get("marker");
                parameters["delimiter"] = asked.Get("delimiter");
                parameters["max-keys"] = asked.Get("max");
                parameters["encoding-type"] = "url";
                break;
            case "delete_many":
                request.Method = "POST";
                parameters["delete"] = null;
                parameters["encoding-type"] = "url";
                request.Content = Serialized(Delete(asked));
                request.Headers["Content-Length"] = request.Content.Length.ToString();
                using (var md5 = MD5.Create())
                    request.Headers["Content-MD5"] = Convert.ToBase64String(md5.ComputeHash(request.Content));
                break;
            case "setting":
                // Commands/SetBucketPolicyCommand.cs, GetBucketStatCommand.cs, SetObjectAclCommand.cs, …:
                // they differ in nothing else.
                request.Method = asked.Get("method");
                request.Key = asked.Get("key");
                if (asked.Get("sub") != null)
                    parameters[asked.Get("sub")] = null;
                foreach (var pair in asked.All("signed").Concat(asked.All("query"))
                             .Select(each => each.Split(new[] { ": " }, 2, 0)))
                    parameters[pair[0]] = pair[1];
                AddHeaders(request, asked);
                request.Content = asked.Raw("body");
                break;
            default:
                PrepareObject(request, asked);
                break;
        }
    }

    private static void PrepareObject(ServiceRequest request, Asked asked)
    {
        var parameters = request.Parameters;
        request.Key = asked.Get("key");
        switch (asked.Get("op"))
        {
            case "put":
                request.Method = "PUT";
                AddMetadata(request, asked);
                request.Content = asked.Raw("body");
                break;
            case "get":
                request.Method = "GET";
                AddHeaders(request, asked);
                break;
            case "head":
                request.Method = "HEAD";
                break;
            case "delete":
                request.Method = "DELETE";
                break;
            case "copy":
                request.Method = "PUT";
                request.Headers["x-oss-copy-source"]
                    = "/" + request.Bucket + "/" + UrlEncodeKey(asked.Get("source"));
                break;
            case "append":
                request.Method = "POST";
                parameters["append"] = string.Empty;
                parameters["position"] = asked.Get("position");
                AddMetadata(request, asked);
                request.Content = asked.Raw("body");
                break;
            case "init":
                request.Method = "POST";
                parameters["uploads"] = null;
                parameters["encoding-type"] = "url";
                AddMetadata(request, asked);
                request.Content = new byte[0];
                break;
            case "part":
                request.Method = "PUT";
                parameters["partNumber"] = asked.Get("number");
                parameters["uploadId"] = asked.Get("upload");
                request.Content = asked.Raw("body");
                break;
            case "list_parts":
                request.Method = "GET";
                parameters["uploadId"] = asked.Get("upload");
                parameters["encoding-type"] = "url";
                break;
            case "complete":
                request.Method = "POST";
                parameters["uploadId"] = asked.Get("upload");
                AddHeaders(request, asked);
                request.Content = Serialized(Complete(asked));
                break;
            case "abort":
                request.Method = "DELETE";
                parameters["uploadId"] = asked.Get("upload");
                break;
            default:
                throw new ArgumentException("no such operation");
        }
    }

    // OssCommand.cs, BuildRequest: an empty Content-Type where the command has none.
    private static void Answer(Asked asked)
    {
        if (asked.Get("op") == "sign")
        {
            Tell("status", Encoding.UTF8.GetBytes("200"));
            Tell("body", Encoding.UTF8.GetBytes(PresignedUri(asked)));
            return;
        }
        var request = new ServiceRequest { Bucket = asked.Get("bucket") };
        request.Headers["Date"] = DateTime.UtcNow.ToString("r", CultureInfo.InvariantCulture);
        request.Headers["Content-Type"] = string.Empty;
        Prepare(request, asked);
        Sign(request, asked);
        using (var response = Send(request))
        {
            foreach (string name in response.Headers)
                Tell("header", Encoding.GetEncoding("iso-8859-1").GetBytes(name + ": " + response.Headers[name]));
            var body = new MemoryStream();
            response.GetResponseStream().CopyTo(body);
            Tell("status", Encoding.UTF8.GetBytes(((int)response.StatusCode).ToString()));
            Tell("body", body.ToArray());
        }
    }

    private static void Tell(string name, byte[] value)
    {
        Console.Write(name + "=" + Hex(value) + " ");
    }

    private static void Main()
    {
        string line;
        while ((line = Console.ReadLine()) != null)
        {
            try
            {
                Answer(new Asked(line));
            }
            catch (Exception exception)
            {
                Tell("error", Encoding.UTF8.GetBytes(exception.GetType().Name + ": " + exception.Message));
            }
            Console.WriteLine();
            Console.Out.Flush();
        }
    }
}
