"""Friction of free joints as MuJoCo's substeps take it, with the arithmetic of PhysX's steps."""

import mujoco
import numpy as np
import pytest

pytest.importorskip("sapien", reason="needs the extra maniskill")

from molmospaces_gym.backends.brakes import Brake, creep_rate

SLIDER = """<mujoco><option timestep="0.002" integrator="implicitfast" gravity="0 0 0"/>
<worldbody><body><joint type="slide" axis="1 0 0" damping="{viscous}" frictionloss="{friction}"/>
<geom size=".1" mass="{mass}" contype="0" conaffinity="0"/></body></worldbody></mujoco>"""


def mujoco_way(model, speed, seconds):
    """Positions after each 10 ms in MuJoCo."""
    data = mujoco.MjData(model)
    data.qvel[0] = speed
    found = []
    for _ in range(round(seconds / 0.01)):
        mujoco.mj_step(model, data, 5)
        found.append(float(data.qpos[0]))
    return np.array(found)


def braked_way(brake, speed, seconds, step=0.01):
    """The same in steps that move things with the velocity at their end, as PhysX does."""
    found, at = [], 0.0
    for number in range(round(seconds / step)):
        force, end = brake.use(speed, step, number == 0)
        speed = max(end, speed - force * step / brake.inertia)
        at += speed * step
        found.append(at)
    return np.array(found)


@pytest.mark.parametrize(("friction", "viscous"), [(6.9, 6.2), (9.9, 0.0), (0.5, 9.0)])
@pytest.mark.parametrize("speed", [1.2, 0.3, 0.04])
def test_a_slider_coasts_as_far_as_in_mujoco(friction, viscous, speed):
    model = mujoco.MjModel.from_xml_string(
        SLIDER.format(viscous=viscous, friction=friction, mass=1.44)
    )
    rate = creep_rate(model, 0)
    assert rate == pytest.approx(0.9 * 2 / (0.95 * 0.02))
    brake = Brake(friction, viscous, float(model.dof_M0[0]), 0.002, rate)
    wanted, found = mujoco_way(model, speed, 1.0), braked_way(brake, speed, 1.0)
    assert np.abs(found - wanted).max() < 1e-4
    assert wanted[-1] > 1e-4


def test_what_is_pulled_slowly_meets_all_of_the_friction():
    brake = Brake(friction=7.0, viscous=6.0, inertia=1.5, substep=0.002, creep=95.0)
    for speed in (0.0, 0.001, 0.02, 0.05):
        force, end = brake.use(speed, 0.01, first=False)
        assert force >= 7.0
        assert 0.0 <= end <= speed


def test_the_rate_follows_the_models_solver_parameters():
    mjcf = SLIDER.format(viscous=1.0, friction=1.0, mass=1.0)
    plain = mjcf.replace("<joint", '<joint solreffriction="0.04 1" solimpfriction=".8 .9 .001"')
    assert creep_rate(mujoco.MjModel.from_xml_string(plain), 0) == pytest.approx(
        0.8 * 2 / (0.9 * 0.04)
    )
    direct = mjcf.replace("<joint", '<joint solreffriction="-100 -20" solimpfriction=".8 .9 .001"')
    assert creep_rate(mujoco.MjModel.from_xml_string(direct), 0) == pytest.approx(0.8 * 20 / 0.9)
