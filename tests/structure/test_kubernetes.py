"""The manifests: what Kubernetes knows, what Ossia knows, and each name the same in all of them."""

import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from kubernetes_validate import latest_version, validate

from ossia import __version__
from ossia.cli import cli
from ossia.node.supervisor import STOP_DEADLINE_S
from ossia.settings import load, rows

FOLDER = Path(__file__).parents[2] / "deploy" / "kubernetes"
ALL: list[dict[str, Any]] = [
    each for file in sorted(FOLDER.glob("*.yaml")) for each in yaml.safe_load_all(file.read_text())
]


def named(kind: str, name: str = "ossia") -> dict[str, Any]:
    (found,) = [each for each in ALL if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return found


POD: dict[str, Any] = named("Deployment")["spec"]["template"]["spec"]
CONTAINER: dict[str, Any] = POD["containers"][0]


@pytest.fixture
def settings_file(tmp_path: Path) -> Path:
    (name,) = named("ConfigMap")["data"]
    file = tmp_path / name
    file.write_text(named("ConfigMap")["data"][name])
    return file


@pytest.mark.parametrize("each", ALL, ids=lambda each: f"{each['kind']}-{each['metadata']['name']}")
def test_kubernetes_knows_every_field(each: dict[str, Any]) -> None:
    validate(each, latest_version(), strict=True)
    assert each["kind"] == "Namespace" or each["metadata"]["namespace"] == "ossia"


def test_its_arguments_are_arguments() -> None:
    command, *arguments = CONTAINER["args"]
    assert isinstance(cli, click.Group)
    found = cli.commands[command]
    known = {flag for parameter in found.params for flag in parameter.opts}
    assert {each for each in arguments if each.startswith("--")} <= known


def test_its_settings_and_secrets_fit_together(settings_file: Path) -> None:
    given = named("Secret")["stringData"]
    assert given.keys() <= {row.variable for row in rows()}
    settings = load({}, given, settings_file)
    assert settings.metadata.startswith("postgresql://")
    assert settings.blobs.startswith("s3://")
    assert settings.drain_seconds + STOP_DEADLINE_S < POD["terminationGracePeriodSeconds"]


def test_no_secret_is_in_the_settings(settings_file: Path) -> None:
    kept = tomllib.loads(settings_file.read_text()).keys()
    assert not {each for each in kept if "secret" in each or each == "metadata"}


def test_every_file_it_names_is_mounted(settings_file: Path) -> None:
    settings = load({}, named("Secret")["stringData"], settings_file)
    mounted = {each["name"]: each["mountPath"] for each in CONTAINER["volumeMounts"]}
    keys = {f"{mounted['keys']}/{key}" for key in named("Secret", "ossia-keys")["stringData"]}
    assert {settings.master_key_file, settings.metrics_key_file} == keys
    config = CONTAINER["args"][CONTAINER["args"].index("--config") + 1]
    assert config == f"{mounted['settings']}/{settings_file.name}"
    assert {each["name"] for each in POD["volumes"]} == set(mounted)


def test_ports_and_probes_are_those_that_it_serves(settings_file: Path) -> None:
    settings = load({}, named("Secret")["stringData"], settings_file)
    ports = {each["name"]: each["containerPort"] for each in CONTAINER["ports"]}
    told = {"oss": settings.listen, "metrics": settings.metrics_listen}
    assert ports == {name: int(place.rpartition(":")[2]) for name, place in told.items()}
    probes = {
        each: CONTAINER[f"{each}Probe"]["httpGet"] for each in ("startup", "liveness", "readiness")
    }
    assert {name: probe["path"] for name, probe in probes.items()} == {
        "startup": "/-/health", "liveness": "/-/health", "readiness": "/-/ready",
    }  # fmt: skip
    assert {probe["port"] for probe in probes.values()} == {"oss"}
    readiness = CONTAINER["readinessProbe"]
    assert readiness["periodSeconds"] * readiness["failureThreshold"] < settings.drain_seconds
    scraped = named("Deployment")["spec"]["template"]["metadata"]["annotations"]
    assert scraped["prometheus.io/port"] == str(ports["metrics"])
    for each in named("NetworkPolicy")["spec"]["ingress"]:
        assert {port["port"] for port in each["ports"]} <= ports.keys()
    assert named("Service")["spec"]["ports"][0]["targetPort"] in ports


def test_everything_selects_the_same_pods() -> None:
    labels = named("Deployment")["spec"]["template"]["metadata"]["labels"]
    assert named("Deployment")["spec"]["selector"]["matchLabels"] == labels
    assert named("Service")["spec"]["selector"] == labels
    assert named("PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == labels
    assert named("NetworkPolicy")["spec"]["podSelector"]["matchLabels"] == labels
    assert CONTAINER["image"].endswith(f"/ossia:{__version__}")


def test_pods_are_restricted() -> None:
    """As the Pod Security Standard of that name wants it, and the root read-only besides."""
    told = named("Namespace")["metadata"]["labels"]
    assert told["pod-security.kubernetes.io/enforce"] == "restricted"
    pod, own = POD["securityContext"], CONTAINER["securityContext"]
    assert pod["runAsNonRoot"]
    assert pod["runAsUser"] == 65532
    assert pod["seccompProfile"]["type"] == "RuntimeDefault"
    assert not own["allowPrivilegeEscalation"]
    assert own["readOnlyRootFilesystem"]
    assert own["capabilities"] == {"drop": ["ALL"]}
    assert not POD["automountServiceAccountToken"]
