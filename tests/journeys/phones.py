"""What the Android and the iOS SDK do on the wire, written by hand from their sources.

Nothing of Ossia is used: names, orders and quirks are the SDKs'.  Files named in comments are those
of aliyun-oss-android-sdk (below ``com/alibaba/sdk/android/oss``) and aliyun-oss-ios-sdk
(``AliyunOSSSDK``).  The Android SDK itself runs in ``tests/conformance/sdk/test_sdk_android.py``.
"""

import base64
import hashlib
import hmac
import http.client
import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlsplit
from urllib.request import urlopen
from xml.etree import ElementTree as ET

import fastcrc

Clock = Callable[[], float]

REFRESH_S = 5 * 60
"""Android: common/auth/OSSFederationCredentialProvider.java, ``getExpiration() - 5 * 60``.
iOS: OSSModel.m, ``OSSFederationCredentialProvider getToken:``, ``interval < 5 * 60``."""


class ServiceError(Exception):
    """The SDKs' exception for an answer that is no success; 203 is one."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message


class ClientError(Exception):
    """What the SDK itself finds wrong."""


class InterruptedUpload(Exception):  # noqa: N818 - what happens to a phone
    """The app was killed between two parts."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def element(self, name: str) -> str:
        return ET.fromstring(self.body).findtext(name) or ""  # noqa: S314 - our own server


@dataclass(frozen=True)
class Token:
    access_key_id: str
    secret: str
    security_token: str
    expires_at: float


@dataclass(frozen=True)
class Uploaded:
    """``callback_body`` is getServerCallbackReturnBody() or serverReturnJsonString."""

    etag: str
    callback_body: str


@dataclass
class Callback:
    """callbackParam and callbackVars, two dictionaries of the app."""

    param: dict[str, str]
    variables: dict[str, str] = field(default_factory=dict)


def crc64(data: bytes) -> int:
    return fastcrc.crc64.xz(data)


def md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data).digest()).decode()


def sha1_signature(token: Token, text: str) -> str:
    digest = hmac.new(token.secret.encode(), text.encode(), hashlib.sha1).digest()
    return f"OSS {token.access_key_id}:{base64.b64encode(digest).decode()}"


def exchange(
    netloc: str, method: str, target: str, headers: Mapping[str, str], body: bytes | None
) -> Answer:
    """Send exactly these headers."""
    connection = http.client.HTTPConnection(netloc, timeout=20)
    try:
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value.encode())
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        return Answer(response.status, dict(response.getheaders()), response.read())
    finally:
        connection.close()


class Phone(Protocol):
    """What both SDKs offer to an app."""

    tokens_fetched: int
    sent: list[tuple[str, str, dict[str, str]]]

    def put(self, key: str, content: bytes, callback: Callback | None = None) -> Uploaded: ...

    def resumable(
        self,
        key: str,
        path: Path,
        callback: Callback | None = None,
        *,
        records: Path | None = None,
        stop_after: int = 10_000,
    ) -> Uploaded: ...


