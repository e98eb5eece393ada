"""Contacts of SAPIEN carry what those of MuJoCo carry."""

import numpy as np
import pytest

pytest.importorskip("sapien", reason="needs the extra maniskill")

from molmospaces_gym.backends.mjc import MujocoWorld

FAR = (30.0, 0.0, 0.0)
BOX = """
<body name="table" pos=".7 0 .2"><geom type="box" size=".4 .6 .2"/></body>
<body name="flat" pos=".6 0 .4302"><freejoint/>
  <geom type="box" size=".03 .04 .03" mass=".2"/></body>
"""


def test_contacts_carry_the_same_weight(compose, start, twins):
    scene = compose(BOX)
    worlds = twins(scene, start(scene, at=FAR))
    flat, table = scene.body_id("flat"), scene.body_id("table")
    for world in worlds:
        assert world.contact_geoms(0).shape[1] == 2
        world.step(1000)
        assert isinstance(world, MujocoWorld) or world.awake(0)[flat]
        contacts = world.resting_contacts(0)
        rows = (contacts.bodies == flat).any(axis=1)
        assert set(contacts.bodies[rows].ravel().tolist()) == {flat, table}
        signs = np.where(contacts.bodies[rows, 1] == flat, 1.0, -1.0)
        weight = (contacts.push[rows] * signs[:, None]).sum(axis=0)
        np.testing.assert_allclose(weight, [0.0, 0.0, 0.2 * 9.81], atol=0.05)
        np.testing.assert_allclose(contacts.normal[rows, 2] * signs, 1.0, atol=1e-3)
        assert np.abs(contacts.position[rows, 2] - 0.4).max() < 1e-3
