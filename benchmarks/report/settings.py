"""What a run was made with, and the command that makes it again."""

import json
import shlex
from collections.abc import Mapping
from typing import Any

from molmospaces_gym.benchmark_io import suite_names
from molmospaces_gym.benchmarks.report.markup import Html, tag
from molmospaces_gym.benchmarks.runs import LoadedRun, suite_name
from molmospaces_gym.policies.base import known_policies

FIXED_BY_EVALUATOR = {"terminate_on_success": False, "render_mode": "rgb_array"}
"""Env arguments that every evaluation has without being asked."""
SHORT_HASH = 12


def repeat_command(config: Mapping[str, Any]) -> str | None:
    """The shell command that repeats a run; None where the policy was a Python object."""
    policy = str(config["policy"])
    if policy.partition(":")[0] not in known_policies():
        return None
    name = suite_name(config)
    benchmark = name if name in suite_names() else str(config["benchmark"])
    words = ["molmospaces-gym", "eval", "--policy", policy, "--benchmark", benchmark]
    words += ["--episodes", str(config["episodes"])]
    defaults = {"workers": 1, "seed": 0, "video": "none"}
    for key, default in defaults.items():
        if config.get(key, default) != default:
            words += [f"--{key}", str(config[key])]
    env_kwargs = dict(config.get("env_kwargs", {}))
    backend = env_kwargs.pop("backend", "mujoco")
    if backend != "mujoco":
        words += ["--backend", str(backend)]
    for key, value in env_kwargs.items():
        if key != "benchmark" and FIXED_BY_EVALUATOR.get(key, ...) != value:
            words += ["--env", f"{key}={_argument(value)}"]
    return shlex.join(words)


def settings_section(run: LoadedRun) -> Html:
    """Settings, versions, the command to repeat the run, and all of ``config.json``."""
    config = run.config
    command = repeat_command(config)
    repeat = (
        tag("pre", tag("code", command), class_="wrap")
        if command
        else tag("p", "The policy was a Python object; give it to ", tag("code", "evaluate"), ".")
    )
    everything = json.dumps(dict(config), indent=2, default=str)
    return tag(
        "section",
        tag("h2", "Settings"),
        tag("h3", "Repeat this run"),
        repeat,
        tag(
            "div",
            _table("Run", _run_rows(run)),
            _table("Versions", _version_rows(config)),
            class_="columns",
        ),
        tag(
            "details",
            tag("summary", "All of config.json"),
            tag("pre", tag("code", everything), class_="wrap small"),
        ),
        id="settings",
    )


def _run_rows(run: LoadedRun) -> list[tuple[str, str | None]]:
    config = run.config
    env_kwargs = dict(config.get("env_kwargs", {}))
    steps, dt = config.get("horizon"), config.get("control_dt")
    horizon = f"{steps} steps of {dt:g} s = {steps * dt:.1f} s" if steps and dt else None
    digest = config.get("benchmark_sha256")
    shown = {k: v for k, v in env_kwargs.items() if k not in ("benchmark", "backend")}
    return [
        ("Policy", str(config["policy"])),
        ("Benchmark", suite_name(config)),
        ("SHA-256 of its episodes", str(digest)[:SHORT_HASH] + "..." if digest else None),
        ("Task", _text(config.get("env_id"))),
        ("Episodes", f"{len(run.records)} of {run.planned} played"),
        ("Horizon", horizon),
        ("Seed", _text(config.get("seed"))),
        ("Backend", _text(env_kwargs.get("backend"))),
        ("Env arguments", ", ".join(f"{k}={_argument(v)}" for k, v in shown.items()) or None),
        ("Workers", _text(config.get("workers"))),
        ("Videos", _text(config.get("video"))),
        ("Sessions", _sessions(config)),
        ("Run folder", str(run.path)),
    ]


def _sessions(config: Mapping[str, Any]) -> str | None:
    sessions = config.get("sessions", [])
    if not sessions:
        return None
    started, finished = str(sessions[0]["started"]), str(sessions[-1]["finished"])
    # Times are written in UTC, to the second; a reader wants the minute.
    times = [time.replace("T", " ")[: len("2026-01-31 23:59")] for time in (started, finished)]
    return f"{len(sessions)}, {times[0]} to {times[1]} UTC"


def _version_rows(config: Mapping[str, Any]) -> list[tuple[str, str | None]]:
    rows = [(str(name), str(number)) for name, number in config.get("versions", {}).items()]
    return [
        *rows,
        ("Python", _text(config.get("python"))),
        ("Platform", _text(config.get("platform"))),
        ("Git commit", _text(config.get("git_commit"))),
    ]


def _table(caption: str, rows: list[tuple[str, str | None]]) -> Html:
    lines = [
        tag("tr", tag("th", name, scope="row"), tag("td", value))
        for name, value in rows
        if value is not None
    ]
    return tag("table", tag("caption", caption), tag("tbody", *lines), class_="facts")


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _argument(value: Any) -> str:
    """``value`` as ``--env`` reads it: JSON, and plain words without quotes."""
    text = json.dumps(value)
    if not isinstance(value, str):
        return text
    try:
        json.loads(value)
    except ValueError:
        return value
    return text