class AndroidClient:
    """OSSClient with OSSAuthCredentialsProvider."""

    def __init__(
        self, endpoint: str, bucket: str, token_url: str, clock: Clock = time.time
    ) -> None:
        self._endpoint = urlsplit(endpoint)
        self._bucket = bucket
        self._token_url = token_url
        self._clock = clock
        self._skew = 0.0
        self._token: Token | None = None
        self.tokens_fetched = 0
        self.sent: list[tuple[str, str, dict[str, str]]] = []

    # --- common/auth

    def _valid_token(self) -> Token:
        if self._token is None or self._now() > self._token.expires_at - REFRESH_S:
            self._token = self._federation_token()
        return self._token

    def _federation_token(self) -> Token:
        """common/auth/OSSAuthCredentialsProvider.java: HttpURLConnection, org.json."""
        self.tokens_fetched += 1
        try:
            # getInputStream() throws for 4xx and 5xx.
            with urlopen(self._token_url, timeout=10) as response:
                answer = json.load(response)
            # getInt reads numbers and texts that are numbers; a missing name throws.
            if int(answer["StatusCode"]) != 200:
                raise ClientError(
                    f"ErrorCode: {answer['ErrorCode']}| ErrorMessage: {answer['ErrorMessage']}"
                )
            return Token(
                answer["AccessKeyId"],
                answer["AccessKeySecret"],
                answer["SecurityToken"],
                self._expiration(answer["Expiration"]),
            )
        except (OSError, KeyError, ValueError) as error:
            raise ClientError(repr(error)) from error

    def _expiration(self, text: str) -> float:
        """common/auth/OSSFederationToken.java, ``setExpirationInGMTFormat``: on failure now+30."""
        try:
            parsed = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        except ValueError:
            return self._now() + 30
        return parsed.timestamp()

    def _now(self) -> float:
        """common/utils/DateUtil.java, ``getFixedSkewedTimeMillis``."""
        return self._clock() + self._skew

    # --- internal/RequestMessage.java, network/OSSRequestTask.java

    def _call(
        self,
        method: str,
        key: str,
        parameters: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
        tries: int = 3,
    ) -> Answer:
        given = dict(headers or {})
        # internal/InternalRequestOperation.java, ``canonicalizeRequestMessage``.
        given.setdefault("Date", formatdate(self._now(), usegmt=True))
        if method in ("PUT", "POST"):
            given.setdefault("Content-Type", self._content_type(key))
        given["User-Agent"] = "aliyun-sdk-android/2.9.5(Linux/Android 13/Pixel%207;TQ3A)"
        token = self._valid_token()
        given["x-oss-security-token"] = token.security_token
        given["Authorization"] = sha1_signature(
            token, self._to_sign(method, key, parameters, given)
        )
        # buildCanonicalURL: path style at IP addresses in later versions.  okhttp adds the last three.
        target = f"/{self._bucket}/{quote(key, safe='/-_.~')}"
        if parameters:
            target += "?" + "&".join(
                quote(name, safe="") + (f"={quote(value, safe='')}" if value else "")
                for name, value in parameters.items()
            )
        wire = {
            **given,
            "Host": self._endpoint.netloc,
            "Connection": "Keep-Alive",
            "Accept-Encoding": "gzip",
        }
        if body is None and method == "POST":
            body = b""
        answer = exchange(self._endpoint.netloc, method, target, wire, body)
        self.sent.append((method, target, wire))
        # OSSRequestTask.java: 203 is a failure, as is everything from 300.
        if answer.status != 203 and answer.status < 300:
            return answer
        error = ServiceError(answer.status, answer.element("Code"), answer.element("Message"))
        if error.code == "RequestTimeTooSkewed" and tries > 1:
            # internal/OSSRetryHandler.java: OSSRetryTypeShouldFixedTimeSkewedAndRetry.
            server = parsedate_to_datetime(answer.headers["Date"]).timestamp()
            self._skew = server - self._clock()
            again = {**(headers or {}), "Date": answer.headers["Date"]}
            return self._call(method, key, parameters, again, body, tries - 1)
        raise error

    @staticmethod
    def _content_type(key: str) -> str:
        """common/utils/OSSUtils.java, ``determineContentType`` by MimeTypeMap."""
        known = {"jpg": "image/jpeg", "png": "image/png", "txt": "text/plain"}
        return known.get(key.rpartition(".")[2], "application/octet-stream")

    def _to_sign(
        self, method: str, key: str, parameters: dict[str, str] | None, headers: dict[str, str]
    ) -> str:
        """common/utils/OSSUtils.java, ``buildCanonicalString``."""
        lower = {name.lower(): value.strip() for name, value in headers.items()}
        plain = [lower.get("content-md5", ""), lower.get("content-type", ""), lower["date"]]
        own = [f"{name}:{lower[name]}" for name in sorted(lower) if name.startswith("x-oss-")]
        resource = f"/{self._bucket}/{key}"
        signed = ("uploads", "uploadId", "partNumber")
        pairs = [
            f"{name}={value}" if value else name
            for name, value in sorted((parameters or {}).items())
            if name in signed
        ]
        return "\n".join(
            [method, *plain, *own, resource + ("?" + "&".join(pairs) if pairs else "")]
        )

    @staticmethod
    def _encoded(values: dict[str, str]) -> str:
        """OSSUtils.populateMapToBase64JsonString: org.json escapes slashes; Base64.NO_WRAP."""
        text = json.dumps(values, ensure_ascii=False, separators=(",", ":")).replace("/", "\\/")
        return base64.b64encode(text.encode()).decode()

    def _callback_headers(self, callback: Callback | None) -> dict[str, str]:
        if callback is None:
            return {}
        headers = {"x-oss-callback": self._encoded(callback.param)}
        if callback.variables:
            headers["x-oss-callback-var"] = self._encoded(callback.variables)
        return headers

    # --- OSSClient.java

    def put(self, key: str, content: bytes, callback: Callback | None = None) -> Uploaded:
        answer = self._call("PUT", key, headers=self._callback_headers(callback), body=content)
        self._check(answer, content)
        # ResponseParsers.PutObjectResponseParser: ``headers.get("ETag")``, whatever body there is.
        return Uploaded(answer.headers["ETag"].strip('"'), answer.body.decode())

    @staticmethod
    def _check(answer: Answer, content: bytes) -> None:
        """OSSUtils.checkChecksum, with ClientConfiguration.setCheckCRC64(true)."""
        if int(answer.headers["x-oss-hash-crc64ecma"]) != crc64(content):
            raise ClientError("InconsistentException")

    def resumable(
        self,
        key: str,
        path: Path,
        callback: Callback | None = None,
        *,
        records: Path | None = None,
        stop_after: int = 10_000,
    ) -> Uploaded:
        """internal/ResumableUploadTask.java over BaseMultipartUploadTask.java."""
        content, size = path.read_bytes(), 256 * 1024
        record = records / self._record_name(content, key, size) if records else None
        upload_id, parts = self._begun(key, record, size)
        count = math.ceil(len(content) / size)
        for number in range(1, count + 1):
            if number in parts:
                continue
            if number > stop_after:
                raise InterruptedUpload
            piece = content[(number - 1) * size : number * size]
            answer = self._call(
                "PUT",
                key,
                {"uploadId": upload_id, "partNumber": str(number)},
                {"Content-MD5": md5(piece)},
                piece,
            )
            self._check(answer, piece)
            parts[number] = answer.headers["ETag"].strip('"')
        answer = self._call(
            "POST",
            key,
            {"uploadId": upload_id},
            self._callback_headers(callback),
            self._complete_body(parts),
        )
        self._check(answer, content)
        if record:
            record.unlink()
        # ResponseParsers.CompleteMultipartUploadResponseParser: exactly this text decides.
        if answer.headers["Content-Type"] == "application/xml":
            return Uploaded(answer.element("ETag"), "")
        return Uploaded("", answer.body.decode())

    def _begun(self, key: str, record: Path | None, size: int) -> tuple[str, dict[int, str]]:
        """The upload of the record with its parts, or a new one."""
        upload_id = record.read_text() if record and record.exists() else ""
        if upload_id:
            try:
                return upload_id, self._list_parts(key, upload_id, size)
            except ServiceError as error:
                if error.status != 404:
                    raise
        upload_id = self._call("POST", key, {"uploads": ""}).element("UploadId")
        if record:
            record.write_text(upload_id)
        return upload_id, {}

    def _record_name(self, content: bytes, key: str, size: int) -> str:
        digest = hashlib.md5(content).hexdigest()
        return hashlib.md5(f"{digest}{self._bucket}{key}{size}".encode()).hexdigest()

    def _list_parts(self, key: str, upload_id: str, size: int) -> dict[int, str]:
        tree = ET.fromstring(self._call("GET", key, {"uploadId": upload_id}).body)  # noqa: S314 - of the server under test
        found = {}
        for part in tree.iter("Part"):
            # Integer.valueOf, Long.valueOf and DateUtil.parseIso8601Date throw for other texts.
            modified = part.findtext("LastModified") or ""
            datetime.strptime(modified, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
            if int(part.findtext("Size") or "") != size:
                raise ClientError("The part size setting is inconsistent with before")
            # Not trimmed: quotes go into the document as they came.
            found[int(part.findtext("PartNumber") or "")] = part.findtext("ETag") or ""
        return found

    @staticmethod
    def _complete_body(parts: dict[int, str]) -> bytes:
        """OSSUtils.buildXMLFromPartEtagList: nothing is escaped."""
        rows = "".join(
            f"<Part>\n<PartNumber>{number}</PartNumber>\n<ETag>{etag}</ETag>\n</Part>\n"
            for number, etag in sorted(parts.items())
        )
        return f"<CompleteMultipartUpload>\n{rows}</CompleteMultipartUpload>\n".encode()


class IosClient:
    """OSSClient with OSSAuthCredentialProvider, isPathStyleAccessEnable and crc64Verifiable."""

    def __init__(
        self, endpoint: str, bucket: str, token_url: str, clock: Clock = time.time
    ) -> None:
        self._endpoint = urlsplit(endpoint)
        self._bucket = bucket
        self._token_url = token_url
        self._clock = clock
        self._skew = 0.0
        self._token: Token | None = None
        self.tokens_fetched = 0
        self.sent: list[tuple[str, str, dict[str, str]]] = []

    # --- OSSModel.m

    def _valid_token(self) -> Token:
        """``OSSFederationCredentialProvider getToken:``."""
        if self._token is None or self._token.expires_at - self._now() < REFRESH_S:
            self._token = self._federation_token()
        return self._token

    def _federation_token(self) -> Token:
        """``OSSAuthCredentialProvider initWithAuthServerUrl:``."""
        self.tokens_fetched += 1
        try:
            with urlopen(self._token_url, timeout=10) as response:
                answer: dict[str, Any] = json.load(response)
        except OSError as error:
            raise ClientError("Can't get a federation token") from error
        # intValue of a missing object is 0.
        if int(answer.get("StatusCode", 0)) != 200:
            raise ClientError("Can't get a federation token")
        # dateFormat "yyyy-MM-dd'T'HH:mm:ssZ": no fraction; nil counts as 1970.
        expires = datetime.strptime(answer["Expiration"], "%Y-%m-%dT%H:%M:%S%z").timestamp()
        return Token(
            answer["AccessKeyId"], answer["AccessKeySecret"], answer["SecurityToken"], expires
        )

    def _now(self) -> float:
        """NSDate+OSS.m, ``oss_clockSkewFixedDate``."""
        return self._clock() + self._skew

    @staticmethod
    def _encoded(values: dict[str, str]) -> str:
        """``NSDictionary(OSS) base64JsonString``: ``\\/`` becomes ``/``; no line breaks."""
        text = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
        return base64.b64encode(text.encode()).decode()

    def _authorization(
        self,
        token: Token,
        method: str,
        key: str,
        params: dict[str, str],
        headers: dict[str, str],
    ) -> str:
        """``OSSSignerInterceptor interceptRequestMessage:``; only ``x-oss-`` headers are sorted."""
        own = "".join(
            f"{name}:{headers[name]}\n" for name in sorted(headers) if name.startswith("x-oss-")
        )
        signed = ("uploadId", "partNumber", "uploads")
        pairs = [
            name if value == "" else f"{name}={value}"
            for name, value in sorted(params.items())
            if name in signed
        ]
        resource = f"/{self._bucket}/{key}" + (f"?{'&'.join(pairs)}" if pairs else "")
        md5_text, kind = headers.get("Content-MD5", ""), headers.get("Content-Type", "")
        return sha1_signature(
            token, f"{method}\n{md5_text}\n{kind}\n{headers['Date']}\n{own}{resource}"
        )

    # --- OSSNetworkingRequestDelegate.m, OSSNetworking.m

    def _call(
        self,
        method: str,
        key: str,
        params: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
        tries: int = 3,
    ) -> Answer:
        token = self._valid_token()
        given = {**(headers or {}), "x-oss-security-token": token.security_token}
        given["Date"] = formatdate(self._now(), usegmt=True)
        given["Authorization"] = self._authorization(token, method, key, params or {}, given)
        # ``buildCanonicalPathWithUrlPath:`` and ``encodeURL:``.
        target = f"/{self._bucket}/{quote(key, safe='/-_.~')}"
        if params:
            # A dictionary of no order.
            target += "?" + "&".join(
                quote(name, safe="") + (f"={quote(value, safe='')}" if value else "")
                for name, value in reversed(params.items())
            )
        wire = {
            # ``buildInternalHttpRequest`` sets the host without its port.
            "Host": self._endpoint.hostname or "",
            "User-Agent": "aliyun-sdk-ios/2.11.1(/iOS/17.0/en_US)",
            "Accept": "*/*",
            "Accept-Language": "en-US,en;q=0.9",
            "Accept-Encoding": "gzip, deflate",
            "Connection": "keep-alive",
            **given,
        }
        if body is None and method == "POST":
            body = b""
        answer = exchange(self._endpoint.netloc, method, target, wire, body)
        self.sent.append((method, target, wire))
        # OSSNetworking.m, ``didReceiveResponse:``: 2xx but 203.
        if 200 <= answer.status < 300 and answer.status != 203:
            return answer
        error = ServiceError(answer.status, answer.element("Code"), answer.element("Message"))
        if error.code == "RequestTimeTooSkewed" and tries > 1:
            # OSSURLRequestRetryHandler.m: OSSNetworkingRetryTypeShouldCorrectClockSkewAndRetry.
            server = parsedate_to_datetime(answer.headers["Date"]).timestamp()
            self._skew = server - self._clock()
            return self._call(method, key, params, headers, body, tries - 1)
        raise error

    @staticmethod
    def _header(answer: Answer, name: str) -> str:
        """NSHTTPURLResponse writes known names its own way: ``Etag`` for ``ETag``."""
        lower = {each.lower(): value for each, value in answer.headers.items()}
        return lower[name.lower()]

    def _check(self, answer: Answer, content: bytes) -> None:
        """OSSClient.m: OSSClientErrorCodeInvalidCRC."""
        if int(self._header(answer, "x-oss-hash-crc64ecma")) != crc64(content):
            raise ClientError("crc64 is not equal")

    def _callback_headers(self, callback: Callback | None) -> dict[str, str]:
        if callback is None:
            return {}
        headers = {"x-oss-callback": self._encoded(callback.param)}
        if callback.variables:
            headers["x-oss-callback-var"] = self._encoded(callback.variables)
        return headers

    # --- OSSClient.m

    def put(self, key: str, content: bytes, callback: Callback | None = None) -> Uploaded:
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-MD5": md5(content),
            **self._callback_headers(callback),
        }
        answer = self._call("PUT", key, headers=headers, body=content)
        self._check(answer, content)
        return Uploaded(self._header(answer, "Etag").strip('"'), answer.body.decode())

    def resumable(
        self,
        key: str,
        path: Path,
        callback: Callback | None = None,
        *,
        records: Path | None = None,
        stop_after: int = 10_000,
    ) -> Uploaded:
        """``multipartUpload:resumable:sequential:``; part ETags keep their quotes throughout."""
        content, size = path.read_bytes(), 256 * 1024
        record = records / self._record_name(content, key, size) if records else None
        upload_id, parts = self._begun(key, record, len(content), size)
        for number in range(1, math.ceil(len(content) / size) + 1):
            if number in parts:
                continue
            if number > stop_after:
                raise InterruptedUpload
            piece = content[(number - 1) * size : number * size]
            answer = self._call(
                "PUT",
                key,
                {"partNumber": str(number), "uploadId": upload_id},
                {"Content-MD5": md5(piece)},
                piece,
            )
            self._check(answer, piece)
            parts[number] = self._header(answer, "Etag")
        answer = self._call(
            "POST",
            key,
            {"uploadId": upload_id},
            self._callback_headers(callback),
            self._complete_body(parts),
        )
        self._check(answer, content)
        if record:
            record.unlink()
        # OSSHttpResponseParser.m: ``isEqual:@"application/xml"``.
        if self._header(answer, "Content-Type") == "application/xml":
            return Uploaded(answer.element("ETag"), "")
        return Uploaded("", answer.body.decode())

    def _begun(
        self, key: str, record: Path | None, total: int, size: int
    ) -> tuple[str, dict[int, str]]:
        """The upload of the record with its parts, or a new one."""
        upload_id = record.read_text() if record and record.exists() else ""
        if upload_id:
            try:
                return upload_id, self._list_parts(key, upload_id, total, size)
            except ServiceError as error:
                # iOS: ``error.code == -404``.
                if error.status != 404:
                    raise
        upload_id = self._call("POST", key, {"uploads": ""}).element("UploadId")
        if record:
            record.write_text(upload_id)
        return upload_id, {}

    def _record_name(self, content: bytes, key: str, size: int) -> str:
        """``readUploadIdForRequest:``; the suffix says that CRC is checked."""
        digest = hashlib.md5(content).hexdigest()
        return hashlib.md5(f"{digest}{self._bucket}{key}{size}_crc".encode()).hexdigest()

    def _list_parts(self, key: str, upload_id: str, total: int, size: int) -> dict[int, str]:
        """``processListPartsWithObjectKey:``."""
        params = {"uploadId": upload_id, "part-number-marker": "0"}
        parts = list(ET.fromstring(self._call("GET", key, params).body).iter("Part"))  # noqa: S314 - of the server under test
        sizes = [int(part.findtext("Size") or "") for part in parts]
        if total < sum(sizes) or (sizes and sizes[0] not in (size, total)):
            raise ClientError("The part size setting is inconsistent with before")
        return {int(p.findtext("PartNumber") or ""): p.findtext("ETag") or "" for p in parts}

    @staticmethod
    def _complete_body(parts: dict[int, str]) -> bytes:
        """OSSUtil.m, ``constructHttpBodyFromPartInfos:``."""
        rows = "".join(
            f"<Part>\n<PartNumber>{number}</PartNumber>\n<ETag>{etag}</ETag>\n</Part>\n"
            for number, etag in sorted(parts.items())
        )
        return f"<CompleteMultipartUpload>\n{rows}</CompleteMultipartUpload>\n".encode()
