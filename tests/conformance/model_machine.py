"""The machine beside a server: what it asks at all, and what is said about the bucket."""

import time
from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from model_requests import (
    bypassing,
    lifecycle,
    overwriting,
)
from model_world import ModelWorld, check
from reference_model import ReferenceModel
from reference_records import DAY, UNKNOWN, Rule, Told, Worm

from ossia.client.signing_client import Reply

KEYS = st.sampled_from(["a", "a", "a/b", "a/c/d", "é x", "l"])
BODIES = st.sampled_from([b"", b"one", b"two", b"three" * 1000, b"x" * 70_000])
GONE = 99
WHICH = st.sampled_from([None, None, None, 0, 1, 2, 3, GONE])
"""What the key names, the version of that number, or one that is not there."""
CLASSES = st.sampled_from([None, None, None, "Standard", "IA", "Archive", "ColdArchive"])
TAGS = st.sampled_from([{}, {}, {"t": "1"}, {"t": "2", "u": ""}])
METAS = st.sampled_from([{}, {}, {"a": "1"}, {"a": "2"}])
CIPHERS = st.sampled_from(["", "", "", "AES256", "SM4", "KMS"])
ACLS = st.sampled_from(["default", "private", "public-read"])
KINDS = st.sampled_from(
    ["plain", "versions", "suspended", "retained versions", "worm", "protected"]
)
"""How the bucket begins."""
RARELY = st.sampled_from([False, False, False, True])
DOCUMENTS = st.sampled_from(
    [
        [],
        [Rule(prefix="a", days=1)],
        [Rule(days=2, noncurrent_days=1), Rule(prefix="a/", days=1)],
        [Rule(tag=("t", "1"), days=1)],
        [Rule(larger_than=5, becomes="IA", becomes_after=1), Rule(prefix="a", days=3)],
        [Rule(becomes="Archive", becomes_after=1, abort_days=1)],
        [Rule(noncurrent_days=1, removes_markers=True, abort_days=2)],
        [Rule(days=2, noncurrent_days=1), Rule(prefix="l", becomes="IA", becomes_after=1)],
    ]
)
PROTECTED = st.sampled_from(
    [None, None, None, None, ("", ""), ("a", ""), ("a", "d"), ("", "x"), ("b", "")]
)
"""What must not be overwritten: how keys begin and end."""
NOWHERE = "CAEQAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


