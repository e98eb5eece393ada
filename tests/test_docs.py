"""What the documentation says is so: snippets run, tables are complete, files exist."""

import configparser
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
CONTINUED = {"datagen-0", "datasets-0", "datasets-1"}
"""Snippets that go on from what a command or the reader made before."""
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SNIPPETS = {
    f"{page.stem}-{number}": code
    for page in PAGES
    for number, code in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL))
    if f"{page.stem}-{number}" not in CONTINUED
}


@pytest.mark.slow
@pytest.mark.parametrize("snippet", SNIPPETS.values(), ids=SNIPPETS)
def test_snippets_run(snippet, tmp_path):
    code = re.sub(r"(total_timesteps|n_steps)=[\d_]+", r"\1=16", snippet)
    command = [sys.executable, "-W", "error", "-c", code]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_readme_lists_every_argument_with_its_default():
    from molmospaces_gym.config import EnvConfig

    table = README.split("## Arguments", 1)[1]
    rows = dict(re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", table, re.MULTILINE))
    expected = {f.name: repr(f.default).replace("'", '"') for f in fields(EnvConfig)}
    assert rows == expected


def test_readme_lists_every_action_mode_with_its_scale():
    from molmospaces_gym.actions import ACTION_MODES, EE_STEP, EE_TURN, JOINT_STEP, action_size
    from molmospaces_gym.robots import get_robot

    table = README.split("### Actions", 1)[1].split("###", 1)[0]
    robot = get_robot("franka_droid")
    for mode in ACTION_MODES:
        assert f"| `{mode}` | {action_size(robot, mode)} |" in table
    for scale in (f"{JOINT_STEP:g} rad", f"{100 * EE_STEP:g} cm", f"{EE_TURN:g} rad"):
        assert scale in table


def test_readme_lists_every_observation():
    from molmospaces_gym.observations import robot_keys
    from molmospaces_gym.registration import TASKS
    from molmospaces_gym.robots import get_robot
    from molmospaces_gym.tasks import get_task

    table = README.split("### Observations", 1)[1].split("###", 1)[0]
    keys = set(robot_keys(get_robot("franka_droid")))
    for task in TASKS:
        keys |= set(get_task(task).privileged_keys)
    assert not {key for key in keys if f"`{key}`" not in table}


def test_readme_lists_every_task():
    from molmospaces_gym.registration import TASKS, env_id

    for task in TASKS:
        assert f"`{env_id(task)}`" in README


@pytest.mark.parametrize("text", [README, CONTRIBUTING], ids=["README", "CONTRIBUTING"])
def test_named_files_and_verbs_exist(text):
    files = re.findall(r"`((?:[\w.-]+/)*[\w.-]+\.(?:py|cfg|txt|md|toml))`", text)
    places = (ROOT, ROOT / "molmospaces_gym", ROOT / "backends")
    missing = [f for f in files if not any((place / f).exists() for place in places)]
    assert not missing
    makefile = (ROOT / "Makefile").read_text()
    for verb in set(re.findall(r"\bmake ([a-z]+)\b(?=[` \n])", text)):
        assert re.search(rf"^{verb}:", makefile, re.MULTILINE), verb


def test_reserved_extras_are_not_declared():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    reserved = set(re.findall(r"`([\w-]+)`", CONTRIBUTING.split("extras to come:", 1)[1]))
    assert not reserved & set(config["options.extras_require"])
