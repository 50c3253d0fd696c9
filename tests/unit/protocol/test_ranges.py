from hypothesis import given
from hypothesis import strategies as st

from ossia.errors import InvalidRange
from ossia.protocol.ranges import resolve_copy_range, resolve_range


@given(st.text(max_size=30), st.integers(0, 100), st.booleans())
def test_a_range_lies_inside_the_object(header: str, size: int, standard: bool) -> None:
    try:
        chosen = resolve_range(header, size, standard=standard)
    except InvalidRange:
        assert standard
        return
    if chosen is not None:
        start, length = chosen
        assert 0 <= start < start + length <= size


@given(st.integers(0, 99), st.integers(0, 120), st.booleans())
def test_well_formed_ranges(first: int, last: int, standard: bool) -> None:
    chosen = resolve_range(f"bytes={first}-{last}", 100, standard=standard)
    if last < first:
        assert chosen is None
    elif last < 100:
        assert chosen == (first, last - first + 1)
    else:
        assert chosen == ((first, 100 - first) if standard else None)


def test_copy_ranges_behave_by_default() -> None:
    assert resolve_copy_range("bytes=1-2", 10) == (1, 2)
    assert resolve_copy_range("bytes=1-20", 10) is None
