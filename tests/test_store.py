"""The disk cache of generated houses and compiled scenes."""

from pathlib import Path

import numpy as np
import pytest

from molmospaces_gym.robots import get_robot
from molmospaces_gym.scenes import homes, resolve, store
from molmospaces_gym.scenes.compose import get_scene
from molmospaces_gym.scenes.house import House
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
    (file,) = cache.glob("*.house")
    whole = file.read_bytes()
    half, turned = whole[: len(whole) // 2], whole[:-9] + bytes(255 - b for b in whole[-9:])
    for content in (b"", b"{", b"0 x 0\n", b"\xff 0 0\n", whole[:-1], half, turned):
        file.write_bytes(content)
        found = fresh("generated/val/2")
        assert (found.mjcf, found.metadata) == (made.mjcf, made.metadata)
        assert file.read_bytes() == whole


def test_a_stored_house_keeps_its_key(cache: Path) -> None:
    made, found = fresh("homes/val/2"), fresh("homes/val/2")
    assert found is not made
    alike = House(made.name, mjcf=found.mjcf, metadata=found.metadata)
    assert found.content_key == made.content_key == alike.content_key


def test_a_stored_scene_is_the_compiled_one(cache: Path) -> None:
    house, robot = fresh("homes/val/2"), get_robot("franka_mobile")
    made = get_scene(house, robot)
    key, rest = made.key, made.rest_qpos
    store.save_compiled(key, made.model, rest, made.owns_robot)
    model, found, owned = store.load_compiled(key)
    assert (model.nq, model.nbody, owned) == (made.model.nq, made.model.nbody, made.owns_robot)
    np.testing.assert_array_equal(found, rest)
    np.testing.assert_array_equal(model.body_mass, made.model.body_mass)


def test_a_damaged_scene_is_not_loaded(cache: Path, monkeypatch) -> None:
    monkeypatch.chdir(cache.parent)  # MuJoCo may write a log there
    made = get_scene(fresh("generated/val/2"), get_robot("franka_droid"))
    store.save_compiled(made.key, made.model, made.rest_qpos, made.owns_robot)
    model, rest = cache / f"{made.key}.mjb", cache / f"{made.key}.rest"
    whole = rest.read_bytes()
    for part in (whole[:-8], b""):
        rest.write_bytes(part)
        assert store.load_compiled(made.key) is None
    rest.write_bytes(whole)
    assert store.load_compiled(made.key) is not None
    model.write_bytes(b"damaged")
    assert store.load_compiled(made.key) is None
    rest.unlink()
    assert store.load_compiled(made.key) is None


def test_another_generator_makes_other_files(cache: Path, monkeypatch) -> None:
    fresh("generated/val/2")
    monkeypatch.setattr(store, "_generators_stamp", lambda: "changed")
    fresh("generated/val/2")
    assert len(list(cache.glob("*.house"))) == 2


def test_nothing_is_written_without_the_variable(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.delenv(store.VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    fresh("generated/val/2")
    assert not list(tmp_path.iterdir())
