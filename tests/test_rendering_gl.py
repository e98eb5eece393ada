"""MuJoCo's own renderer, and that the software renderer sees the same."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

mujoco = pytest.importorskip("mujoco")

from molmospaces_gym.backends.rendering import gl_context, make_renderer, probe_renderers  # noqa: E402
from molmospaces_gym.backends.rendering.gl import GLRenderer  # noqa: E402
from molmospaces_gym.cameras import CameraPose, look_rotation  # noqa: E402
from molmospaces_gym.errors import InvalidConfig, RendererUnavailable, UnknownName  # noqa: E402
from molmospaces_gym.scenes.generator import generate_house  # noqa: E402
from molmospaces_gym.variations import Lamp, Look, Tints  # noqa: E402

ALL = ("rgb", "depth", "segmentation")

ROOM = """<mujoco>
<visual><headlight ambient=".3 .3 .3" diffuse=".3 .3 .3" specular="0 0 0"/></visual>
<asset>
  <texture type="skybox" builtin="gradient" rgb1=".6 .7 .9" rgb2=".1 .1 .2" width="64"
    height="384"/>
  <texture name="t" type="2d" builtin="checker" rgb1=".8 .7 .6" rgb2=".4 .3 .2"
    width="128" height="128"/>
  <material name="floor" texture="t" texrepeat="2 2" texuniform="true" specular="0"/>
  <material name="plain" rgba=".8 .5 .3 1" specular="0"/>
  <mesh name="hull" vertex="0 0 .1 .1 0 0 0 .1 0 -.1 0 0 0 -.1 0 0 0 -.1"/>
</asset>
<worldbody>
  <light type="directional" dir=".3 .4 -1" diffuse=".4 .4 .4" specular="0 0 0"/>
  <geom type="plane" size="0 0 .1" material="floor"/>
  <geom type="box" size="2 .05 1.3" pos="0 2 1.3" rgba=".9 .9 .8 1"/>
  <geom type="box" size=".05 2 1.3" pos="2 0 1.3" rgba=".7 .8 .9 1"/>
  <body name="table" pos=".6 .6 .4"><geom type="box" size=".5 .4 .02" material="plain"/></body>
  <body name="ball" pos=".5 .5 .5"><geom type="sphere" size=".08" rgba="1 0 0 1"/></body>
  <body name="can" pos=".8 .5 .5" euler="30 0 20">
    <geom type="cylinder" size=".05 .08" rgba="0 1 0 1"/></body>
  <body name="pill" pos=".3 .7 .5" euler="0 70 0"><geom type="capsule" size=".04 .06"/></body>
  <body name="egg" pos=".7 .8 .5"><geom type="ellipsoid" size=".04 .06 .08" rgba="1 1 0 1"/></body>
  <body name="gem" pos=".9 .8 .52"><geom type="mesh" mesh="hull" rgba=".4 .2 .9 1"/></body>
  <body name="hidden" pos="0 0 1"><geom type="box" size=".2 .2 .2" group="3"/></body>
