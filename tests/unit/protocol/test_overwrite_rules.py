"""What must not be overwritten: reading the rules, and whom and what they mean."""

import pytest

from ossia.errors import MalformedXML
from ossia.protocol.overwrite_rules import (
    OverwriteRule,
    Overwriting,
    parse_overwrite_rules,
    render_overwrite_rules,
    stored_overwriting,
)
from ossia.protocol.policy_document import Asker

ERIC = Asker(("acs:ram::1:user/eric", "acs:ram::1:root", "1", "23"))
SESSION = Asker(
    ("acs:ram::1:assumed-role/up/s", "1", "acs:ram::1:role/up", "arn:sts::1:assumed-role/up/s")
)
OWNER = Asker(("acs:ram::1:root", "1"), is_owner=True)
NOBODY = Asker()
FORBID = "<Action>forbid</Action>"


def document(*rules: str) -> bytes:
    listed = "".join(f"<Rule>{rule}</Rule>" for rule in rules)
    return f"<OverwriteConfiguration>{listed}</OverwriteConfiguration>".encode()


def test_what_is_stored_is_what_was_put() -> None:
    # The body that the Go SDK v2 sends in its mock test.
    principals = "<Principals><Principal>1234567890</Principal></Principals>"
    rules = parse_overwrite_rules(
        document(
            f"<ID>1</ID>{FORBID}",
            f"<ID>2</ID>{FORBID}<Prefix>pre</Prefix><Suffix>.txt</Suffix>{principals}",
        )
    )
    assert rules == (
        OverwriteRule("1", "", "", ()),
        OverwriteRule("2", "pre", ".txt", ("1234567890",)),
    )
    stored = render_overwrite_rules(rules)
    assert parse_overwrite_rules(stored) == stored_overwriting(stored).rules == rules


def test_a_rule_without_an_id_gets_one() -> None:
    one, other = parse_overwrite_rules(document(FORBID, f"<ID> </ID>{FORBID}"))
    assert one.id
    assert other.id
    assert one.id != other.id


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<Overwrite/>",
        document(),
        document(*[FORBID] * 101),
        document(""),
        document("<Action>allow</Action>"),
        document("<Action>FORBID</Action>"),
        document(f"<ID>a</ID>{FORBID}", f"<ID>a</ID>{FORBID}"),
        document(f"<ID>{'a' * 256}</ID>{FORBID}"),
        document(f"<Prefix>{'a' * 1024}</Prefix>{FORBID}"),
        document(f"<Suffix>{'a' * 1024}</Suffix>{FORBID}"),
        document(f"<Prefix>a</Prefix><Prefix>b</Prefix>{FORBID}"),
        document(f"<Principals><Principal/></Principals>{FORBID}"),
        document(f"<Principals><Principal>{'1' * 256}</Principal></Principals>{FORBID}"),
        document(f"<Principals><Principal>${{acs:username}}</Principal></Principals>{FORBID}"),
    ],
)
def test_what_is_no_rule_is_refused(content: bytes) -> None:
    with pytest.raises(MalformedXML):
        parse_overwrite_rules(content)


def test_the_longest_rules_fit() -> None:
    longest = f"{FORBID}<Prefix>{'a' * 1023}</Prefix><Suffix>{'z' * 1023}</Suffix>"
    assert len(parse_overwrite_rules(document(*[longest] * 100))) == 100


@pytest.mark.parametrize(
    ("prefix", "suffix", "key", "is_meant"),
    [
        ("", "", "any/key", True),
        ("logs/", "", "logs/1", True),
        ("logs/", "", "Logs/1", False),
        ("", ".txt", "a.txt", True),
        ("", ".txt", "a.txt.gz", False),
        ("logs/", ".txt", "logs/a.txt", True),
        ("logs/", ".txt", "logs/a.gz", False),
        ("logs/", ".txt", "a.txt", False),
        # As the key begins and as it ends, not one behind the other.
        ("ab", "bc", "abc", True),
        ("*", "", "any", False),
        ("*", "", "*any", True),
    ],
)
def test_which_keys_are_meant(prefix: str, suffix: str, key: str, is_meant: bool) -> None:
    rules = Overwriting((OverwriteRule("r", prefix, suffix, ()),))
    assert rules.is_forbidden(key, ERIC) is is_meant


@pytest.mark.parametrize(
    ("principals", "meant"),
    [
        ((), {"eric", "session", "owner", "nobody"}),
        (("*",), {"eric", "session", "owner", "nobody"}),
        (("1",), {"eric", "session", "owner"}),
        (("23",), {"eric"}),
        (("99", "23"), {"eric"}),
        (("99",), set()),
        (("arn:sts::1:assumed-role/up/s",), {"session"}),
        (("arn:sts::1:assumed-role/up/*",), {"session"}),
        (("arn:sts::1:assumed-role/down/*",), set()),
    ],
)
def test_who_is_meant(principals: tuple[str, ...], meant: set[str]) -> None:
    rules = Overwriting((OverwriteRule("r", "", "", principals),))
    askers = {"eric": ERIC, "session": SESSION, "owner": OWNER, "nobody": NOBODY}
    assert {name for name, asker in askers.items() if rules.is_forbidden("k", asker)} == meant


def test_one_rule_is_enough_and_has_to_fit_in_everything() -> None:
    rules = Overwriting(
        (OverwriteRule("a", "a/", "", ("23",)), OverwriteRule("b", "", ".b", ("99",)))
    )
    assert rules.is_forbidden("a/x", ERIC)
    assert not rules.is_forbidden("a/x", SESSION)
    assert not rules.is_forbidden("x.b", ERIC)
