"""``<QoSConfiguration>``: what is said, what is left out, what is refused."""

import pytest

from ossia.errors import InvalidArgument, MalformedXML
from ossia.protocol.bucket_qos import (
    UNLIMITED,
    parse_bucket_qos,
    render_bucket_qos,
)


def document(**values: object) -> bytes:
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in values.items())
    return f"<QoSConfiguration>{inner}</QoSConfiguration>".encode()


def test_what_is_not_given_is_without_limit() -> None:
    qos = parse_bucket_qos(document())
    assert {value for _, value in qos.values} == {UNLIMITED}
    assert (qos.upload, qos.download, qos.requests) == (-1, -1, -1)
    assert len(qos.values) == 9


def test_gigabits_are_bytes_and_everything_is_kept() -> None:
    qos = parse_bucket_qos(
        document(
            TotalUploadBandwidth=2, IntranetUploadBandwidth=2, TotalDownloadBandwidth=0, TotalQps=7
        )
    )
    assert (qos.upload, qos.download, qos.requests) == (250_000_000, 0, 7)
    stored = render_bucket_qos(qos)
    assert parse_bucket_qos(stored) == qos
    assert b"<IntranetUploadBandwidth>2</IntranetUploadBandwidth>" in stored
    assert b"<ExtranetQps>-1</ExtranetQps>" in stored


@pytest.mark.parametrize("kind", ["UploadBandwidth", "DownloadBandwidth", "Qps"])
@pytest.mark.parametrize("part", ["Intranet", "Extranet"])
def test_a_part_does_not_exceed_its_total(kind: str, part: str) -> None:
    parse_bucket_qos(document(**{f"Total{kind}": 5, f"{part}{kind}": 5}))
    parse_bucket_qos(document(**{f"Total{kind}": -1, f"{part}{kind}": 99}))
    parse_bucket_qos(document(**{f"{part}{kind}": 99}))
    with pytest.raises(InvalidArgument) as caught:
        parse_bucket_qos(document(**{f"{part}{kind}": 6, f"Total{kind}": 5}))
    assert caught.value.details["ArgumentName"] == f"{part}{kind}"


@pytest.mark.parametrize("value", [-2, -100])
def test_nothing_is_less_than_nothing(value: int) -> None:
    with pytest.raises(InvalidArgument):
        parse_bucket_qos(document(TotalQps=value))


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"<Other/>", document(TotalQps=""), document(TotalQps="many")),
        *(document(TotalQps="1.5"), document(TotalQps="+5"), document(TotalQps=10**9)),
        *(document(TotalQPS=5), document(Region="x")),
        b"<QoSConfiguration><TotalQps>1</TotalQps><TotalQps>2</TotalQps></QoSConfiguration>",
    ],
)
def test_what_is_not_understood_is_refused(content: bytes) -> None:
    with pytest.raises(MalformedXML):
        parse_bucket_qos(content)
