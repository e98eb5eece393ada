"""The software renderer against analytic geometry."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

mujoco = pytest.importorskip("mujoco")

from molmospaces_gym.backends.rendering.raster import RasterRenderer  # noqa: E402
from molmospaces_gym.cameras import CameraPose, Images  # noqa: E402
from molmospaces_gym.variations import Lamp, Look  # noqa: E402

ALL = ("rgb", "depth", "segmentation")


def load(world: str, head: str = ""):
    model = mujoco.MjModel.from_xml_string(f"<mujoco>{head}<worldbody>{world}</worldbody></mujoco>")
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    return model, data


def look(pos, at, fov: float = 60.0, up=(0, 0, 1)) -> CameraPose:
    z = np.subtract(pos, at).astype(float)
    z /= np.linalg.norm(z)
    x = np.cross(up, z)
    x /= np.linalg.norm(x)
    return CameraPose(np.array(pos, float), np.stack([x, np.cross(z, x), z], axis=1), fov)


def rays(camera: CameraPose, width: int, height: int) -> np.ndarray:
    """World directions (H, W, 3) of the pixel centres with unit component along the axis."""
    focal = 0.5 * height / np.tan(0.5 * np.deg2rad(camera.fov))
    x = (np.arange(width) + 0.5 - 0.5 * width) / focal
    y = -(np.arange(height) + 0.5 - 0.5 * height) / focal
    grid = np.stack([*np.meshgrid(x, y), -np.ones((height, width))], axis=-1)
    return grid @ camera.mat.T


def draw(world: str, camera: CameraPose, width: int = 64, height: int = 48, **options) -> Images:
    model, data = load(world, options.pop("head", ""))
    return RasterRenderer(model, **options).render(data, camera, width, height, ALL)


DOWN = CameraPose(np.array([0.0, 0.0, 2.0]), np.eye(3), 45.0)


@pytest.mark.parametrize(
    ("geom", "distance"),
    [
        ('type="plane" size="1 1 .1"', 2.0),
        ('type="plane" size="0 0 .1"', 2.0),
        ('type="box" size=".2 .3 .4"', 1.6),
        ('type="sphere" size=".5"', 1.5),
        ('type="ellipsoid" size=".2 .3 .25"', 1.75),
        ('type="cylinder" size=".3 .5"', 1.5),
        ('type="capsule" size=".2 .4"', 1.4),
    ],
)
def test_depth_at_the_centre(geom: str, distance: float) -> None:
    images = draw(f"<geom {geom}/>", DOWN, 65, 65)
    assert images["depth"][32, 32] == pytest.approx(distance, abs=5e-3)
    assert images["segmentation"][32, 32] == 0
    assert images["rgb"][32, 32].min() > 30


def test_shapes_types_and_empty_pixels() -> None:
    images = draw('<geom type="sphere" size=".1"/>', DOWN, 50, 30)
    assert images["rgb"].shape == (30, 50, 3) and images["rgb"].dtype == np.uint8
    assert images["depth"].shape == (30, 50) and images["depth"].dtype == np.float32
    assert images["segmentation"].dtype == np.int32
    assert images["depth"][0, 0] == 0 and images["segmentation"][0, 0] == -1
    assert not images["rgb"][0, 0].any()


def test_directions_in_the_image() -> None:
    world = """
    <body pos="0 1 0"><geom type="box" size=".1 .1 .1" rgba="1 0 0 1"/></body>
    <body pos="0 -1 0"><geom type="box" size=".1 .1 .1" rgba="0 1 0 1"/></body>
    <body pos="0 0 1"><geom type="box" size=".1 .1 .1" rgba="0 0 1 1"/></body>"""
    images = draw(world, look((-4, 0, 0), (0, 0, 0)), 80, 60)
    places = {body: np.argwhere(images["segmentation"] == body).mean(axis=0) for body in (1, 2, 3)}
    # Seen along +x, +y is on the left and +z above.
    assert places[1][1] < 39 < places[2][1]
    assert places[3][0] < 29
    for body in (1, 2, 3):
        colours = images["rgb"][images["segmentation"] == body].mean(axis=0)
        assert np.argmax(colours) == body - 1 and np.sort(colours)[1] == 0


@pytest.mark.parametrize(("width", "height", "fov"), [(64, 64, 40), (128, 72, 90), (40, 90, 60)])
def test_field_of_view_is_vertical(width: int, height: int, fov: float) -> None:
    images = draw('<geom type="box" size=".2 .1 .5"/>', look((0, 0, 3), (0, 0, 0), fov, (0, 1, 0)),
                  width, height)  # fmt: skip
    focal = 0.5 * height / np.tan(0.5 * np.deg2rad(fov))
    hit = images["segmentation"] == 0
    assert np.ptp(np.flatnonzero(hit.any(axis=0))) + 1 == pytest.approx(0.4 * focal / 2.5, abs=1.01)
    assert np.ptp(np.flatnonzero(hit.any(axis=1))) + 1 == pytest.approx(0.2 * focal / 2.5, abs=1.01)


@pytest.mark.parametrize("size", [0.5, 0.05, 0.01])
def test_area_of_a_sphere_at_every_level_of_detail(size: float) -> None:
    images = draw(f'<geom type="sphere" size="{size}"/>', look((0, -2, 0), (0, 0, 0), 40), 320, 320)
    angle = np.arcsin(size / 2)
    radius = 160 / np.tan(np.deg2rad(20)) * np.tan(angle)
    area = (images["segmentation"] == 0).sum()
    assert area == pytest.approx(np.pi * radius**2, rel=0.1 if size < 0.02 else 0.02)


unit = st.floats(-1, 1).map(lambda value: round(value, 4))


@settings(max_examples=40, deadline=None)
@given(
    half=st.tuples(*[st.floats(0.05, 0.6).map(lambda value: round(value, 4))] * 3),
    quat=st.tuples(unit, unit, unit, unit).filter(lambda q: np.linalg.norm(q) > 0.1),
    azimuth=st.floats(0, 6.28),
    height=st.floats(-2, 2),
    fov=st.floats(20, 110),
)
def test_depth_lies_on_the_surface_of_a_box(half, quat, azimuth, height, fov) -> None:
    camera = look((2 * np.cos(azimuth), 2 * np.sin(azimuth), height), (0.1, 0.05, 0), fov)
    turn = np.empty(9)
    mujoco.mju_quat2Mat(turn, np.array(quat) / np.linalg.norm(quat))
    turn = turn.reshape(3, 3)
    size, orientation = " ".join(map(str, half)), " ".join(map(str, quat))
    images = draw(f'<geom type="box" size="{size}" quat="{orientation}"/>', camera)
    hit = images["depth"] > 0
    direction = rays(camera, 64, 48)
    points = (camera.pos + direction * images["depth"][..., None]) @ turn
    outside = (np.abs(points) - half).max(axis=-1)
    assert np.abs(outside[hit]).max(initial=0) < 2e-4
    # Slab test: every ray that passes through the box hits, every other one misses.
    start, ray = camera.pos @ turn, direction @ turn
    with np.errstate(divide="ignore"):
        a, b = (-np.array(half) - start) / ray, (np.array(half) - start) / ray
    through = np.maximum.reduce(np.minimum(a, b), axis=-1)
    margin = np.minimum.reduce(np.maximum(a, b), axis=-1) - through
    clear = np.abs(margin) > 1e-3
    assert np.array_equal(hit[clear], margin[clear] > 0)


ROOM = """
<geom type="plane" size="0 0 1"/>
<geom type="box" size="3 .1 1.5" pos="0 3.1 1.5"/>
<geom type="box" size="3 .1 1.5" pos="0 -3.1 1.5"/>
<geom type="box" size=".1 3.2 1.5" pos="3.1 0 1.5"/>
<geom type="box" size=".1 3.2 1.5" pos="-3.1 0 1.5"/>
<geom type="box" size="4 4 .1" pos="0 0 3.1"/>"""


@settings(max_examples=40, deadline=None)
@given(
    x=st.floats(-2.97, 2.97), y=st.floats(-2.97, 2.97), z=st.floats(0.03, 2.97),
    aim=st.tuples(unit, unit, st.floats(-0.9, 0.9)).filter(
        lambda a: np.hypot(a[0], a[1]) > 0.1), fov=st.floats(30, 120),
)  # fmt: skip
def test_a_closed_room_has_no_holes(x, y, z, aim, fov) -> None:
    camera = look((x, y, z), np.add((x, y, z), aim), fov)
    images = draw(ROOM, camera, near=0.01)
    assert (images["segmentation"] == 0).all()
    points = camera.pos + rays(camera, 64, 48) * images["depth"][..., None]
    to_wall = np.abs(
        np.stack([np.abs(points[..., 0]) - 3, np.abs(points[..., 1]) - 3,
                  points[..., 2], points[..., 2] - 3])
    ).min(axis=0)  # fmt: skip
    assert to_wall.max() < 2e-3


def test_near_plane_cuts_and_a_wall_at_arm_length_stays() -> None:
    world = '<geom type="box" size=".01 5 5" pos=".1 0 0"/>'
    camera = look((0, 0, 0), (1, 0, 0), 90)
    near = draw(world, camera, near=0.02)
    assert (near["segmentation"] == 0).all()
    assert near["depth"] == pytest.approx(np.full((48, 64), 0.09), abs=1e-5)
    assert (draw(world, camera, near=0.2)["segmentation"] == -1).all()


def test_a_sphere_mesh_has_no_holes() -> None:
    angles = np.stack(np.meshgrid(np.linspace(0, 2 * np.pi, 25), np.linspace(0.1, 3.04, 13)), -1)
    a, b = angles.reshape(-1, 2).T
    points = 0.5 * np.stack([np.sin(b) * np.cos(a), np.sin(b) * np.sin(a), np.cos(b)], axis=1)
    text = " ".join(f"{value:.5f}" for value in points.ravel())
    head = f'<asset><mesh name="m" vertex="{text}"/></asset>'
    images = draw('<geom type="mesh" mesh="m"/>', look((0, -2, 0.3), (0, 0, 0), 40), 200, 200,
                  head=head)  # fmt: skip
    for row in images["segmentation"] == 0:
        columns = np.flatnonzero(row)
        assert len(columns) == 0 or np.ptp(columns) + 1 == len(columns)
    assert images["depth"][100, 100] == pytest.approx(np.hypot(2, 0.3) - 0.5, abs=0.02)


def test_nearer_geoms_hide_others_whatever_their_order() -> None:
    near = '<body pos="0 0 .5"><geom type="box" size=".3 .3 .1"/></body>'
    far = '<body><geom type="box" size=".3 .3 .1"/></body>'
    one, two = draw(near + far, DOWN), draw(far + near, DOWN)
    assert one["segmentation"][24, 32] == 1 and two["segmentation"][24, 32] == 2
    assert np.array_equal(one["depth"], two["depth"])
    assert np.array_equal(one["rgb"], two["rgb"])


def test_geoms_that_intersect_meet_where_their_surfaces_cross() -> None:
    images = draw(
        '<body><geom type="box" size=".5 .5 .5" euler="0 45 0"/></body>'
        '<body><geom type="box" size="1 1 .1" pos="0 0 .4"/></body>', DOWN, 64, 64)  # fmt: skip
    columns = np.flatnonzero(images["segmentation"][32] == 1)
    # At z = 0.5 the turned box is 2 (sqrt(0.5) - 0.5) wide.
    assert len(columns) == pytest.approx(0.414 / 1.5 * 32 / np.tan(np.deg2rad(22.5)), abs=1.5)


def test_planes_and_boxes_are_seen_from_outside_only() -> None:
    below = CameraPose(np.array([0.0, 0.0, -1.0]), np.diag([1.0, -1.0, -1.0]), 45.0)
    assert (draw('<geom type="plane" size="1 1 .1"/>', below)["segmentation"] == -1).all()
    inside = look((0, 0, 0), (1, 0, 0))
    assert (draw('<geom type="box" size="1 1 1"/>', inside)["segmentation"] == -1).all()


def test_paint_changes_colours_in_one_picture_only() -> None:
    model, data = load('<geom type="box" size=".5 .5 .5" rgba="1 0 0 1"/>')
    renderer, camera = RasterRenderer(model), look((3, 0, 0.2), (0, 0, 0))
    plain = renderer.render(data, camera, 32, 32)["rgb"]
    painted = renderer.render(data, camera, 32, 32, look=Look(paint=((0, (0.0, 0.0, 1.0)),)))["rgb"]
    assert plain[16, 16, 0] > 50 > plain[16, 16, 2]
    assert painted[16, 16, 2] > 50 > painted[16, 16, 0]
    np.testing.assert_array_equal(renderer.render(data, camera, 32, 32)["rgb"], plain)


def test_lamps_take_the_place_of_lights() -> None:
    light = '<light pos="0 0 3" dir="0 0 -1" diffuse=".5 .5 .5" ambient=".1 .1 .1"/>'
    model, data = load(f'{light}<geom type="plane" size="2 2 1"/>')
    camera = look((0, 0, 2), (0.01, 0, 0))
    renderer = RasterRenderer(model)
    own = ((0.0, 0.0, 3.0), (0.0, 0.0, -1.0), (0.5,) * 3, (0.1,) * 3, (0.0,) * 3)

    def middle(*lamps: Lamp | None) -> int:
        shown = Look(lamps=lamps)
        return int(renderer.render(data, camera, 32, 32, look=shown)["rgb"][16, 16, 0])

    assert middle(None) == middle(Lamp(True, *own)) == middle()
    assert middle(Lamp(False, *own)) < middle() < middle(Lamp(True, *own[:2], (0.8,) * 3, *own[3:]))
    assert middle(Lamp(True, (0.0, 0.0, 3.0), (1.0, 0.0, 0.0), *own[2:])) == middle(
        Lamp(False, *own)
    )
