"""Colours, textures and light of the software renderer, and how it behaves as an object."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

mujoco = pytest.importorskip("mujoco")

from molmospaces_gym.backends.rendering import (  # noqa: E402
    RENDERERS,
    make_renderer,
    probe_renderers,
)
from molmospaces_gym.backends.rendering.raster import RasterRenderer  # noqa: E402
from molmospaces_gym.cameras import CameraPose  # noqa: E402
from molmospaces_gym.errors import InvalidConfig, UnknownName  # noqa: E402

ALL = ("rgb", "depth", "segmentation")
DOWN = CameraPose(np.array([0.0, 0.0, 2.0]), np.eye(3), 45.0)
LIT = '<visual><headlight ambient="0 0 0" diffuse="0 0 0"/></visual>'
FLAT = '<visual><headlight ambient="1 1 1" diffuse="0 0 0"/></visual>'
CHECKER = """<asset>
<texture name="t" type="2d" builtin="checker" rgb1="1 0 0" rgb2="0 0 1" width="64" height="64"/>
<material name="m" texture="t" texrepeat="1 1"/></asset>"""


def load(world: str, head: str = ""):
    model = mujoco.MjModel.from_xml_string(f"<mujoco>{head}<worldbody>{world}</worldbody></mujoco>")
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    return model, data


def picture(world: str, head: str = FLAT, camera: CameraPose = DOWN, side: int = 64, **options):
    model, data = load(world, head)
    return RasterRenderer(model, **options).render(data, camera, side, side, ALL)


def along_x(distance: float) -> CameraPose:
    """A camera at x = -distance that looks along +x, with +y on its left."""
    axes = np.array([[0.0, 0.0, -1.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    return CameraPose(np.array([-distance, 0.0, 0.0]), axes, 45.0)


def test_colours_come_from_geoms_and_materials() -> None:
    head = FLAT + '<asset><material name="m" rgba=".2 .4 .6 1"/></asset>'
    own = picture('<geom type="box" size=".3 .3 .3" rgba="1 .5 .25 1"/>')["rgb"][32, 32]
    assert own.tolist() == pytest.approx([255, 127, 64], abs=1)
    material = picture('<geom type="box" size=".3 .3 .3" material="m"/>', head)["rgb"][32, 32]
    assert material.tolist() == pytest.approx([51, 102, 153], abs=1)
    both = '<geom type="box" size=".3 .3 .3" material="m" rgba="0 1 0 1"/>'
    assert picture(both, head)["rgb"][32, 32].tolist() == [0, 255, 0]


@pytest.mark.parametrize(
    "geom", ['type="plane" size=".5 .5 .1"', 'type="box" size=".5 .5 .1" pos="0 0 -.1"']
)
def test_checker_texture_has_four_quarters(geom: str) -> None:
    image = picture(f'<geom {geom} material="m"/>', FLAT + CHECKER)["rgb"]
    red, blue = [255, 0, 0], [0, 0, 255]
    # The first texel of an image belongs to its upper left corner.
    quarters = [image[row, column].tolist() for row in (22, 42) for column in (22, 42)]
    assert quarters == [red, blue, blue, red]


def test_far_texture_fades_to_its_mean_instead_of_flickering() -> None:
    head = FLAT + CHECKER.replace('texrepeat="1 1"', 'texrepeat="300 300"')
    image = picture('<geom type="plane" size="1 1 .1" material="m"/>', head)["rgb"][8:-8, 8:-8]
    assert np.abs(image.astype(int) - [127, 0, 127]).max() <= 2


def test_mesh_texture_follows_its_coordinates() -> None:
    head = FLAT + CHECKER.replace(
        "</asset>",
        '<mesh name="q" inertia="shell" vertex="-1 -1 0 1 -1 0 1 1 0 -1 1 0 0 0 -1" '
        'texcoord="0 0 1 0 1 1 0 1 0 0" face="0 1 2 0 2 3 0 4 1 1 4 2 2 4 3 3 4 0"/></asset>',
    )
    model, data = load('<geom type="mesh" mesh="q" material="m"/>', head)
    # The compiler moves a mesh to its centre of mass and principal axes.
    mujoco.mj_kinematics(model, data)
    image = RasterRenderer(model).render(data, DOWN, 64, 64)["rgb"]
    assert {tuple(p) for p in image[[24, 24, 40, 40], [24, 40, 24, 40]].tolist()} == {
        (255, 0, 0),
        (0, 0, 255),
    }
    assert (image[24, 24] == image[40, 40]).all() and (image[24, 40] == image[40, 24]).all()


def test_texture_that_is_not_mapped_gives_its_mean_colour() -> None:
    image = picture('<geom type="sphere" size=".5" material="m"/>', FLAT + CHECKER)["rgb"]
    assert image[32, 32].tolist() == pytest.approx([127, 0, 127], abs=2)


def test_light_falls_on_faces_that_look_at_it() -> None:
    sun = '<light type="directional" dir="0 0 -1" diffuse=".5 .5 .5" ambient=".1 .1 .1"/>'
    box = '<geom type="box" size=".3 .3 .3" rgba="1 1 1 1"/>'
    assert picture(sun + box, LIT)["rgb"][32, 32].tolist() == pytest.approx([153] * 3, abs=1)
    assert picture(sun + box, LIT, along_x(2))["rgb"][32, 32].tolist() == [25] * 3
    off = sun.replace("<light", '<light active="false"')
    assert picture(off + box, LIT)["rgb"][32, 32].max() <= 25


def test_headlight_shines_from_the_camera() -> None:
    head = '<visual><headlight ambient="0 0 0" diffuse=".8 .8 .8"/></visual>'
    sphere = picture('<geom type="sphere" size=".5" rgba="1 1 1 1"/>', head)
    assert sphere["rgb"][32, 32, 0] == pytest.approx(204, abs=3)
    rim = np.flatnonzero(sphere["segmentation"][32] == 0)[0]
    assert sphere["rgb"][32, rim, 0] < 100


def test_lamp_makes_a_bright_spot_on_the_floor() -> None:
    lamp = '<light type="spot" pos="0 0 1" dir="0 0 -1" diffuse="1 1 1" cutoff="45" exponent="1"/>'
    floor = '<geom type="plane" size="3 3 .1" rgba="1 1 1 1"/>'
    high = CameraPose(np.array([0.0, 0.0, 4.0]), np.eye(3), 60.0)
    image = picture(lamp + floor, LIT, high)["rgb"][..., 0].astype(int)
    assert image[32, 32] > 240 and image[32, 2] == 0
    row = image[32, :33]
    assert (np.diff(row) >= 0).all() and np.diff(row).max() < 60


def test_lamp_on_a_moving_body_moves() -> None:
    world = """<body name="b" mocap="true" pos="0 0 1">
      <light type="point" diffuse="1 1 1"/></body>
      <geom type="box" size=".2 .2 .2" rgba="1 1 1 1"/>"""
    model, data = load(world, LIT)
    renderer = RasterRenderer(model)
    bright = renderer.render(data, DOWN, 32, 32)["rgb"][16, 16, 0]
    data.mocap_pos[0] = [0, 0, -1]
    mujoco.mj_kinematics(model, data)
    assert bright > 240 and renderer.render(data, DOWN, 32, 32)["rgb"][16, 16, 0] == 0


def test_emission_needs_no_light() -> None:
    head = LIT + '<asset><material name="m" rgba="1 1 1 1" emission=".5"/></asset>'
    image = picture('<geom type="box" size=".3 .3 .3" material="m"/>', head)["rgb"]
    assert image[32, 32].tolist() == [127] * 3


def test_background() -> None:
    sky = """<asset><texture type="skybox" builtin="gradient" rgb1="0 0 1" rgb2="1 0 0"
      width="64" height="384"/></asset>"""
    ball = '<geom type="sphere" size=".1"/>'
    image = picture(ball, sky, along_x(3))["rgb"].astype(int)
    assert image[0, 0, 2] > image[-1, 0, 2] and image[0, 0, 0] < image[-1, 0, 0]
    assert picture(ball, sky, background=(9, 8, 7))["rgb"][0, 0].tolist() == [9, 8, 7]
    assert picture(ball)["rgb"][0, 0].tolist() == [0, 0, 0]


def test_hidden_groups_and_transparent_geoms_are_left_out() -> None:
    box = '<geom type="box" size=".3 .3 .3" {}/>'
    assert (picture(box.format('group="3"'))["segmentation"] == -1).all()
    assert (picture(box.format('group="3"'), geom_groups=(3,))["segmentation"] == 0).any()
    assert (picture(box.format('rgba="1 1 1 .3"'))["segmentation"] == -1).all()
    assert (picture(box.format('rgba="1 1 1 .8"'))["segmentation"] == 0).any()


def test_height_fields_are_left_out() -> None:
    head = FLAT + '<asset><hfield name="h" nrow="3" ncol="3" size="1 1 1 .1"/></asset>'
    world = '<geom type="hfield" hfield="h"/><body><geom type="sphere" size=".1"/></body>'
    assert set(np.unique(picture(world, head)["segmentation"])) == {-1, 1}


def test_an_empty_model_gives_the_background() -> None:
    images = picture('<site size=".1"/>')
    assert (images["segmentation"] == -1).all() and not images["rgb"].any()


WORLD = """
<light type="directional" dir="1 1 -2"/><light type="spot" pos="0 0 2" dir="0 0 -1"/>
<geom type="plane" size="0 0 1" material="m"/>
<body pos=".3 0 .2"><freejoint/><geom type="capsule" size=".05 .1"/></body>
<body pos="-.3 0 .2"><freejoint/><geom type="ellipsoid" size=".05 .1 .2"/></body>"""


def test_same_input_same_bytes_and_new_arrays() -> None:
    model, data = load(WORLD, CHECKER)
    renderer = RasterRenderer(model)
    one, two = (renderer.render(data, DOWN, 90, 60, ALL) for _ in range(2))
    other = RasterRenderer(model).render(data, DOWN, 90, 60, ALL)
    for mode in ALL:
        assert one[mode].tobytes() == two[mode].tobytes() == other[mode].tobytes()
        assert not np.shares_memory(one[mode], two[mode])


@pytest.mark.parametrize("modes", [("rgb",), ("depth",), ("segmentation",), ("rgb", "depth"), ()])
def test_only_what_was_asked(modes: tuple[str, ...]) -> None:
    model, data = load(WORLD, CHECKER)
    renderer = RasterRenderer(model)
    everything = renderer.render(data, DOWN, 40, 30, ALL)
    images = renderer.render(data, DOWN, 40, 30, modes)
    assert tuple(images) == modes
    for mode in modes:
        assert np.array_equal(images[mode], everything[mode])


def test_threads_share_a_renderer() -> None:
    model, data = load(WORLD, CHECKER)
    renderer = RasterRenderer(model)
    cameras = [CameraPose(np.array([0.02 * k, 0, 2]), np.eye(3), 45.0) for k in range(24)]
    expected = [renderer.render(data, camera, 48, 48)["rgb"] for camera in cameras]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda c: renderer.render(data, c, 48, 48)["rgb"], cameras))
    assert all(np.array_equal(a, b) for a, b in zip(expected, found, strict=True))


@pytest.mark.parametrize("broken", ["geom_xpos", "geom_xmat", "camera"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
def test_a_diverged_simulation_can_be_drawn(broken: str, value: float) -> None:
    model, data = load(WORLD, CHECKER)
    renderer = RasterRenderer(model)
    camera = DOWN
    if broken == "camera":
        camera = CameraPose(np.full(3, value), np.full((3, 3), value), 45.0)
    else:
        getattr(data, broken)[1:] = value
    images = renderer.render(data, camera, 64, 48, ALL)
    assert np.isfinite(images["depth"]).all()
    assert set(np.unique(images["segmentation"])) <= {-1, 0}


def test_the_model_is_not_changed() -> None:
    model, data = load(WORLD, CHECKER)
    before, after = (np.empty(mujoco.mj_sizeModel(model), np.uint8) for _ in range(2))
    mujoco.mj_saveModel(model, None, before)
    RasterRenderer(model).render(data, DOWN, 32, 32, ALL)
    mujoco.mj_saveModel(model, None, after)
    assert np.array_equal(before, after)


def test_bad_requests() -> None:
    model, data = load(WORLD, CHECKER)
    renderer = make_renderer("raster", model)
    with pytest.raises(UnknownName, match="render mode 'normals'"):
        renderer.render(data, DOWN, 32, 32, ("normals",))
    for width, height in ((0, 32), (32, -1), (10**6, 32)):
        with pytest.raises(InvalidConfig, match="image size"):
            renderer.render(data, DOWN, width, height)
    for fov in (0.0, 180.0, float("nan")):
        with pytest.raises(InvalidConfig, match="field of view"):
            renderer.render(data, CameraPose(DOWN.pos, DOWN.mat, fov), 32, 32)
    with pytest.raises(UnknownName, match="renderer 'vulkan'; known: gl, gl-official, raster"):
        make_renderer("vulkan", model)
    renderer.close()
    renderer.close()


def test_raster_probe_draws_in_a_process() -> None:
    assert RENDERERS[0] == "raster"
    (status,) = probe_renderers(["raster"])
    assert status.works and status.repair == "" and "32x32" in status.detail


def test_probe_of_a_renderer_that_cannot_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUJOCO_GL", "disable")
    (status,) = probe_renderers(["gl"])
    assert not status.works and status.repair == "unset MUJOCO_GL" and "disable" in status.detail


def test_importing_the_package_loads_no_compiler() -> None:
    code = (
        "import sys; import molmospaces_gym.backends.rendering; "
        "sys.exit(any(name in sys.modules for name in ('numba', 'OpenGL')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
