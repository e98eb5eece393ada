"""The ManiSkill backend: houses in SAPIEN, the simulator (PhysX) of ManiSkill.

Needs ``pip install "molmospaces-gym[maniskill]"`` (Python 3.11 or 3.12, Linux). Everything that
imports SAPIEN is in ``sapien_scene``; see ``sapien_scene.world`` for what it cannot represent.
"""

from molmospaces_gym.backends.base import World


def maniskill_world(num_worlds: int = 1) -> World:
    """``num_worlds`` scenes of SAPIEN on the CPU; raises ``ImportError`` where it is not installed.

    ManiSkill's batched GPU simulation is not used, whatever the machine has.
    """
    from molmospaces_gym.backends.sapien_scene.world import ManiSkillWorld

    return ManiSkillWorld(num_worlds)
