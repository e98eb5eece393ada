"""Features for Stable-Baselines3's small policies: what matters to a grasp, near the order of one.

A class in a module is saved with a model by its name, so that other versions of Python load it too.
"""

import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor

SCALES = {"object_to_tcp": 4.0, "gripper": 1.0, "object_size": 10.0, "arm_qvel": 1.0, "target": 1.0}
FINE = 25.0
"""Scale (1/m) of the second, clipped copy of the offset: it resolves the last 4 cm."""


class GraspFeatures(BaseFeaturesExtractor):
    """The state observation of ``Pick`` as one vector (n, size), with nothing to learn.

    Parts of the observation times ``SCALES``, the offset from hand to object at the fine scale,
    and how far the hand is turned against the object. Pass it as
    ``policy_kwargs={"features_extractor_class": GraspFeatures}`` with ``MultiInputPolicy``.
    """

    def __init__(self, observation_space: spaces.Dict) -> None:
        sizes = [observation_space[key].shape for key in SCALES]
        super().__init__(observation_space, 3 + 2 + sum(shape[0] for shape in sizes if shape))

    def forward(self, observations: dict[str, Tensor]) -> Tensor:
        """(n, size)."""
        parts = [scale * observations[key] for key, scale in SCALES.items()]
        fine = torch.clip(FINE * observations["object_to_tcp"], -1.0, 1.0)
        # Half a turn of a two-finger hand is the same grasp, hence the doubled angle.
        turn = 2.0 * (heading(observations["object_pose"]) - heading(observations["tcp_pose"]))
        angle = torch.stack([torch.cos(turn), torch.sin(turn)], dim=-1)
        return torch.cat([fine, angle, *parts], dim=-1)


def heading(pose: Tensor) -> Tensor:
    """Angle (rad) about the vertical of the x axis of poses (..., 7) in the base frame."""
    w, x, y, z = pose[..., 3:7].unbind(-1)
    return torch.arctan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))
