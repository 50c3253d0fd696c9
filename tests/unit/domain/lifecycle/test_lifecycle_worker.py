"""The worker over what is in memory: passes, races, resuming, what may not be removed."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from ossia import tables
from ossia.domain.buckets.buckets import Buckets
from ossia.domain.buckets.worm import Worms
from ossia.domain.lifecycle import scan, worker
from ossia.domain.lifecycle.deeds import Deeds
from ossia.domain.lifecycle.lifecycles import Lifecycles
from ossia.domain.lifecycle.progress import Progress, Stage
from ossia.domain.lifecycle.scan import Finding
from ossia.domain.lifecycle.worker import LifecycleWorker
from ossia.domain.objects.access_times import AccessTimes
from ossia.domain.objects.objects import Attributes
from ossia.domain.objects.versions import Named, Versioning
from ossia.errors import (
    AccessMonitorDisableNotAllowed,
    InvalidRequest,
    NoSuchLifecycle,
)
from ossia.ports import Unavailable
from ossia.protocol.lifecycle_xml import parse_lifecycle
from ossia.records import TRANSITIONED, Bucket, Restoration
from storing import Domain, Source

DAY = 24 * 3600 * 1000


async def always() -> bool:
    return True


def expire(days: int = 1, prefix: str = "") -> str:
    return named("e", prefix, f"<Expiration><Days>{days}</Days></Expiration>")


def named(name: str, prefix: str, content: str) -> str:
    return f"<Rule><ID>{name}</ID><Prefix>{prefix}</Prefix><Status>Enabled</Status>{content}</Rule>"


def becomes(kind: str, days: int = 1, more: str = "") -> str:
    inner = f"<Days>{days}</Days><StorageClass>{kind}</StorageClass>{more}"
    return named("t", "", f"<Transition>{inner}</Transition>")


FORMERS = named(
    "n",
    "",
    "<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>"
    "<NoncurrentVersionExpiration><NoncurrentDays>5</NoncurrentDays></NoncurrentVersionExpiration>"
    "<NoncurrentVersionTransition><NoncurrentDays>2</NoncurrentDays>"
    "<StorageClass>IA</StorageClass></NoncurrentVersionTransition>",
)


class World(Domain):
    """A domain with a worker, and one bucket."""

    bucket_now: Bucket

    def __init__(self) -> None:
        super().__init__()
        self.heard: Counter[str] = Counter()
        self.clock.at = 20_000 * DAY + DAY // 2
        self.lifecycles = Lifecycles(self.metadata, self.buckets, self.clock)
        self.access_times = AccessTimes(self.metadata, self.clock)
        self.worker = self.new_worker()

    def new_worker(self) -> LifecycleWorker:
        """Another process."""
        buckets = Buckets(self.metadata, self.clock, "cn-test")
        deeds = Deeds(self.metadata, self.objects.versions, self.multipart, note=self.heard.update)
        return LifecycleWorker(self.metadata, buckets, deeds, self.clock)

    async def begin(self, *rules: str, versioned: bool = False) -> None:
        self.bucket_now = await self.bucket()
        if versioned:
            await self.buckets.set_versioning(self.bucket_now, Versioning.ENABLED)
        await self.set(*rules)

    async def set(self, *rules: str) -> None:
        content = f"<LifecycleConfiguration>{''.join(rules)}</LifecycleConfiguration>".encode()
        self.bucket_now = await self.buckets.find("bucket")
        if rules:
            await self.lifecycles.put(self.bucket_now, parse_lifecycle(content, allow_overlap=True))
        self.bucket_now = await self.buckets.find("bucket")

    async def put(self, key: str, **more: Any) -> str:
        stored = await self.objects.put(
            self.bucket_now, key, Source(b"x" * more.pop("size", 3)), Attributes(**more)
        )
        return stored.version

    async def keys(self) -> list[str]:
        page = await self.buckets.objects(
            self.bucket_now, prefix="", delimiter="", after="", limit=1000
        )
        return [each.key for each in page.objects]

    async def versions(self) -> list[tuple[str, str]]:
        page = await self.buckets.versions(
            self.bucket_now, prefix="", delimiter="", after_key="", after_version="", limit=1000
        )
        return [(each.stored.key, each.stored.type) for each in page.versions]

    async def after(self, days: float) -> dict[str, int]:
        """Run when so many days have gone by; what the pass counted."""
        self.clock.at += round(days * DAY)
        await self.worker.run(always)
        found = await passed(self)
        assert found.stage is Stage.DONE
        return found.counts


@pytest.fixture
async def world() -> World:
    return World()


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few rows are many pages, and each is stored."""
    monkeypatch.setattr(scan, "PAGE", 3)
    monkeypatch.setattr(worker, "_KEEP_S", 0)


