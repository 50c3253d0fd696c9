"""JSON that strangers and other servers wrote, read into a known shape."""

from typing import TypeVar

import msgspec

_T = TypeVar("_T")


def read_json(content: bytes, shape: type[_T]) -> _T:
    """*content* as *shape*.  Raises `ValueError`, whatever is wrong with it."""
    try:
        return msgspec.json.decode(content, type=shape)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(str(error)) from error
