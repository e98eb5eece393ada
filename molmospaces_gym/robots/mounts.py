"""A robot's cameras as a scene holds them."""

from dataclasses import replace

from molmospaces_gym.cameras import CameraMount
from molmospaces_gym.robots.base import PREFIX, RobotConfig


def prefixed_mounts(robot: RobotConfig) -> list[CameraMount]:
    """The robot's camera mounts with body names as a scene holds them."""
    return [
        replace(mount, body=None if mount.body is None else PREFIX + mount.body)
        for mount in robot.cameras
    ]