# --- objects ---


async def test_what_is_old_enough_goes_and_nothing_else(world: World) -> None:
    await world.begin(expire(2, "a"))
    for number in range(8):
        await world.put(f"a{number}")
    await world.put("b")
    assert await world.after(2) == {}
    world.clock.at -= DAY
    await world.put("a3")
    world.clock.at += DAY
    assert await world.after(0.5) == {"deleted": 7}
    assert await world.keys() == ["a3", "b"]
    assert await world.after(1) == {"deleted": 1}
    assert await world.after(1) == {}
    usage = await world.buckets.usage(world.bucket_now)
    assert (usage.objects, usage.storage_bytes) == (1, 3)


async def test_a_pass_a_day_and_one_for_other_rules(world: World) -> None:
    await world.begin(expire(1))
    await world.put("k")
    await world.after(0)
    before = await world.lifecycles.pass_of(world.bucket_now)
    await world.after(0.1)
    assert await world.lifecycles.pass_of(world.bucket_now) == before
    await world.set(
        named("d", "", "<Expiration><Date>2020-01-01T00:00:00.000Z</Date></Expiration>")
    )
    assert await world.after(0) == {"deleted": 1}


async def test_a_pass_that_is_asked_for(world: World) -> None:
    await world.begin(
        named("d", "", "<Expiration><Date>2020-01-01T00:00:00.000Z</Date></Expiration>")
    )
    await world.after(0)
    await world.put("k")
    await world.after(0)
    assert await world.keys() == ["k"]
    await world.lifecycles.ask_for_pass(world.bucket_now)
    assert (await passed(world)).is_followed
    assert await world.after(0) == {"deleted": 1}
    assert not (await passed(world)).is_followed
    await world.buckets.set_document(world.bucket_now, "lifecycle", None)
    with pytest.raises(NoSuchLifecycle):
        await world.lifecycles.ask_for_pass(await world.buckets.find("bucket"))
    await world.worker.run(always)
    assert await world.lifecycles.pass_of(world.bucket_now) is None


@pytest.mark.parametrize("keep_s", [0, 1000])
async def test_one_that_is_asked_for_follows_one_that_is_being_made(
    world: World, monkeypatch: pytest.MonkeyPatch, keep_s: float
) -> None:
    """Be that stored by then or not."""
    monkeypatch.setattr(worker, "_KEEP_S", keep_s)
    await world.begin(
        named("d", "old", "<Expiration><Date>2020-01-01T00:00:00.000Z</Date></Expiration>")
    )
    for number in range(4):
        await world.put(f"old{number}")
    looks = 0

    async def may_go_on() -> bool:
        nonlocal looks
        looks += 1
        if looks == 2:
            # The pass has gone by.
            await world.put("old")
            await world.lifecycles.ask_for_pass(world.bucket_now)
        return True

    await world.worker.run(may_go_on)
    assert await world.keys() == []
    found = await passed(world)
    assert (found.counts, found.is_followed) == ({"deleted": 1}, False)


