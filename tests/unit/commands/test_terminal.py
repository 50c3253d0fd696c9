"""Issue 10, D11: nothing that cannot be seen reaches a terminal as it is."""

import json
import sys
import unicodedata

import pytest

from ossia.commands.callbacks_text import line, page, pending_line, table
from ossia.commands.policy import _lines as policy_lines
from ossia.commands.ram import done, print_entries, print_entry
from ossia.commands.terminal import json_line, safe

BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
INVISIBLE = "\u00ad\u034f\u115f\u1160\u180e\u200b\u200c\u200d\u2028\u2029\u2060\u2064\u206a\u2800\u3164\ufeff\ufe0f\uffa0\U000e0001\U000e0041\U000e0100"
CONTROL = "".join(map(chr, (*range(0x20), *range(0x7F, 0xA0))))
EVERYTHING_HIDDEN = CONTROL + BIDI + INVISIBLE
SEEN = "a~é中أ ש\u00a0\u3000😀ﬀ\\x41"


def hidden_in(text: str, allowed: str = "\n\t") -> set[str]:
    """What a reader of *text* would not see, by Unicode's own account."""
    return {
        char
        for char in text
        if char not in allowed
        and (
            unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
            or char in INVISIBLE
        )
    }


def test_d11_every_character_that_is_not_seen_is_marked() -> None:
    everything = "".join(map(chr, range(sys.maxunicode + 1)))
    assert hidden_in(safe(everything), "") == set()
    assert hidden_in(json_line(everything), "") == set()
    for char in EVERYTHING_HIDDEN:
        assert safe(char).startswith("\\")
        assert safe(f"a{char}b") == f"a{safe(char)}b"
    assert safe("exe.\u202egpj") == "exe.\\u202egpj"
    assert safe("\x1b[2J\x9b") == "\\x1b[2J\\x9b"
    assert safe("\U000e0041") == "\\U000e0041"


def test_d11_what_is_seen_stays() -> None:
    assert safe(SEEN) == SEEN
    assert safe("a\tb\n", keep="\t") == "a\tb\\x0a"


@pytest.mark.parametrize("indent", [None, 2])
def test_d11_json_means_the_same(indent: int | None) -> None:
    value = {f"k{EVERYTHING_HIDDEN}": [EVERYTHING_HIDDEN, SEEN, {"a": 1.5, "b": None}]}
    assert json.loads(json_line(value, indent)) == value
    assert SEEN.replace("\\", "\\\\") in json_line(value, indent)


HOSTILE = f"\u202egpj.exe\x1b[31m\nFAKE ROW\u200b{EVERYTHING_HIDDEN}"
SHOWN = {"text": HOSTILE, "base64": None}
ROW = {
    "id": "1", "at": "2026-01-01T00:00:00Z", "kind": "upload", "attempt": 1, "bucket": "b", "key": HOSTILE, "url": HOSTILE,
    "status": None, "fault": HOSTILE, "verdict": HOSTILE, "accepted": False, "total_ms": 1, "explanation": [HOSTILE],
    "requester": HOSTILE, "operation": "PutObject", "request_id": "R", "ec": "", "timings": {"connect_ms": 1}, "headers": {HOSTILE: HOSTILE},
    "body": SHOWN, "is_cut": True, "reply_headers": {HOSTILE: HOSTILE}, "reply_body": SHOWN, "not_before": "2026-01-01T00:00:00Z",
    "dead": False, "last_error": HOSTILE, "urls": [HOSTILE], "attempts": 1,
    "signature": {"string_to_sign": SHOWN, "command": "", "mistakes": [{"likelihood": "no", "name": "n", "text": HOSTILE}]},
}  # fmt: skip


def test_d11_callbacks() -> None:
    """Lists, lines, pages and what is owed: no text leaves its line."""
    for status in (None, 403):
        row = {**ROW, "status": status}
        told = [*table([row, row]), line(row), *page(row, with_signature=True), pending_line(row)]
        plain = "\n".join(told).replace("\x1b[", "").replace("\x1b", "")
        assert hidden_in(plain.translate({ord("\t"): None}), "\n") == set()
        assert "\\u202egpj.exe" in plain
        assert not any(each.startswith("FAKE ROW") for each in plain.split("\n"))
    # Two ways of a body's text: it has lines, each of them behind its margin.
    assert "  FAKE ROW\\u200b" in "\n".join(page(ROW))


def test_d11_policies_and_identities(capsys: pytest.CaptureFixture[str]) -> None:
    statement = {
        "label": HOSTILE, "effect": "Allow", "matches": False, "misses": [HOSTILE], "unset": [HOSTILE],
        "unmet": [{"operator": "o", "key": HOSTILE, "wanted": [HOSTILE], "found": [HOSTILE]}],
    }  # fmt: skip
    told = {
        "allowed": True, "because": HOSTILE, "as": HOSTILE, "action": "a", "resource": HOSTILE, "acl": "private",
        "policies": [{"kind": "k", "name": HOSTILE, "statements": [statement]}], "acl_may_help": True, "public_access_blocked": True,
    }  # fmt: skip
    lines = list(map(safe, policy_lines(told)))
    assert hidden_in("".join(lines), "") == set()
    entry = {
        "Name": HOSTILE,
        HOSTILE: "x",
        "List": [HOSTILE],
        "Document": json.dumps({"a": HOSTILE}),
    }
    for as_json in (True, False):
        print_entries([entry, entry], ["Name"], as_json=as_json)
        print_entry(entry, as_json=as_json)
        done(HOSTILE, as_json=as_json)
    shown = capsys.readouterr().out
    assert hidden_in(shown, "\n") == set()
    assert not any(each.startswith("FAKE ROW") for each in shown.split("\n"))
