"""The reference pages, made from the code: ``python -m ossia.node.reference``.

`tests/reference` fails when a page is stale.
"""

from pathlib import Path

from ossia import errors
from ossia.api.operation import Grant, Operation
from ossia.api.oss import oss
from ossia.api.ram import IMS_VERSION, RAM_VERSION, ram
from ossia.api.ram import Operation as RpcOperation
from ossia.api.sts.rpc import STS_OPERATIONS
from ossia.api.sts.rpc import VERSION as STS_VERSION
from ossia.errors import OssError
from ossia.node.metrics.board import Family
from ossia.node.metrics.families import ASKED, FAMILIES
from ossia.settings import rows

_SHOWN = 12
"""Of labels that can have more values than this, those are not listed."""
_GENERATED = "<!-- Made by `make docs` from the code; edits are overwritten. -->\n"


def operations() -> str:
    """Every operation of OSS: offered ones with their facts, declined ones by name."""
    lines = [
        "# Operations",
        _GENERATED,
        "Offered operations of the OSS data API. *Action* is what a policy must allow; *ACL* what suffices without a policy.",
        "",
        "| operation | request | action | ACL | what it does |",
        "|---|---|---|---|---|",
    ]
    for each in sorted(oss.operations, key=lambda one: (one.topic, one.name)):
        always = [also.action for also in each.also if not also.only_if]
        action = f"`{', '.join([*([each.action] if each.action else []), *always])}`"
        if each.version_action not in {None, each.action}:
            action += f"; `{each.version_action}` for a version"
        for also in each.also:
            if also.only_if:
                action += f"; `{also.action}` if {also.only_if}"
            if also.version_if:
                action += f"; `{also.version_action}` if {also.version_if}"
        grant = "" if each.grant is Grant.NONE else each.grant.value
        lines.append(f"| {each.name} | `{_request(each)}` | {action} | {grant} | {each.summary} |")
    lines += [
        "",
        "Those of STS and RAM, at the same endpoint: [sts-ram.md](sts-ram.md).",
        "",
        "## Known and not offered",
        "",
        "The answer is `501 NotImplemented` with the name of the operation.",
        "",
        ", ".join(sorted({each.name for each in oss.declined})) + ".",
        "",
    ]
    return "\n".join(lines)


def _request(each: Operation) -> str:
    place = {"service": "/", "bucket": "/BUCKET", "object": "/BUCKET/KEY"}[each.scope.value]
    query = "&".join(sorted(each.selectors))
    header = f" + {each.header}" if each.header else ""
    header += f" (or {each.or_method})" if each.or_method else ""
    if query.startswith("multipart/"):
        return f"{each.method} {place} ({query})"
    return f"{each.method} {place}{'?' if query else ''}{query}{header}"


def sts_ram() -> str:
    """Every operation of STS, RAM and IMS with its parameters and what a policy must allow."""
    lines = [
        "# STS and RAM",
        _GENERATED,
        (
            "At the endpoint of the server, as RPC 1.0 or ACS3, answered in JSON or XML. Optional parameters are in italics. "
            "A resource stands for `acs:ram::ACCOUNT:…`; the account's root key may do everything except assume roles. "
            "A UserName in italics is by default that of the caller. Limits and refusals are those of the RAM documentation; "
            "where we chose, see [the decision record](decisions/2026-11-21-sts-ram.md)."
        ),
        "",
        f"## STS (`{STS_VERSION}`)",
        "",
        "| operation | what it does |",
        "|---|---|",
        *(f"| {name} | {text} |" for name, text in STS_OPERATIONS.items()),
    ]
    for title, version in (("RAM", RAM_VERSION), ("IMS", IMS_VERSION)):
        lines += [
            "",
            f"## {title} (`{version}`)",
            "",
            "| operation | parameters | action | resources | what it does |",
            "|---|---|---|---|---|",
            *(_rpc_row(each) for each in ram.operations.values() if each.version == version),
        ]
    lines += ["", *_OIDC_EXAMPLE]
    return "\n".join([*lines, ""])


