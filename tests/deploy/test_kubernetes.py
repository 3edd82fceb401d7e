"""What deploy/kubernetes builds: by kubectl's kustomize, held against published schemas."""

import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from headstart.dashboards.generate import dashboards

ROOT = Path(__file__).parents[2]
KUBERNETES = ROOT / "deploy/kubernetes"
KUBERNETES_VERSION = "1.32"
OPERATORS = ("PrometheusRule", "ServiceMonitor")

pytestmark = [pytest.mark.kubectl, pytest.mark.deploy]

Object = dict[str, Any]


@cache
def built() -> tuple[Object, ...]:
    done = subprocess.run(
        ["kubectl", "kustomize", KUBERNETES / "example"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # What is deprecated is told there.
    assert done.stderr == ""
    return tuple(yaml.safe_load_all(done.stdout))


def only(kind: str) -> Object:
    (found,) = (each for each in built() if each["kind"] == kind)
    return found


def container() -> Object:
    (found,) = only("Deployment")["spec"]["template"]["spec"]["containers"]
    return dict(found)


def test_each_object_of_kubernetes_fits_its_schema() -> None:
    import kubernetes_validate

    checked = [
        kubernetes_validate.validate(each, KUBERNETES_VERSION, strict=True)
        for each in built()
        if each["kind"] not in OPERATORS
    ]

    assert len(checked) == len(dashboards()) + 4


@pytest.mark.parametrize("kind", OPERATORS)
def test_each_object_of_the_operator_fits_its_model_and_has_no_key_beside_it(kind: str) -> None:
    from cloudcoil.models.prometheus_operator import v1

    found = only(kind)
    model = getattr(v1, kind).model_validate(found)

    # Unknown keys are no error of the model's: it leaves them out.
    assert model.model_dump(mode="json", by_alias=True, exclude_unset=True) == found


def test_what_one_object_names_of_another_is_there() -> None:
    (source,) = container()["envFrom"]
    (settings,) = (
        each for each in built() if each["metadata"]["name"] == source["configMapRef"]["name"]
    )
    pod = only("Deployment")["spec"]["template"]
    ports = {port["name"] for port in container()["ports"]}
    service = only("Service")
    monitor = only("ServiceMonitor")["spec"]

    assert {port["targetPort"] for port in service["spec"]["ports"]} == ports
    assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["endpoints"][0]["port"] in {port["name"] for port in service["spec"]["ports"]}
    # What its rules look for.
    assert service["metadata"]["labels"][monitor["jobLabel"]] == "headstart"
    mounted = [mount["mountPath"] for mount in container()["volumeMounts"]]
    for name in ("DATA", "METRICS_TOKEN_FILE"):
        path = settings["data"][f"HEADSTART_COLLECTOR_{name}"]
        assert any(path.startswith(f"{folder}/") for folder in mounted), path
    assert {each["metadata"].get("namespace") for each in built()} == {"headstart"}


def test_a_store_has_one_collector_at_a_time() -> None:
    deployment = only("Deployment")["spec"]

    assert (deployment["replicas"], deployment["strategy"]) == (1, {"type": "Recreate"})


def test_boards_have_the_label_that_a_sidecar_looks_for_and_rules_are_all_there() -> None:
    rules = yaml.safe_load((ROOT / "dashboards/generated/headstart.rules.yml").read_text())
    labelled = {
        file
        for each in built()
        if each["metadata"].get("labels", {}).get("grafana_dashboard") == "1"
        for file in each["data"]
    }

    assert labelled == {f"{board['uid']}.json" for board in dashboards()}
    assert only("PrometheusRule")["spec"] == rules
