"""Results of schema 1 are read by what schema 2 says of the same."""

import copy
from typing import Any

from headstart.collector.findings.schema_1 import upgraded

OLD: dict[str, Any] = {
    "host": "h1",
    "memory_floors": [],
    "memory_phases": [{"group_bytes": 1.0, "group_peak_bytes": None}],
    "host_facts": [["kernel", "6.18.0"]],
    "advice": [["warning", "governor", "It is powersave."]],
    "method": [["runtime", "docker"]],
    "warmups": [{"variant": "jit", "in_company": True}],
    "variant_warmups": [{"variant": "jit", "in_company": 2}],
    "break_evens": [{"outcome": "untold"}, {"outcome": "never"}],
    "job_break_evens": [{"outcome": "untold"}],
    "variants": [{"variant": "jit", "failure": ""}, {"variant": "aot", "failure": "dies"}],
    "images": [{"base_source": ""}, {"base_source": "named"}],
    "run_id": "r-1",
}


def test_words_and_pairs_of_schema_1_become_those_of_schema_2() -> None:
    before = copy.deepcopy(OLD)

    assert upgraded(OLD) == {
        "host": {
            "name": "h1",
            "facts": [{"name": "kernel", "value": "6.18.0"}],
            "advice": [{"level": "warning", "code": "governor", "text": "It is powersave."}],
        },
        "method": [{"name": "runtime", "value": "docker"}],
        "load": {
            "warmups": [{"variant": "jit", "decided_jointly": True}],
            "variant_warmups": [{"variant": "jit", "decided_jointly": 2}],
            "break_evens": [{"outcome": "undetermined"}, {"outcome": "never"}],
        },
        "job_break_evens": [{"outcome": "undetermined"}],
        "variants": [{"variant": "jit", "failure": None}, {"variant": "aot", "failure": "dies"}],
        "images": [{"base_source": None}, {"base_source": "named"}],
        "memory": {
            "floors": [],
            "phases": [{"cgroup_bytes": 1.0, "cgroup_peak_bytes": None}],
        },
        "run_id": "r-1",
    }
    assert before == OLD


def test_what_schema_1_cannot_have_said_is_left_to_the_reader() -> None:
    odd = {"host_facts": [["kernel"], 7], "warmups": {"in_company": 1}, "break_evens": None}

    assert upgraded(odd) == {
        "host": {"facts": odd["host_facts"]},
        "load": {"warmups": odd["warmups"], "break_evens": None},
    }
    assert upgraded({"load": 7, "warmups": []}) == {"load": 7}