async def passed(world: World) -> Progress:
    found = await world.lifecycles.pass_of(world.bucket_now)
    assert found is not None
    return found


async def test_classes_change_and_nothing_else(world: World) -> None:
    await world.begin(becomes("IA", 1), expire(500).replace(">e<", ">f<"))
    await world.set(
        named(
            "t",
            "",
            "<Transition><Days>1</Days><StorageClass>IA</StorageClass></Transition>"
            "<Transition><Days>3</Days><StorageClass>Archive</StorageClass></Transition>"
            "<Transition><Days>6</Days><StorageClass>ColdArchive</StorageClass></Transition>",
        )
    )
    await world.put("k", headers={"x-oss-meta-a": "b"}, tags={"t": "1"}, size=100_000)
    before = await world.objects.find(world.bucket_now, "k")
    assert await world.after(1.5) == {"changed": 1}
    found = await world.objects.find(world.bucket_now, "k")
    assert found == replace(before, storage_class="IA")
    assert await world.objects.read(found, 0, 5) == b"xxxxx"
    assert await world.after(1) == {}
    assert await world.after(1) == {"changed": 1}
    restored = Restoration(tier="Standard", ready_at=1, until=2**50)
    found = await world.objects.find(world.bucket_now, "k")
    await world.metadata.put_restoration(found, restored)
    assert await world.after(3) == {"changed": 1}
    found = await world.objects.find(world.bucket_now, "k")
    assert (found.storage_class, found.restoration) == ("ColdArchive", None)
    assert found.headers[TRANSITIONED].endswith("GMT")
    assert found.modified_at == before.modified_at
    usage = await world.buckets.usage(world.bucket_now)
    assert {kind: each.objects for kind, each in usage.classes.items()} == {"ColdArchive": 1}
    assert usage.objects == 1


async def test_uploads_are_aborted(world: World) -> None:
    await world.begin(
        named("u", "u", "<AbortMultipartUpload><Days>2</Days></AbortMultipartUpload>")
    )
    for key in ("u1", "u1", "u2", "u3", "u4", "v"):
        await world.multipart.initiate(world.bucket_now, key, Attributes())
    assert await world.after(1.5) == {}
    assert await world.after(1) == {"aborted": 5}
    assert (await world.buckets.usage(world.bucket_now)).uploads == 1


# --- versions ---


async def test_what_a_key_names_is_marked_and_former_versions_go(world: World) -> None:
    await world.begin(expire(3), FORMERS, versioned=True)
    for key in ("a", "b"):
        for _ in range(3):
            await world.put(key)
    assert await world.after(1) == {}
    # Of each key two have been former versions for two days and a half.
    assert await world.after(1.5) == {"changed": 4}
    assert await world.after(1) == {"deleted": 2}
    assert (await world.versions())[:2] == [("a", "DeleteMarker"), ("a", "Normal")]
    assert await world.keys() == []
    assert await world.after(2) == {"deleted": 4, "changed": 2}
    # The last version had been the one that was named until the marker came.
    assert await world.after(2) == {}
    assert await world.after(1) == {"deleted": 2}
    assert await world.versions() == [("a", "DeleteMarker"), ("b", "DeleteMarker")]
    assert await world.after(1) == {"markers": 2}
    assert await world.versions() == []
    usage = await world.buckets.usage(world.bucket_now)
    assert (usage.objects, usage.storage_bytes, usage.classes) == (0, 0, {})


async def test_former_markers_go_with_the_versions(world: World) -> None:
    await world.begin(FORMERS, versioned=True)
    for _ in range(3):
        await world.put("k")
        await world.objects.versions.delete(world.bucket_now, [Named("k")])
    assert await world.after(6) == {"deleted": 5}
    assert await world.versions() == [("k", "DeleteMarker")]


