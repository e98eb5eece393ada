"""SAPIEN's renderer: the same geometry as ours, and a named error where Vulkan does not work."""

import os
import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest

pytest.importorskip("sapien", reason="needs the extra maniskill")

import molmospaces_gym  # noqa: F401
from molmospaces_gym.backends.rendering import probe_renderers
from molmospaces_gym.backends.rendering.vulkan import repair, split_sum

(STATUS,) = probe_renderers(["sapien"])
needs_vulkan = pytest.mark.skipif(not STATUS.works, reason=f"no Vulkan: {STATUS.detail}")
SIZE = (96, 72)


@pytest.fixture(scope="module")
def session():
    """The start of an episode of Pick."""
    env = gym.make("molmospaces_gym/Pick-v1", scene="generated/val/0", image_size=list(SIZE))
    env.reset(seed=0)
    yield env.unwrapped.session
    env.close()


def draw(session, camera, renderer):
    pose = session.camera_pose(camera)
    modes = ("rgb", "depth", "segmentation")
    return session.world.render(0, pose, SIZE, modes, renderer)


@needs_vulkan
@pytest.mark.parametrize("camera", ["exo_camera_1", "wrist_camera"])
def test_it_sees_what_raster_sees(session, camera):
    wanted, found = draw(session, camera, "raster"), draw(session, camera, "sapien")
    for mode in wanted:
        assert found[mode].shape == wanted[mode].shape and found[mode].dtype == wanted[mode].dtype
    assert np.median(np.abs(found["depth"] - wanted["depth"])) < 1e-4
    assert (found["segmentation"] == wanted["segmentation"]).mean() > 0.98
    assert found["rgb"].std() > 20
    assert np.median(np.abs(found["rgb"].astype(float) - wanted["rgb"])) < 40


@needs_vulkan
def test_a_picture_is_new_and_the_same_again(session):
    first = draw(session, "exo_camera_1", "sapien")
    kept = {mode: picture.copy() for mode, picture in first.items()}
    other = draw(session, "wrist_camera", "sapien")
    again = draw(session, "exo_camera_1", "sapien")
    for mode, picture in kept.items():
        np.testing.assert_array_equal(first[mode], picture)
        np.testing.assert_array_equal(again[mode], picture)
        assert not np.array_equal(other[mode], picture)


@needs_vulkan
def test_looks_are_shown():
    kwargs = {"scene": "generated/val/0", "image_size": list(SIZE), "render_mode": "rgb_array"}
    pictures = []
    for randomize in (False, True):
        env = gym.make(
            "molmospaces_gym/Pick-v1",
            renderer="sapien",
            randomize_colors=randomize,
            randomize_lighting=randomize,
            **kwargs,
        )
        env.reset(seed=0)
        pictures.append(env.render().astype(float))
        env.close()
    assert np.abs(pictures[0] - pictures[1]).mean() > 5


@needs_vulkan
def test_it_draws_for_every_simulator():
    env = gym.make(
        "molmospaces_gym/Pick-v1",
        backend="maniskill",
        scene="generated/val/0",
        obs_mode="rgbd",
        image_size=list(SIZE),
        renderer="sapien",
    )
    observation, _ = env.reset(seed=0)
    assert env.observation_space.contains(observation)
    assert observation["exo_camera_1"].std() > 20
    env.close()


def test_without_vulkan_the_repair_is_named():
    code = (
        "import gymnasium as gym, molmospaces_gym\n"
        "from molmospaces_gym.errors import RendererUnavailable\n"
        "env = gym.make('molmospaces_gym/Pick-v1', houses=1, obs_mode='rgb', renderer='sapien')\n"
        "try: env.reset(seed=0)\n"
        "except RendererUnavailable as error: print(error)"
    )
    environment = {**os.environ, "VK_ICD_FILENAMES": "/nonexistent.json"}
    run = subprocess.run(
        [sys.executable, "-P", "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "no Vulkan device" in run.stdout and repair() in run.stdout


def test_without_sapien_the_package_is_named(monkeypatch):
    from molmospaces_gym.backends.rendering import vulkan
    from molmospaces_gym.errors import RendererUnavailable

    monkeypatch.setitem(sys.modules, "sapien", None)
    with pytest.raises(RendererUnavailable, match="pip install"):
        vulkan.import_sapien()


def test_the_table_of_reflections_is_that_of_a_mirror_and_of_a_rough_surface():
    scale, bias = np.moveaxis(split_sum(32, 256), -1, 0)
    assert ((scale >= 0) & (bias >= 0) & (scale + bias <= 1.001)).all()
    # A mirror reflects everything, by Schlick's share at each angle.
    cosine = (np.arange(32) + 0.5) / 32
    np.testing.assert_allclose(bias[0], (1 - cosine) ** 5, atol=0.02)
    np.testing.assert_allclose(scale[0] + bias[0], 1.0, atol=0.02)
    assert (scale + bias)[-1, 16] < 0.8


@pytest.mark.parametrize(
    ("release", "wanted"),
    [
        ({"VERSION_CODENAME": "bookworm"}, "-t bookworm-backports mesa-vulkan-drivers"),
        ({"VERSION_CODENAME": "trixie"}, "apt-get install libvulkan1 mesa-vulkan-drivers"),
        (OSError(), "install the Vulkan loader"),
    ],
)
def test_the_repair_is_that_of_the_system(release, wanted, monkeypatch):
    def told():
        if isinstance(release, OSError):
            raise release
        return release

    monkeypatch.setattr("platform.freedesktop_os_release", told)
    assert wanted in repair()
