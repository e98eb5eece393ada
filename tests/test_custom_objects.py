"""Objects of a user's asset library stand in generated homes as what their files say."""

import json
from pathlib import Path

import mujoco
import numpy as np
import pytest
from matplotlib.image import imsave

from molmospaces_gym.errors import InvalidConfig, InvalidScene, SceneNotFound, UnknownName
from molmospaces_gym.robots import get_robot
from molmospaces_gym.scenes.compose import get_scene
from molmospaces_gym.scenes.custom import load_custom_asset
from molmospaces_gym.scenes.homes import HomeConfig, generate_home
from molmospaces_gym.scenes.object_files import object_text

BOX = """v -0.03 -0.02 0
v 0.03 -0.02 0
v 0.03 0.02 0
v -0.03 0.02 0
v -0.03 -0.02 0.05
v 0.03 -0.02 0.05
v 0.03 0.02 0.05
v -0.03 0.02 0.05
f 1 3 2
f 1 4 3
f 5 6 7
f 5 7 8
f 1 2 6
f 1 6 5
f 2 3 7
f 2 7 6
f 3 4 8
f 3 8 7
f 4 1 5
f 4 5 8
"""
LIDDED = """<mujoco model="tin">
<compiler angle="degree" meshdir="meshes" texturedir="pictures"/>
<default><geom density="400" friction="0.8 0.01 0.001"/>
<default class="look"><geom contype="0" conaffinity="0" mass="0"/></default></default>
<asset><texture name="paint" type="2d" file="paint.png"/>
<material name="painted" texture="paint"/><mesh name="shell" file="shell.obj"/></asset>
<worldbody><body name="tin" pos="1 2 3" euler="0 0 45"><freejoint/>
<geom class="look" type="mesh" mesh="shell" material="painted"/>
<geom type="box" size="0.03 0.02 0.025" pos="0 0 0.025"/>
<body name="lid" pos="-0.03 0 0.05"><joint name="hinge" axis="0 -1 0" range="0 90" damping="0.01"/>
<geom type="box" size="0.03 0.02 0.002" pos="0.03 0 0.003"/></body>
</body></worldbody></mujoco>"""


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A library with one object that has a mesh, a texture, classes, degrees and a lid."""
    home = tmp_path / "library"
    (home / "tin" / "meshes").mkdir(parents=True)
    (home / "tin" / "pictures").mkdir()
    (home / "tin" / "meshes" / "shell.obj").write_text(BOX)
    imsave(home / "tin" / "pictures" / "paint.png", np.full((4, 4, 3), (200, 40, 40), np.uint8))
    (home / "tin" / "tin.xml").write_text(LIDDED)
    about = {
        "assetId": "tin",
        "category": "tin",
        "description_short": {"one_word": "tin", "two_words": "red tin"},
    }
    (home / "tin" / "tin.json").write_text(json.dumps(about))
    index = {"uid": "tin", "object_path": "tin/tin.xml", "metadata_path": "tin/tin.json"}
    (home / "assets_index.json").write_text(json.dumps({"tin": index}))
    return home


def rewrite(library: Path, old: str, new: str) -> Path:
    file = library / "tin" / "tin.xml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    return file


def test_an_object_is_measured_by_its_file(library: Path) -> None:
    asset = load_custom_asset(library, "tin")
    assert asset.half_size == pytest.approx((0.03, 0.02, 0.0275), abs=1e-4)
    # its origin is at its foot
    assert asset.rest.height == pytest.approx(0.0, abs=1e-3)
    assert asset.footprint == pytest.approx(np.hypot(0.03, 0.02), rel=1e-3)
    assert asset.mass == pytest.approx(400 * (0.06 * 0.04 * 0.05 + 0.06 * 0.04 * 0.004), rel=1e-6)
    assert asset.graspable
    metadata = asset.metadata()
    assert json.loads(json.dumps(metadata)) == metadata
    assert metadata["object_enum"] == "custom_obj"
    assert metadata["descriptions"] == {"1": "tin", "2": "red tin"}


def test_the_text_keeps_mesh_texture_classes_and_angles(library: Path, tmp_path: Path) -> None:
    asset = load_custom_asset(library, "tin")
    first, assets = asset.body("tin_1", (0.0, 0.0, 1.0), (1.0, 0.0, 0.0, 0.0))
    second, _ = asset.body("tin_2", (0.5, 0.0, 1.0), (0.0, 0.0, 0.0, 1.0))
    text = (
        '<mujoco><compiler angle="radian"/><default><geom density="9000"/>'
        '<default class="loose"><joint type="free"/></default></default>'
        f"{asset.text.defaults}<asset>{''.join(assets.values())}</asset>"
        f"<worldbody>{first}{second}</worldbody></mujoco>"
    )
    model = mujoco.MjModel.from_xml_string(text)
    own = object_text(library / "tin" / "tin.xml", "tin")[1]
    assert model.nmesh == 1 and model.ntex == 1
    assert model.body_subtreemass[1] == pytest.approx(own.body_subtreemass[1])
    assert model.geom("tin_1_visual_0").contype[0] == 0
    assert model.geom("tin_1_collision_0").friction[0] == pytest.approx(0.8)
    assert model.joint("tin_2_jnt_1").range[1] == pytest.approx(np.pi / 2, abs=1e-5)
    assert model.joint("tin_2_jntfree_0").type[0] == mujoco.mjtJoint.mjJNT_FREE
    np.testing.assert_allclose(model.body("tin_2").pos, (0.5, 0.0, 1.0))
    np.testing.assert_allclose(model.body("tin_2").quat, (0.0, 0.0, 0.0, 1.0))


def test_homes_place_what_they_are_asked_to(library: Path) -> None:
    config = HomeConfig(rooms=(2, 3), num_objects=12, custom_objects=((str(library), "tin"),) * 2)
    house = generate_home("val", 0, config)
    names = [n for n, o in house.metadata["objects"].items() if o.get("asset_id") == "tin"]
    assert len(names) == 2
    scene = get_scene(house, get_robot("franka_droid"))
    data = mujoco.MjData(scene.model)
    data.qpos[:] = scene.rest_qpos
    mujoco.mj_forward(scene.model, data)
    before = [data.body(name).xpos.copy() for name in names]
    mujoco.mj_step(scene.model, data, 500)
    for name, start in zip(names, before, strict=True):
        entry = house.metadata["objects"][name]
        assert house.metadata["objects"][entry["parent"]]["children"].count(name) == 1
        assert np.linalg.norm(data.body(name).xpos - start) < 1e-3


def test_the_official_example_is_placed_with_its_grasps(reference_data: Path) -> None:
    from molmospaces_gym.policies.grasping import object_grasps

    official = reference_data / "official_custom_assets" / "asset_library"
    config = HomeConfig(rooms=(1, 1), num_objects=6, custom_objects=((str(official), "red_block"),))
    house = generate_home("train", 1, config)
    (name,) = [n for n, o in house.metadata["objects"].items() if o["asset_id"] == "red_block"]
    scene = get_scene(house, get_robot("franka_droid"))
    assert object_grasps(scene, name).shape == (1, 4, 4)


def test_too_many_custom_objects() -> None:
    with pytest.raises(InvalidConfig, match="custom_objects"):
        HomeConfig(num_objects=1, custom_objects=(("a", "b"), ("a", "c")))


def test_unknown_libraries_and_objects(library: Path, tmp_path: Path) -> None:
    with pytest.raises(SceneNotFound, match="asset index"):
        load_custom_asset(tmp_path, "tin")
    with pytest.raises(UnknownName, match="cup"):
        load_custom_asset(library, "cup")
    (library / "tin" / "tin.xml").unlink()
    with pytest.raises(SceneNotFound, match=r"tin\.xml"):
        load_custom_asset(library, "tin")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("</worldbody>", "<body/></worldbody>", "one top-level body, not 2"),
        ("<freejoint/>", '<joint type="slide"/>', "SLIDE joint"),
        ("<mujoco model", "<mujoco mod", "not a readable MJCF"),
        ("</worldbody>", '</worldbody><actuator><motor joint="hinge"/></actuator>', "actuator"),
        ('file="shell.obj"', 'file="gone.obj"', "compile"),
        ('size="0.03 0.02 0.025" pos="0 0 0.025"', 'size="0.03 0.002 0.3" euler="30 0 0"', "stand"),
    ],
)  # fmt: skip
def test_unfit_objects_are_named(library: Path, old: str, new: str, message: str) -> None:
    rewrite(library, old, new)
    with pytest.raises(InvalidScene, match=message):
        load_custom_asset(library, "tin")
