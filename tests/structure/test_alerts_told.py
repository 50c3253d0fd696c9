"""Every alert says what to do, and the rules and the dashboard ask for what there is."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ossia.node.metrics.board import Family, Kind
from ossia.node.metrics.families import ASKED, FAMILIES
from prometheus_server import RULES, hurried, program

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "alerts.md").read_text()
DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy" / "grafana" / "ossia.json").read_text())
ALERTS = re.findall(r"^ +- alert: (\w+)$", RULES.read_text(), re.MULTILINE)
SECTIONS = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
PANELS = [each for each in DASHBOARD["panels"] if each["type"] != "row"]


def names(family: Family) -> set[str]:
    """What the series of a family are called."""
    if family.kind is Kind.HISTOGRAM:
        return {f"{family.name}_{part}" for part in ("bucket", "sum", "count")}
    return {family.name}


KNOWN = {name: family for family in (*FAMILIES, *ASKED) for name in names(family)}


def expressions(panel: dict[str, Any]) -> list[str]:
    return [target["expr"] for target in panel["targets"]]


EVERY = {"rules": [RULES.read_text()]} | {each["title"]: expressions(each) for each in PANELS}


def test_every_alert_has_its_section_and_every_section_its_alert() -> None:
    assert sorted(ALERTS) == sorted(SECTIONS)
    assert len(set(ALERTS)) == len(ALERTS)


@pytest.mark.parametrize("alert", ALERTS)
def test_a_rule_says_how_bad_it_is_and_where_to_read_on(alert: str) -> None:
    rule = RULES.read_text().partition(f"- alert: {alert}\n")[2].partition("- alert:")[0]
    assert re.search(r"^ +severity: (critical|warning)$", rule, re.MULTILINE)
    assert re.search(r'^ +summary: ".+\."$', rule, re.MULTILINE)
    assert f"runbook: docs/alerts.md#{alert.lower()}\n" in rule
    for part in ("**Means.**", "**See.**", "**Do.**"):
        assert part in SECTIONS[alert]


def test_links_within_the_page_lead_somewhere() -> None:
    for anchor in re.findall(r"\(#(\w+)\)", PAGE):
        assert anchor in {each.lower() for each in SECTIONS}, anchor


@pytest.mark.parametrize("place", EVERY)
def test_only_what_there_is_is_asked_for(place: str) -> None:
    for expression in EVERY[place]:
        text = re.sub(r"\{\{.*?\}\}", "", expression)
        asked = set(re.findall(r"\bossia_\w+", text))
        assert asked <= KNOWN.keys(), asked - KNOWN.keys()
        for name, matchers in re.findall(r"\b(ossia_\w+)\{(.*?)\}", text):
            labels = dict(KNOWN[name].labels)
            for label, values in re.findall(r'(\w+)(?:=~|!~|!=|=)"([^"]*)"', matchers):
                if label not in {"instance", "job"}:
                    assert set(values.split("|")) <= set(labels[label]), (name, label, values)


def test_the_dashboard_shows_every_metric() -> None:
    shown = {
        name for panel in PANELS for text in expressions(panel) for name in KNOWN if name in text
    }
    missing = {each.name for each in (*FAMILIES, *ASKED) if not names(each) & shown}
    # Beside the time that workers were started, when they were last seen shows nothing.
    assert missing == {"ossia_worker_seen_time_seconds"}


def test_panels_are_told_apart_and_explained() -> None:
    assert len({each["title"] for each in PANELS}) == len(PANELS)
    assert len({each["id"] for each in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    assert all(each["description"].endswith(".") for each in PANELS)
    for mentioned in re.findall(r"(?<!\*)\*([A-Za-z][a-z: ]+)\*(?!\*)", PAGE):
        assert mentioned[0].upper() + mentioned[1:] in {
            each["title"].partition(",")[0] for each in PANELS
        }, mentioned


@pytest.mark.parametrize("change", [str, hurried], ids=["as they are", "in a hurry"])
def test_promtool_finds_the_rules_in_order(tmp_path: Path, change: Any) -> None:
    promtool = program("promtool")
    if promtool is None:
        pytest.skip("Prometheus is not installed: make prometheus")
    rules = tmp_path / "rules.yml"
    rules.write_text(change(RULES.read_text()))
    checked = subprocess.run(
        [promtool, "check", "rules", "--lint-fatal", rules],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"SUCCESS: {len(ALERTS)} rules" in checked.stdout