async def test_a_marker_with_something_behind_it_stays(world: World) -> None:
    rule = "<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>"
    await world.begin(named("m", "", rule), versioned=True)
    for key in ("a", "b", "c", "d"):
        await world.put(key)
        await world.objects.versions.delete(world.bucket_now, [Named(key)])
    await world.objects.versions.delete(world.bucket_now, [Named("lone")])
    assert await world.after(9) == {"markers": 1}
    assert len(await world.versions()) == 8


async def test_many_versions_of_a_key_over_many_pages(world: World) -> None:
    await world.begin(FORMERS, versioned=True)
    for number in range(11):
        await world.put("k")
        if number == 5:
            world.clock.at += 4 * DAY
    assert await world.after(2.5) == {"deleted": 5, "changed": 5}
    assert len(await world.versions()) == 6
    assert await world.after(3) == {"deleted": 5}


# --- races ---


async def test_what_is_overwritten_meanwhile_stays(world: World) -> None:
    await world.begin(expire(1))
    await world.put("k")
    world.clock.at += 3 * DAY

    async def overwrite() -> None:
        await world.put("k", tags={"new": "1"})

    world.meanwhile("delete_versions", overwrite)
    assert await world.after(0) == {"overtaken": 1}
    assert (await world.objects.find(world.bucket_now, "k")).tags == {"new": "1"}


async def test_what_is_given_another_tag_meanwhile_stays(world: World) -> None:
    tag = "<Tag><Key>tmp</Key><Value>1</Value></Tag>"
    await world.begin(named("e", "", f"{tag}<Expiration><Days>1</Days></Expiration>"))
    await world.put("k", tags={"tmp": "1"})
    world.clock.at += 3 * DAY

    async def retag() -> None:
        await world.objects.describe(world.bucket_now, "k", tags={})

    world.meanwhile("delete_versions", retag)
    assert await world.after(0) == {"overtaken": 1}
    assert await world.keys() == ["k"]


async def test_a_former_version_that_is_named_again_stays(world: World) -> None:
    await world.begin(FORMERS, versioned=True)
    first = await world.put("k")
    second = await world.put("k")
    world.clock.at += 9 * DAY

    async def return_to_the_first() -> None:
        await world.objects.versions.delete(world.bucket_now, [Named("k", second)])

    world.meanwhile("delete_versions", return_to_the_first)
    assert await world.after(0) == {"overtaken": 1}
    assert (await world.objects.find(world.bucket_now, "k")).version == first


async def test_a_marker_that_something_is_put_before_meanwhile(world: World) -> None:
    await world.begin(FORMERS, versioned=True)
    await world.objects.versions.delete(world.bucket_now, [Named("k")])

    async def put() -> None:
        await world.put("k")

    world.meanwhile("delete_versions", put)
    assert await world.after(0) == {"overtaken": 1}
    assert await world.versions() == [("k", "Normal"), ("k", "DeleteMarker")]


async def test_a_class_is_not_changed_of_what_is_overwritten(world: World) -> None:
    await world.begin(becomes("Archive"))
    await world.put("k")
    world.clock.at += 3 * DAY

    async def overwrite() -> None:
        await world.put("k")

    world.meanwhile("change_classes", overwrite)
    assert await world.after(0) == {"overtaken": 1}
    assert (await world.objects.find(world.bucket_now, "k")).storage_class == "Standard"


async def test_an_upload_that_is_completed_meanwhile(world: World) -> None:
    await world.begin(named("u", "", "<AbortMultipartUpload><Days>2</Days></AbortMultipartUpload>"))
    upload = await world.multipart.initiate(world.bucket_now, "u", Attributes())

    async def complete() -> None:
        await world.multipart.complete(world.bucket_now, upload, [])

    world.meanwhile("abort_upload", complete)
    assert await world.after(9) == {"overtaken": 1}
    assert await world.keys() == ["u"]