</worldbody></mujoco>"""


@pytest.fixture(scope="module", autouse=True)
def working_gl() -> None:
    (status,) = probe_renderers(["gl"])
    if not status.works:
        pytest.skip(f"OpenGL does not work here: {status.detail}")


def load(mjcf: str):
    model = mujoco.MjModel.from_xml_string(mjcf)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    return model, data


def look(pos, at, fov: float = 60.0) -> CameraPose:
    return CameraPose(np.array(pos, float), look_rotation(np.subtract(at, pos), (0, 0, 1)), fov)


@pytest.fixture(scope="module")
def room():
    return load(ROOM)


@pytest.fixture(scope="module")
def house():
    return load(generate_house("val", 0).mjcf)


def agreement(scene, camera: CameraPose, width: int, height: int, name: str = "gl"):
    """Median depth difference (m), share of pixels with equal body and mean rgb difference."""
    model, data = scene
    a = make_renderer("raster", model).render(data, camera, width, height, ALL)
    reference = make_renderer(name, model)
    b = reference.render(data, camera, width, height, ALL)
    reference.close()
    seen = (a["segmentation"] >= 0) & (b["segmentation"] >= 0)
    colours = np.abs(a["rgb"].astype(int) - b["rgb"]).mean()
    same = float((a["segmentation"] == b["segmentation"]).mean())
    return float(np.median(np.abs(a["depth"] - b["depth"])[seen])), same, float(colours)


VIEWS = [
    look((-1, -1, 1.2), (0.6, 0.6, 0.4)),
    look((0.6, -0.3, 0.7), (0.6, 0.6, 0.45), 45),
    look((1.5, 0.2, 1.8), (0.6, 0.6, 0.4), 90),
]


@pytest.mark.parametrize("camera", VIEWS)
def test_raster_agrees_in_a_room(room, camera: CameraPose) -> None:
    depth, same, colours = agreement(room, camera, 160, 120)
    assert depth < 2e-3 and same > 0.98 and colours < 6


def test_raster_agrees_with_official_settings(room) -> None:
    depth, same, _ = agreement(room, VIEWS[0], 320, 184, "gl-official")
    assert depth < 2e-3 and same > 0.98


@pytest.mark.parametrize("pos", [(0.4, 0.4, 2.2), (2.6, 0.9, 1.3)])
def test_raster_agrees_in_a_generated_house(house, pos) -> None:
    depth, same, _ = agreement(house, look(pos, house[0].stat.center * [1, 1, 0.5], 75), 128, 128)
    assert depth < 2e-3 and same > 0.98


def test_directions_and_ids(room) -> None:
    model, data = room
    renderer = GLRenderer(model)
    images = renderer.render(data, look((0.6, -0.3, 0.7), (0.6, 0.6, 0.45)), 160, 90, ALL)
    renderer.close()
    assert images["rgb"].shape == (90, 160, 3) and images["rgb"].dtype == np.uint8
    assert images["depth"].dtype == np.float32 and images["segmentation"].dtype == np.int32
    ball, can = (np.argwhere(images["segmentation"] == model.body(n).id) for n in ("ball", "can"))
    assert ball[:, 1].mean() < 80 < can[:, 1].mean()
    assert model.body("hidden").id not in images["segmentation"]
    row, column = ball[len(ball) // 2]
    assert np.argmax(images["rgb"][row, column]) == 0


def test_pictures_larger_than_the_offscreen_buffer(room) -> None:
    model, data = room
    renderer = GLRenderer(model)
    assert model.vis.global_.offwidth < 900
    small = renderer.render(data, look((-1, -1, 1.2), (0.6, 0.6, 0.4)), 90, 80)["rgb"]
    large = renderer.render(data, look((-1, -1, 1.2), (0.6, 0.6, 0.4)), 900, 800)["rgb"]
    renderer.close()
    assert large.shape == (800, 900, 3)
    assert large.mean() == pytest.approx(small.mean(), rel=0.05)


def test_threads_take_turns(room) -> None:
    model, data = room
    renderers = [GLRenderer(model), GLRenderer(model)]
    camera = look((-1, -1, 1.2), (0.6, 0.6, 0.4))
    expected = renderers[0].render(data, camera, 64, 48)["rgb"]
    with ThreadPoolExecutor(3) as pool:
        jobs = [pool.submit(renderers[k % 2].render, data, camera, 64, 48) for k in range(9)]
        assert all(np.array_equal(job.result()["rgb"], expected) for job in jobs)
    for renderer in renderers:
        renderer.close()


def test_official_settings_pass_their_probe(room) -> None:
    """Its highlights once made the red box of the probe too pink."""
    (status,) = probe_renderers(["gl-official"])
    assert status.works, status.detail


@pytest.mark.parametrize("quality", ["fast", "official"])
def test_the_model_is_not_changed(room, quality: str) -> None:
    model, data = room
    before, after = (np.empty(mujoco.mj_sizeModel(model), np.uint8) for _ in range(2))
    mujoco.mj_saveModel(model, None, before)
    renderer = GLRenderer(model, quality)
    renderer.render(data, look((-1, -1, 1.2), (0.6, 0.6, 0.4)), 32, 32, ALL)
    renderer.close()
    mujoco.mj_saveModel(model, None, after)
    assert np.array_equal(before, after)


def test_close_twice_and_use_after_close(room) -> None:
    model, data = room
    renderer = GLRenderer(model)
    renderer.close()
    renderer.close()
    with pytest.raises(RendererUnavailable, match="closed"):
        renderer.render(data, look((-1, -1, 1.2), (0, 0, 0)), 32, 32)


def test_bad_requests(room) -> None:
    model, data = room
    with pytest.raises(InvalidConfig, match="quality"):
        GLRenderer(model, "best")
    renderer = GLRenderer(model)
    with pytest.raises(UnknownName, match="render mode"):
        renderer.render(data, look((-1, -1, 1.2), (0, 0, 0)), 32, 32, ("normals",))
    renderer.close()


def test_missing_libraries_name_their_packages(room, monkeypatch: pytest.MonkeyPatch) -> None:
    model, data = room
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    monkeypatch.setattr(gl_context, "_loads", lambda library: False)
    with pytest.raises(RendererUnavailable, match="apt-get install libegl1"):
        GLRenderer(model).render(data, look((-1, -1, 1.2), (0, 0, 0)), 32, 32)


def test_osmesa_where_there_is_no_egl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    monkeypatch.setattr(gl_context, "_loads", lambda library: "OSMesa" in library)
    assert gl_context.choose_platform() == "osmesa"
    monkeypatch.setenv("MUJOCO_GL", "EGL")
    assert gl_context.choose_platform() == "egl"


def test_nothing_is_printed_when_the_interpreter_ends() -> None:
    code = """
