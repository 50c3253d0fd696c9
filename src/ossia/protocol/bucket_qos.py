"""How much a bucket may be asked for: ``<QoSConfiguration>``.

Sources: OSS documentation, PutBucketQoSInfo; the integration tests of oss2, of the Java SDK and of
the Go SDK v1: what is not given is -1, and what is a part may not exceed its total.
"""

import re
from dataclasses import dataclass
from typing import Final

from ossia.errors import InvalidArgument, MalformedXML
from ossia.protocol.xml import document, parse, tag

MAX_BYTES: Final = 64 * 1024
UNLIMITED: Final = -1
_ROOT: Final = "QoSConfiguration"
_NUMBER: Final = re.compile("-?[0-9]{1,9}")
_TOTALS: Final = {
    "TotalUploadBandwidth": ("IntranetUploadBandwidth", "ExtranetUploadBandwidth"),
    "TotalDownloadBandwidth": ("IntranetDownloadBandwidth", "ExtranetDownloadBandwidth"),
    "TotalQps": ("IntranetQps", "ExtranetQps"),
}
"""In the order in which they are told, each total before its parts."""
_NAMES: Final = tuple(name for total, parts in _TOTALS.items() for name in (total, *parts))
_BYTES_PER_GIGABIT: Final = 10**9 // 8


@dataclass(frozen=True, slots=True)
class BucketQos:
    """What a configuration says, by name: gigabits a second, requests a second; -1 is any."""

    values: tuple[tuple[str, int], ...]

    def of(self, name: str) -> int:
        """One of its numbers."""
        return dict(self.values)[name]

    @property
    def upload(self) -> int:
        """Bytes a second that may come; 0 is none, -1 any number."""
        return _bytes(self.of("TotalUploadBandwidth"))

    @property
    def download(self) -> int:
        """Bytes a second that may go; 0 is none, -1 any number."""
        return _bytes(self.of("TotalDownloadBandwidth"))

    @property
    def requests(self) -> int:
        """Requests a second; 0 is none, -1 any number."""
        return self.of("TotalQps")


def _bytes(gigabits: int) -> int:
    return UNLIMITED if gigabits == UNLIMITED else gigabits * _BYTES_PER_GIGABIT


def parse_bucket_qos(content: bytes) -> BucketQos:
    """Read ``<QoSConfiguration>``.  Raises `MalformedXML` or `InvalidArgument`."""
    root = parse(content, _ROOT)
    given: dict[str, int] = {}
    for each in root.children:
        if each.name not in _NAMES:
            raise MalformedXML(ErrorDetail=f"{each.name} is no element of a {_ROOT}.")
        if each.name in given:
            raise MalformedXML(ErrorDetail=f"There is more than one {each.name}.")
        given[each.name] = _number(each.name, each.text.strip())
    values = {name: given.get(name, UNLIMITED) for name in _NAMES}
    for total, parts in _TOTALS.items():
        for part in parts:
            if values[part] > values[total] != UNLIMITED:
                raise InvalidArgument(
                    f"{part} must not exceed {total}.",
                    ArgumentName=part,
                    ArgumentValue=str(values[part]),
                )
    return BucketQos(tuple(values.items()))


def _number(name: str, text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise MalformedXML(ErrorDetail=f"{name} must be an integer of at most nine digits.")
    number = int(text)
    if number < UNLIMITED:
        raise InvalidArgument(
            f"{name} must be -1, which is without limit, or more.",
            ArgumentName=name,
            ArgumentValue=text,
        )
    return number


def render_bucket_qos(qos: BucketQos) -> bytes:
    """Write ``<QoSConfiguration>``, with everything that it says."""
    return document(_ROOT, *(tag(name, value) for name, value in qos.values))