async def test_rules_that_change_meanwhile_are_followed_at_once(world: World) -> None:
    await world.begin(expire(1))
    for number in range(9):
        await world.put(f"k{number}")
    world.clock.at += 3 * DAY

    async def think_better() -> None:
        await world.lifecycles.put(
            world.bucket_now,
            parse_lifecycle(
                f"<LifecycleConfiguration>{expire(500)}</LifecycleConfiguration>".encode(),
                allow_overlap=False,
            ),
        )

    world.meanwhile("delete_versions", think_better)
    assert await world.after(0) == {}
    # What had been judged before went.
    assert len(await world.keys()) == 6


async def test_what_is_found_on_several_pages_is_one_change(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_KEEP_S", 60)
    sizes = []
    do = Deeds.do

    async def counted(self: Deeds, bucket: Bucket, findings: Sequence[Finding], now: int) -> Any:
        sizes.append(len(findings))
        return await do(self, bucket, findings, now)

    monkeypatch.setattr(Deeds, "do", counted)
    await world.begin(expire(1))
    for number in range(22):
        await world.put(f"k{number:02}")
    assert await world.after(3) == {"deleted": 22}
    assert sizes == [20, 1, 1]


# --- what may not be ---


async def test_what_must_stay_is_left_and_holds_up_nothing(world: World) -> None:
    await world.begin()
    for number in range(7):
        await world.put(f"k{number}")
    world.clock.at += 9 * DAY
    worms = Worms(world.buckets, world.clock)
    policy = await worms.initiate(world.bucket_now, 10)
    await worms.complete(await world.buckets.find("bucket"), policy.id)
    for number in (7, 8):
        await world.put(f"k{number}")
    await world.set(expire(1))
    assert await world.after(3) == {"deleted": 7, "kept": 2}
    assert await world.keys() == ["k7", "k8"]
    assert await world.after(1) == {"kept": 2}
    assert await world.after(9) == {"deleted": 2}


async def test_who_does_not_answer_is_asked_again(world: World) -> None:
    await world.begin(expire(1))
    await world.put("k")
    world.fail("delete_versions", Unavailable("gone"))
    with pytest.raises(Unavailable):
        await world.after(3)
    assert await world.keys() == ["k"]
    assert await world.after(0) == {"deleted": 1}


# --- going on ---


def some_times(count: int) -> Callable[[], Awaitable[bool]]:
    """So often this process is the one that does it; then it is killed."""
    left = [count]

    async def may_go_on() -> bool:
        left[0] -= 1
        return left[0] >= 0

    return may_go_on


async def test_another_process_goes_on_where_one_ended(world: World) -> None:
    await world.begin(expire(1), FORMERS, versioned=True)
    for number in range(20):
        await world.put(f"k{number:02}")
    world.clock.at += 3 * DAY
    stages = []
    turns = 0
    while True:
        turns += 1
        await world.new_worker().run(some_times(2))
        found = await world.lifecycles.pass_of(world.bucket_now)
        assert found is not None
        stages.append((found.stage, found.prefix, found.key))
        if found.stage is Stage.DONE:
            break
    assert turns > 3
    assert len(set(stages)) == len(stages)
    assert found.counts == {"deleted": 20}
    # Each was marked once: what had been done was not done again.
    assert len(await world.versions()) == 40


async def test_a_pass_of_yesterday_is_ended_before_that_of_today(world: World) -> None:
    await world.begin(expire(1))
    for number in range(9):
        await world.put(f"k{number}")
    world.clock.at += 3 * DAY
    await world.new_worker().run(some_times(1))
    assert len(await world.keys()) == 6
    # That of today comes after it, and finds nothing.
    assert await world.after(2) == {}
    assert await world.keys() == []
    found = await world.lifecycles.pass_of(world.bucket_now)
    assert found is not None
    assert found.day == world.clock.at // DAY * DAY


async def test_passes_of_buckets_that_are_gone_are_forgotten(world: World) -> None:
    await world.begin(expire(1))
    await world.after(0)
    await world.buckets.delete(world.bucket_now)
    await world.bucket("another")
    world.clock.at += DAY
    await world.worker.run(always)
    assert await tables.identities.page(world.metadata, "lifecycle", "", 9) == []


async def test_a_bucket_that_goes_meanwhile(world: World) -> None:
    await world.begin(expire(1))
    calls = 0

    async def remove() -> bool:
        nonlocal calls
        calls += 1
        if calls == 1:
            await world.buckets.delete(world.bucket_now)
        return True

    await world.new_worker().run(remove)
    assert calls == 1


# --- the last access ---

BY_ACCESS = becomes(
    "IA", 3, "<IsAccessTime>true</IsAccessTime><ReturnToStdWhenVisit>true</ReturnToStdWhenVisit>"
)


async def monitored(world: World) -> None:
    await world.begin()
    await world.lifecycles.monitor(world.bucket_now, is_enabled=True)
    await world.set(BY_ACCESS)


async def read(world: World, *keys: str) -> None:
    for key in keys:
        world.access_times.note(await world.objects.find(world.bucket_now, key))
    await world.access_times.flush()


async def classes(world: World) -> dict[str, str]:
    return {
        key: (await world.objects.find(world.bucket_now, key)).storage_class
        for key in await world.keys()
    }


async def test_rules_by_access_need_the_monitor_and_keep_it(world: World) -> None:
    await world.begin()
    with pytest.raises(InvalidRequest) as refused:
        await world.set(BY_ACCESS)
    assert refused.value.ec == "0014-00000016"
    await world.lifecycles.monitor(world.bucket_now, is_enabled=True)
    await world.set(BY_ACCESS)
    since = world.bucket_now.documents["access-monitor"]
    world.clock.at += 5
    await world.lifecycles.monitor(world.bucket_now, is_enabled=True)
    assert (await world.buckets.find("bucket")).documents["access-monitor"] == since
    with pytest.raises(AccessMonitorDisableNotAllowed):
        await world.lifecycles.monitor(world.bucket_now, is_enabled=False)
    assert b"<AtimeBase>" in world.lifecycles.told(world.bucket_now)
    await world.set(expire(1))
    await world.lifecycles.monitor(world.bucket_now, is_enabled=False)
    assert "access-monitor" not in (await world.buckets.find("bucket")).documents


async def test_what_is_not_read_changes_and_returns_when_it_is(world: World) -> None:
    await monitored(world)
    keys = [f"k{number}" for number in range(7)]
    for key in keys:
        await world.put(key)
    await world.after(2.5)
    await read(world, "k3", "k5")
    assert await world.after(1) == {"changed": 5}
    assert await classes(world) == {
        key: "Standard" if key in {"k3", "k5"} else "IA" for key in keys
    }
    await read(world, "k0")
    assert await world.after(1) == {"changed": 1}
    assert (await classes(world))["k0"] == "Standard"
    assert await world.after(1) == {"changed": 2}
    assert await world.after(2) == {"changed": 1}
    assert set((await classes(world)).values()) == {"IA"}


async def test_what_is_older_than_the_monitor_is_as_old_as_it(world: World) -> None:
    await world.begin()
    await world.put("k")
    world.clock.at += 90 * DAY
    await world.lifecycles.monitor(world.bucket_now, is_enabled=True)
    await world.set(BY_ACCESS)
    stored = await world.objects.find(world.bucket_now, "k")
    assert await world.access_times.of(world.bucket_now, stored) == world.clock.at
    assert await world.after(2.5) == {}
    assert await world.after(1) == {"changed": 1}


async def test_many_reads_of_what_is_gone_are_not_taken_for_others(world: World) -> None:
    await monitored(world)
    await world.put("k")
    for number in range(50):
        await world.metadata.note_accesses([(world.bucket_now.id, "k", f"v{number}", 5)])
    await read(world, "k")
    world.clock.at += DAY
    await read(world, "k")
    assert await world.after(2.5) == {}
    # They are removed by and by; what is there stays.
    assert len(await world.metadata.list_accesses((0, "", ""), 99)) == 1
    assert await world.after(1) == {"changed": 1}


async def test_reads_of_buckets_that_keep_none_any_more_are_forgotten(world: World) -> None:
    await monitored(world)
    await world.put("k")
    await read(world, "k")
    await world.set(expire(90))
    await world.lifecycles.monitor(world.bucket_now, is_enabled=False)
    await world.worker.run(always)
    assert await world.metadata.list_accesses((0, "", ""), 9) == []


async def test_reads_are_written_once_a_day_and_bounded(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await monitored(world)
    await world.put("k")
    stored = await world.objects.find(world.bucket_now, "k")
    world.access_times.note(stored)
    first = world.clock.at
    assert await world.access_times.of(world.bucket_now, stored) == first
    await world.access_times.flush()
    world.clock.at += 1000
    world.access_times.note(stored)
    await world.access_times.flush()
    assert await world.metadata.find_access(world.bucket_now.id, "k", "null") == first
    monkeypatch.setattr("ossia.domain.objects.access_times._MOST_WAITING", 2)
    for number in range(5):
        world.access_times.note(replace(stored, key=f"n{number}"))
    await world.access_times.flush()
    assert len(await world.metadata.list_accesses((0, "", ""), 9)) == 3


async def test_reads_that_cannot_be_written_are_noted_again(world: World) -> None:
    await monitored(world)
    await world.put("k")
    world.fail("note_accesses", Unavailable("gone"))
    await read(world, "k")
    await read(world, "k")
    assert await world.metadata.find_access(world.bucket_now.id, "k", "null") == world.clock.at


async def test_cold_objects_forget_that_they_were_read(world: World) -> None:
    await world.begin()
    await world.lifecycles.monitor(world.bucket_now, is_enabled=True)
    await world.set(becomes("Archive", 1))
    await world.put("k")
    await read(world, "k")
    assert await world.after(3) == {"changed": 1}
    assert await world.metadata.list_accesses((0, "", ""), 9) == []


# --- explaining ---


async def explained(world: World, days: float, prefix: str = "") -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = []
    progress: Progress | None = None
    at = world.clock.at + round(days * DAY)
    while progress is None or progress.stage is not Stage.DONE:
        page, progress = await world.lifecycles.explain(world.bucket_now, prefix, at, progress)
        found += [(each.judgement.deed.value, each.key, each.judgement.rule) for each in page]
    return found


async def test_explaining_tells_what_the_worker_will_do_and_does_nothing(world: World) -> None:
    await world.begin(expire(2, "a"), FORMERS, versioned=True)
    for key in ("a1", "a2", "b", "b"):
        await world.put(key)
    await world.objects.versions.delete(world.bucket_now, [Named("lone")])
    before = await world.versions()
    assert await explained(world, 0) == [("remove marker", "lone", "n")]
    assert await explained(world, 2.5, "a") == [("delete", "a1", "e"), ("delete", "a2", "e")]
    assert await explained(world, 2.5, "a2") == [("delete", "a2", "e")]
    assert await explained(world, 5.5, "b") == [("delete", "b", "n")]
    assert await explained(world, 5.5, "c") == []
    assert await world.versions() == before
    counts = await world.after(5.5)
    assert counts == {"deleted": 3, "markers": 1}


async def test_a_bucket_without_rules_explains_nothing(world: World) -> None:
    await world.begin()
    with pytest.raises(NoSuchLifecycle):
        await world.lifecycles.explain(world.bucket_now, "", 0, None)


async def test_whoever_listens_hears_what_is_done(world: World) -> None:
    await world.begin(expire())
    for number in range(7):
        await world.put(f"{number}")
    counts = await world.after(3)
    assert world.heard == counts == {"deleted": 7}
