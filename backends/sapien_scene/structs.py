"""A ``PhysxScene`` as ManiSkill's own structures, for code written for ManiSkill."""

import torch
from mani_skill.envs.scene import ManiSkillScene
from mani_skill.utils.structs.actor import Actor
from mani_skill.utils.structs.articulation import Articulation

from molmospaces_gym.backends.sapien_scene.scene import PhysxScene


def maniskill_scene(physics: PhysxScene) -> ManiSkillScene:
    """The simulation as a ``ManiSkillScene`` of one world; actors and articulations by body name.

    They are views: what is written through them moves the simulation, and the arrays of the
    ``World`` follow in the next step.
    """
    scene = ManiSkillScene([physics.scene], debug_mode=False, device=torch.device("cpu"))
    index = torch.zeros(1, dtype=torch.int32)
    for _, body in physics.bodies.singles:
        actor = Actor.create_from_entities([body.entity], scene, index)
        actor.name = body.name
        scene.actors[body.name] = actor
        scene.add_to_state_dict_registry(actor)
    for arm in physics.bodies.arms:
        articulation = Articulation.create_from_physx_articulations(
            [arm.articulation], scene, index
        )
        scene.articulations[arm.articulation.name] = articulation
        scene.add_to_state_dict_registry(articulation)
    return scene
