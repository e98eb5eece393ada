"""SAPIEN against MuJoCo within the bounds of ``parity.tolerances``."""

import pytest

pytest.importorskip("sapien", reason="needs the extra maniskill")

from molmospaces_gym.benchmarks.parity import measure


def within(report):
    """The rows of a report, which must be within their bounds with nothing left out."""
    assert not report.skipped
    assert not report.failures, [row.to_dict() for row in report.failures]
    assert report.rows
    return {(row.subject, row.quantity): row.value for row in report.rows}


def test_joints_and_bodies_alone():
    report = measure("maniskill", ("kinematics", "pendulum"), robots=("franka_droid", "rby1"))
    found = within(report)
    # The accessors give the mirror's poses, which are MuJoCo's; PhysX's own are single precision.
    assert found["rby1", "body position"] == 0.0 < found["rby1", "own position"]
    assert any("dry friction of 7 driven joints" in line for line in report.losses)


def test_everything_that_opens_coasts_alike():
    found = within(measure("maniskill", ("coasting",)))
    # Soft friction at the end of a motion included: tenths of a millimetre without it.
    assert found["homes/val/0", "empty drawers, worst"] < 0.1
    assert found["homes/val/0", "drawers with things in them, worst"] > 0.0


@pytest.mark.slow
@pytest.mark.parametrize("robot", ["franka_droid", "franka_mobile", "rby1"])
def test_joints_follow_their_targets(robot):
    within(measure("maniskill", ("tracking",), robots=(robot,)))


def test_objects_rest_in_the_same_places():
    found = within(measure("maniskill", ("settled",), tasks=("Pick",)))
    assert found["boxes", "box position"] > 0.0


def test_an_episode_starts_and_looks_the_same():
    checks = ("initial_poses", "camera")
    report = measure("maniskill", checks, tasks=("Pick",), robots=("franka_droid",))
    within(report)
    assert all(picture.reference.std() > 5 for picture in report.pictures)


@pytest.mark.slow
def test_the_experts_targets_pick_and_lift():
    found = within(measure("maniskill", ("replay", "lift"), tasks=("Pick",), episodes=2))
    assert found["Pick", "lost"] == 0.0 and found["Pick", "success changed"] == 0.0