class Beside(RuleBasedStateMachine):
    """Asks server and model, and compares; `world` is what the test sets."""

    world: ModelWorld
    model: ReferenceModel
    steps: int

    # --- helpers ---

    def ask(self, method: str, key: str = "", version: str | None = None, **more: object) -> Reply:
        query = list(more.pop("query", ()))  # type: ignore[call-overload]  # pairs
        if version is not None:
            query.append(("versionId", version))
        return self.world.ask(method, key, query=query, **more)  # type: ignore[arg-type]  # passed on

    def version(self, key: str, which: int | None) -> str | None:
        if which is None:
            return None
        there = self.model.keys.get(key, [])
        return there[which].id if which < len(there) else NOWHERE

    # --- the bucket ---

    @rule(status=st.sampled_from(["Enabled", "Enabled", "Suspended"]))
    def switch(self, status: str) -> None:
        if status == "Suspended" and (not self.model.versioning or self._retains()):
            return
        body = f"<VersioningConfiguration><Status>{status}</Status></VersioningConfiguration>"
        check(self.ask("PUT", query=[("versioning", "")], body=body.encode()), Told(200))
        self.model.versioning = status

    @rule(steps=st.sampled_from([1, 1, 2, 18, 36, 72, 400]))
    def wait(self, steps: int) -> None:
        self.world.pass_time(steps)
        self._age()

    def _age(self) -> None:
        """What rules do now is done before anything else happens."""
        if self.model.rules:
            self.world.run_lifecycle()
            self.model.age()
            self._meet_markers()

    def _meet_markers(self) -> None:
        """Find out how the server calls the markers that it made by itself."""
        for key, versions in self.model.keys.items():
            if versions[0].id == UNKNOWN:
                given = self.ask("GET", key).headers["x-oss-version-id"]
                self.model.meet(given)
                versions[0] = replace(versions[0], id=given)

    @rule(rules=DOCUMENTS)
    def put_rules(self, rules: list[Rule]) -> None:
        query, body = [("lifecycle", "")], lifecycle(rules)
        if rules:
            overlaps = {"x-oss-allow-same-action-overlap": "true"}
            check(self.ask("PUT", query=query, body=body, headers=overlaps), Told(200))
        else:
            check(self.ask("DELETE", query=query), Told(204))
        self.model.rules = rules
        self._age()

    @rule(affixes=PROTECTED)
    def protect(self, affixes: tuple[str, str] | None) -> None:
        query = [("overwriteConfig", "")]
        if affixes is None:
            check(self.ask("DELETE", query=query), Told(204))
        else:
            check(self.ask("PUT", query=query, body=overwriting(*affixes)), Told(200))
        self.model.protected = affixes

    # --- what must stay ---

    def _retains(self) -> bool:
        return self.model.worm is not None or self.model.retains_versions

    @precondition(
        lambda self: (
            not self._retains() and self.model.versioning != "Suspended" and self.steps % 20 == 0
        )
    )
    @rule(days=st.sampled_from([1, 2]))
    def begin_worm(self, days: int) -> None:
        period = f"<RetentionPeriodInDays>{days}</RetentionPeriodInDays>"
        body = f"<InitiateWormConfiguration>{period}</InitiateWormConfiguration>".encode()
        reply = self.ask("POST", query=[("worm", "")], body=body)
        check(reply, Told(200))
        self.model.worm = Worm(days, self.world.now())
        self.worm_id = reply.headers["x-oss-worm-id"]

    @precondition(lambda self: self.model.worm is not None)
    @rule(lock=RARELY)
    def end_worm(self, lock: bool) -> None:
        worm = self.model.worm
        assert worm is not None
        holds = self.model.worm_holds() is not None
        if lock:
            reply = self.ask("POST", query=[("wormId", self.worm_id)])
            if not holds:
                check(reply, Told(404, "NoSuchWORMConfiguration"))
            elif worm.is_locked:
                check(reply, Told(403, "WORMConfigurationLocked"))
            else:
                check(reply, Told(200))
                self.model.worm = replace(worm, is_locked=True)
            return
        reply = self.ask("DELETE", query=[("worm", "")])
        if worm.is_locked:
            check(reply, Told(403, "WORMConfigurationLocked"))
        else:
            check(reply, Told(204))
            self.model.worm = None

    @precondition(
        lambda self: (
            self.model.versioning == "Enabled" and not self.model.worm and self.steps % 20 == 0
        )
    )
    @rule(days=st.sampled_from([0, 1]))
    def retain_versions(self, days: int) -> None:
        default = f"<DefaultRetention><Mode>GOVERNANCE</Mode><Days>{days}</Days></DefaultRetention>"
        rule = f"<Rule>{default}</Rule>" if days else ""
        inner = f"<ObjectWormEnabled>Enabled</ObjectWormEnabled>{rule}"
        body = f"<ObjectWormConfiguration>{inner}</ObjectWormConfiguration>".encode()
        check(self.ask("PUT", query=[("objectWorm", "")], body=body), Told(200))
        self.model.retains_versions, self.model.default_days = True, days

    @precondition(lambda self: self.model.retains_versions)
    @rule(
        key=KEYS,
        which=WHICH,
        mode=st.sampled_from(["GOVERNANCE", "GOVERNANCE", "COMPLIANCE"]),
        days=st.sampled_from([1, 2]),
        bypass=RARELY,
    )
    def retain(self, key: str, which: int | None, mode: str, days: int, bypass: bool) -> None:
        version = self.version(key, which)
        # Not when a number of days has gone by: see `ModelWorld`.
        until = int(self.world.now()) + days * DAY + 20 * 60
        date = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(until))
        inner = f"<Mode>{mode}</Mode><RetainUntilDate>{date}</RetainUntilDate>"
        body = f"<Retention>{inner}</Retention>".encode()
        reply = self.ask(
            "PUT", key, version, query=[("retention", "")], body=body, headers=bypassing(bypass)
        )
        check(reply, self.model.retain(key, version, mode, until, bypass=bypass))

    @rule(key=KEYS, which=WHICH, status=st.sampled_from(["ON", "ON", "OFF"]))
    def hold(self, key: str, which: int | None, status: str) -> None:
        version = self.version(key, which)
        body = f"<LegalHold><Status>{status}</Status></LegalHold>".encode()
        reply = self.ask("PUT", key, version, query=[("legalHold", "")], body=body)
        check(reply, self.model.hold(key, version, status))
