"""PostObject's way in: its credentials and its key are form fields.

Order of checks (post-object.md, section 6): form, key, signature (by the authenticator), policy.
"""

from ossia.api.call import Call
from ossia.domain.identity.identities import CallerKind
from ossia.errors import InvalidArgument, MissingContentLength
from ossia.http.post_form import PostForm
from ossia.protocol.header_text import decode_header
from ossia.protocol.names import decode_key
from ossia.protocol.post_policy import PostPolicy

_KEY_MISSING = (
    "The bucket POST must contain the specified 'key'. If it is specified, please check the "
    "order of the fields"
)


async def read_form(call: Call) -> None:
    """Read the fields and decide the key."""
    headers = call.http.headers
    if b"content-length" not in headers and b"transfer-encoding" not in headers:
        raise MissingContentLength
    # Kept from the beginning: whoever ends the request closes it, however far it came.
    form = call.form = PostForm(call.http.body, headers[b"content-type"])
    await form.read_fields()
    template = form.fields.get("key")
    if not template:
        raise InvalidArgument(_KEY_MISSING)
    call.key = decode_key(template.replace("${filename}", _bare(form.filename or "")).encode())
    if not call.key:
        raise InvalidArgument(_KEY_MISSING)


def _bare(filename: str) -> str:
    """The last component: old browsers send a whole path."""
    return filename.replace("\\", "/").rpartition("/")[2]


def check_policy(call: Call) -> None:
    """Check the policy, which binds every signed form, before a byte of the file is kept."""
    form = call.form
    assert form is not None
    if call.caller.kind is CallerKind.ANONYMOUS:
        form.content_type = _content_type(form, is_bound=False)
        return
    # The claim has made sure that there is one; an empty one is no policy that allows everything.
    policy = PostPolicy.parse(form.fields["policy"])
    fields = dict(form.fields)
    # What will be stored is checked, whichever way it is said.
    acl = call.http.headers.get(b"x-oss-object-acl")
    if acl:
        fields.setdefault("x-oss-object-acl", decode_header(acl))
    form.content_type = _content_type(form, is_bound=policy.binds("content-type"))
    fields["content-type"] = form.content_type
    if not fields.get("x-oss-content-type"):
        fields["x-oss-content-type"] = form.content_type
    policy.check(fields, call.bucket_name, call.now_ms)
    call.post_length_range = policy.length_range


def _content_type(form: PostForm, *, is_bound: bool) -> str:
    """The one type of the object: that which is checked and that which is stored.

    post-object.md, section 2: x-oss-content-type, then the file part's type, then the field; but
    the part's type, which browsers guess, does not stand in for a field that the policy has bound.
    """
    fields = form.fields
    field, part = fields.get("content-type", ""), form.file_content_type or ""
    return fields.get("x-oss-content-type") or (field or part if is_bound else part or field)