import mujoco, numpy as np
from molmospaces_gym.backends.rendering import make_renderer
from molmospaces_gym.cameras import CameraPose
model = mujoco.MjModel.from_xml_string('<mujoco><worldbody><geom size="1"/></worldbody></mujoco>')
data = mujoco.MjData(model)
mujoco.mj_kinematics(model, data)
renderers = [make_renderer(name, model) for name in ("gl", "gl-official")]
for renderer in renderers:
    renderer.render(data, CameraPose(np.array([0, 0, 3.0]), np.eye(3), 45.0), 32, 32)
"""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0 and run.stdout == "" and run.stderr == ""


def test_paint_agrees_with_raster_and_is_forgotten(room) -> None:
    model, data = room
    look = Look(paint=tuple((g, (0.1, 0.2, 0.9)) for g in range(model.ngeom) if g % 2))
    raster, gl = make_renderer("raster", model), make_renderer("gl", model)
    before = gl.render(data, VIEWS[0], 96, 64)["rgb"]
    pictures = [r.render(data, VIEWS[0], 96, 64, ("rgb",), look)["rgb"] for r in (raster, gl)]
    assert np.abs(pictures[0].astype(int) - pictures[1]).mean() < 12
    assert np.abs(pictures[1].astype(int) - before).mean() > 3
    np.testing.assert_array_equal(gl.render(data, VIEWS[0], 96, 64)["rgb"], before)
    gl.close()


LAMPS = """<mujoco>
<visual><headlight ambient=".2 .2 .2" diffuse=".1 .1 .1" specular="0 0 0"/></visual>
<asset>
  <texture name="a" type="2d" builtin="checker" rgb1=".9 .2 .2" rgb2=".6 .1 .1" width="64"
    height="64"/>
  <texture name="b" type="2d" builtin="checker" rgb1=".2 .9 .2" rgb2=".1 .6 .1" width="64"
    height="64"/>
  <material name="a" texture="a" texrepeat="2 2" specular="0"/>
  <material name="b" texture="b" texrepeat="2 2" specular="0"/>
  <material name="plain" rgba=".8 .5 .3 1" specular="0"/>
