"""Constants that follow from masses, against ``mj_setConst``."""

import copy

import mujoco
import numpy as np
import pytest

from molmospaces_gym.backends.mass_constants import (
    DERIVED_FIELDS,
    MassConstants,
    constants_of,
    is_supported,
    set_const,
)
from molmospaces_gym.robots import get_robot
from molmospaces_gym.scenes.compose import get_scene
from molmospaces_gym.scenes.resolve import resolve_house

MECHANISM = """
<mujoco>
  <compiler angle="radian"/>
  <worldbody>
    <light name="on_arm" mode="targetbodycom" target="forearm" pos="1 1 2"/>
    <body name="cart" pos="0 0 1"><joint name="slide" type="slide" axis="1 2 0" armature="0.3"/>
      <geom size="0.2 0.1 0.1" type="box"/><camera name="cart" mode="trackcom" pos="0 0 1"/>
      <body name="ball" pos="0 0 0.3" euler="0.3 0.2 0.1"><joint name="ball" type="ball"/>
        <geom size="0.05 0.2" type="capsule" pos="0.1 0 0.2"/>
        <body name="fixed" pos="0.1 0 0.4"><geom size="0.1"/>
          <body name="forearm"><joint name="a" axis="0 1 0"/><joint name="b" axis="1 0 0"/>
            <geom size="0.03 0.02 0.2" type="box" pos="0 0.1 0.2"/></body></body></body></body>
    <body name="disc" pos="2 0 1"><joint name="disc" axis="0 0 1" frictionloss="1"/>
      <geom size="0.2 0.02" type="cylinder"/></body>
    <body name="free" pos="3 0 1" euler="1 0 1"><freejoint/>
      <geom size="0.2 0.1 0.1" type="box" pos="0.1 0.2 0"/>
      <body pos="0 0 0.3"><joint name="lid" axis="0 1 0" pos="0.1 0 0"/><geom size="0.1"/></body>
    </body>
    <body name="still" pos="4 0 1"><geom size="0.1"/><camera name="still" target="free"
      mode="targetbody"/></body>
  </worldbody>
  <tendon><fixed name="both"><joint joint="a" coef="0.7"/><joint joint="lid" coef="-2"/></fixed>
  </tendon>
  <actuator><motor joint="slide" gear="3"/><position joint="b" kp="10" kv="2"/>
    <motor tendon="both" gear="0.5"/></actuator>
</mujoco>
"""


def varied(model: mujoco.MjModel, seed: int) -> mujoco.MjModel:
    """A copy in which every body has another mass and inertia."""
    own = copy.copy(model)
    factors = np.random.default_rng(seed).uniform(0.5, 2.0, (model.nbody, 2))
    own.body_mass[:] *= factors[:, 0]
    own.body_inertia[:] *= factors[:, 1:]
    return own


def assert_same_constants(model: mujoco.MjModel, expected: mujoco.MjModel) -> None:
    for name in DERIVED_FIELDS:
        found, wanted = getattr(model, name), getattr(expected, name)
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("robot", ["franka_droid", "franka_mobile", "rby1"])
@pytest.mark.parametrize("house", ["homes/val/1", "generated/val/1"])
def test_scenes_have_the_simulator_s_constants(house: str, robot: str) -> None:
    scene = get_scene(resolve_house(house), get_robot(robot))
    assert is_supported(scene.model)
    write, data = constants_of(scene), mujoco.MjData(scene.model)
    for seed in range(2):
        model = varied(scene.model, seed)
        expected = copy.copy(model)
        set_const(expected, data)
        write(model, data)
        assert_same_constants(model, expected)


def test_every_kind_of_joint_has_the_simulator_s_constants() -> None:
    shared = mujoco.MjModel.from_xml_string(MECHANISM)
    assert is_supported(shared)
    model, data = varied(shared, 1), mujoco.MjData(shared)
    expected = copy.copy(model)
    set_const(expected, data)
    MassConstants(shared)(model, data)
    assert_same_constants(model, expected)
    assert (model.dof_invweight0 != shared.dof_invweight0).all()


def test_nothing_but_the_constants_changes() -> None:
    shared = mujoco.MjModel.from_xml_string(MECHANISM)
    model, data = copy.copy(shared), mujoco.MjData(shared)
    for write in (MassConstants(shared), set_const):
        write(model, data)
        assert_same_constants(model, shared)
        for name in ("extent", "center", "meansize"):
            np.testing.assert_array_equal(getattr(model.stat, name), getattr(shared.stat, name))
        np.testing.assert_array_equal(model.body_mass, shared.body_mass)
        np.testing.assert_array_equal(model.cam_pos0, shared.cam_pos0)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('<motor joint="slide" gear="3"/>', '<motor joint="ball" gear="1 2 3"/>'),
        ('<fixed name="both">', '<fixed name="both" armature="0.1">'),
        ('<motor joint="slide" gear="3"/>', '<general body="free"/>'),
    ],
)
def test_other_models_are_left_to_the_simulator(old: str, new: str) -> None:
    assert old in MECHANISM
    assert not is_supported(mujoco.MjModel.from_xml_string(MECHANISM.replace(old, new)))


def test_a_model_without_anything_that_moves() -> None:
    shared = mujoco.MjModel.from_xml_string("<mujoco><worldbody/></mujoco>")
    model, data = copy.copy(shared), mujoco.MjData(shared)
    MassConstants(shared)(model, data)
    assert_same_constants(model, shared)
