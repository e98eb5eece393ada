"""The disk cache of generated houses."""

import json
from pathlib import Path

import pytest

from molmospaces_gym.scenes import homes, resolve, store
from molmospaces_gym.scenes.resolve import resolve_house


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(store.VARIABLE, str(tmp_path))
    resolve._generated.cache_clear()
    return tmp_path / "scenes"


def fresh(name: str):
    resolve._generated.cache_clear()
    return resolve_house(name)


@pytest.mark.parametrize("name", ["homes/val/2", "generated/val/2"])
def test_a_stored_house_is_the_generated_one(name: str, cache: Path, monkeypatch) -> None:
    made = fresh(name)
    monkeypatch.setattr(homes, "generate_home", None)
    monkeypatch.setattr("molmospaces_gym.scenes.generator.generate_house", None)
    found = fresh(name)
    assert found is not made
    assert (found.name, found.mjcf, found.metadata) == (made.name, made.mjcf, made.metadata)


def test_a_damaged_file_is_made_again(cache: Path) -> None:
    made = fresh("generated/val/2")
    (file,) = cache.glob("*.json")
    for text in ("{", json.dumps({"mjcf": "<mujoco/>"}), "[1]"):
        file.write_text(text)
        assert fresh("generated/val/2").mjcf == made.mjcf
    assert json.loads(file.read_text())["mjcf"] == made.mjcf


def test_another_generator_makes_other_files(cache: Path, monkeypatch) -> None:
    fresh("generated/val/2")
    monkeypatch.setattr(store, "_generators_stamp", lambda: "changed")
    fresh("generated/val/2")
    assert len(list(cache.glob("*.json"))) == 2


def test_nothing_is_written_without_the_variable(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.delenv(store.VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    fresh("generated/val/2")
    assert not list(tmp_path.iterdir())