</asset>
<worldbody>
  <light type="directional" dir=".3 .4 -1" diffuse=".4 .4 .4" specular="0 0 0"/>
  <light active="false" pos="0 0 9" dir="0 0 -1"/>
  <geom type="plane" size="3 3 .1" material="a"/>
  <body name="table" pos="0 0 .4"><geom type="box" size=".5 .4 .02" material="b"/></body>
  <body name="can" pos="0 0 .6"><geom type="cylinder" size=".1 .15" material="plain"/></body>
  <body name="arm" pos="1 0 .8" euler="0 0 40">
    <light pos="0 0 .9" dir="0 0 -1" diffuse=".6 .6 .6" specular="0 0 0"/>
    <geom type="box" size=".1 .1 .1" rgba=".2 .3 .9 1"/></body>
</worldbody></mujoco>"""


def lamp(**values) -> Lamp:
    own = {"on": True, "pos": (0.0, 0.0, 0.9), "dir": (0.0, 0.0, -1.0)}
    colours = {"diffuse": (0.6,) * 3, "ambient": (0.0,) * 3, "specular": (0.0,) * 3}
    return Lamp(**(own | colours | values))


def tints(*rows: tuple[int, tuple[float, float, float], int]) -> Tints:
    geoms, rgb, lenders = zip(*rows, strict=True)
    return Tints(np.array(geoms), np.array(rgb), np.array(lenders))


LOOKS = {
    "colour": Look(tints=tints((3, (0.1, 0.9, 0.8), -1), (2, (0.9, 0.9, 0.1), -1))),
    "tinted texture": Look(tints=tints((0, (0.3, 0.5, 1.0), -1))),
    "other texture": Look(tints=tints((0, (1.0, 1.0, 1.0), 1))),
    "paint over tint": Look(paint=((0, (0.2, 0.2, 0.8)),), tints=tints((0, (1.0, 0.0, 0.0), 1))),
    "dark": Look(lamps=(lamp(on=False), None, lamp(on=False))),
    "bright": Look(lamps=(None, None, lamp(diffuse=(0.9,) * 3))),
    "moved": Look(lamps=(None, None, lamp(pos=(-0.8, 0.4, 0.9), dir=(0.1, 0.2, -0.8)))),
    "turned": Look(lamps=(lamp(dir=(-1.0, 0.2, -0.4), diffuse=(0.4,) * 3, ambient=(0.1,) * 3),)
                   + (None, None)),
    "dim everywhere": Look(brightness=0.5),
    "bright everywhere": Look(brightness=1.6, lamps=(lamp(on=False), None, None)),
}  # fmt: skip


@pytest.mark.parametrize("name", LOOKS)
def test_looks_agree_with_raster_and_are_forgotten(name: str) -> None:
    model, data = load(LAMPS)
    camera = look((1.2, -1.8, 1.9), (0.2, 0, 0.3))
    raster, gl = make_renderer("raster", model), make_renderer("gl", model)
    before = [r.render(data, camera, 160, 120)["rgb"].astype(int) for r in (raster, gl)]
    after = [
        r.render(data, camera, 160, 120, ("rgb",), LOOKS[name])["rgb"].astype(int)
        for r in (raster, gl)
    ]
    changes = [b - a for a, b in zip(before, after, strict=True)]
    where = np.abs(changes[1]).max(axis=2) > 12
    assert where.mean() > 0.004
    size, gap = (np.abs(c)[where].mean() for c in (changes[1], changes[0] - changes[1]))
    assert gap < 0.3 * size
    assert np.abs(after[0] - after[1]).mean() < 6
    for renderer, image in zip((raster, gl), before, strict=True):
        np.testing.assert_array_equal(renderer.render(data, camera, 160, 120)["rgb"], image)
    gl.close()