_OIDC_EXAMPLE = (
    "## Tokens of an OIDC provider",
    "",
    (
        "`CreateOIDCProvider` names the issuer and for which clients its tokens must be made; a role says in its trust policy whose bearers may assume it. "
        "`oidc:sub` should always be among the conditions, or everybody whom the issuer knows may:"
    ),
    "",
    '```json title="trust.json"',
    '{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",',
    '  "Principal": {"Federated": ["acs:ram::ACCOUNT:oidc-provider/NAME"]},',
    '  "Condition": {"StringEquals": {"oidc:iss": "https://issuer.example.com", "oidc:aud": "CLIENT", "oidc:sub": ["SUBJECT"]}}}]}',
    "```",
    "",
    "```console",
    "$ ossia role create deployer --trust trust.json",
    "…",
    "```",
    "",
    (
        "Tokens are signed with RS256 or ES256. The issuer's keys are fetched from `ISSUER/.well-known/openid-configuration`, kept for ten minutes, and fetched again "
        "for a key that is not known. An issuer inside your network needs `--oidc-allow`."
    ),
)


def _rpc_row(operation: RpcOperation) -> str:
    parameters = ", ".join(
        each.name if each.is_mandatory and not each.is_own else f"*{each.name}*"
        for each in operation.accepted
    )
    names = {each.argument: f"{{{each.name}}}" for each in operation.accepted}
    # As with parameters: what is asked for only where it is given is slanted.
    given = operation.always_asked
    resources = ", ".join(
        f"`{each.format_map(names)}`" if each in given else f"*`{each.format_map(names)}`*"
        for each in operation.resources
    )
    return f"| {operation.name} | {parameters} | `{operation.action}` | {resources} | {operation.summary} |"


def settings() -> str:
    """Every setting with its flag, variable, key and default."""
    lines = [
        "# Settings",
        _GENERATED,
        "Precedence: flag, environment variable, key of the TOML file given with `--config`, default.",
        "",
        "| flag, environment, TOML key | default | meaning |",
        "|---|---|---|",
    ]
    lines += [
        f"| `{row.flag}`{' (repeatable)' if row.many else ''}<br>`{row.variable}`<br>`{row.name}` "
        f"| {row.shown_default} | {row.text} |"
        for row in rows()
    ]
    return "\n".join([*lines, ""])


def error_codes() -> str:
    """Every error code of OSS that this server answers."""
    lines = [
        "# Error codes",
        _GENERATED,
        "Codes of the OSS data API with their default text. The `EC` is the error-cause number that the answer carries where it is known.",
        "",
        "| code | status | EC | message |",
        "|---|--:|---|---|",
    ]
    classes = {each.code: each for each in _error_classes()}
    lines += [
        f"| {code} | {each.status} | {each.ec or ''} | {each.message} |"
        for code, each in sorted(classes.items())
    ]
    return "\n".join([*lines, ""])


def _error_classes() -> list[type[OssError]]:
    return [
        each
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, OssError) and each is not OssError
    ]


def metrics() -> str:
    """Every metric with its labels."""
    lines = [
        "# Metrics",
        _GENERATED,
        (
            "What `/-/metrics` tells, in the order of the answer. How to get at it, and what to look at: [monitoring.md](monitoring.md). "
            "Of a gateway on a shared database, what is said of the outbox is that of all gateways; everything else is its own."
        ),
        "",
        "| metric | kind | labels | meaning |",
        "|---|---|---|---|",
        *(_metric_row(each) for each in (*FAMILIES, *ASKED)),
    ]
    return "\n".join([*lines, ""])


def _metric_row(family: Family) -> str:
    labels = ["`worker`"] if family.by_worker else []
    for name, values in family.labels:
        some = ": " + ", ".join(values) if 0 < len(values) <= _SHOWN else ""
        labels.append(f"`{name}`{some}")
    return f"| `{family.name}` | {family.kind.value} | {'; '.join(labels)} | {family.text} |"


PAGES = {
    "operations.md": operations,
    "sts-ram.md": sts_ram,
    "settings.md": settings,
    "errors.md": error_codes,
    "metrics.md": metrics,
}


def main() -> None:
    """Write every page into ``docs/``."""
    folder = Path("docs")
    folder.mkdir(exist_ok=True)
    for name, make in PAGES.items():
        (folder / name).write_text(make())


if __name__ == "__main__":
    main()
