"""``Location`` of an object that was just made: where its maker can find it.

As the real service does, it is built of the host and scheme that were asked for (witnessed.md,
W19).  Behind a proxy that ends TLS the scheme is that of the public URL, if the host is its host.
"""

from urllib.parse import quote, urlsplit

from ossia.api.call import Call


def location_of(call: Call) -> str:
    """The URL of the request's object, with the bucket in host or path as in the request."""
    services, request = call.services, call.http
    place = quote(call.key).replace("~", "%7E")
    if not call.in_host:
        place = f"{call.bucket_name}/{place}"
    name = request.headers.get(b"host", b"").decode("latin-1") or services.endpoint
    public = urlsplit(services.public_url)
    is_public = name in (public.netloc, f"{call.bucket_name}.{public.netloc}")
    scheme = "https" if request.secure else public.scheme if is_public else "http"
    return f"{scheme}://{name}/{place}"
