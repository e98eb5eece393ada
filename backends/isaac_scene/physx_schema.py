"""What of a model only PhysX has to be told in USD."""

from pxr import Usd

from molmospaces_gym.backends.isaac_scene.links import Plan


def describe_for_physx(stage: Usd.Stage, plan: Plan) -> None:
    """Author friction, filters, gears and solver settings of PhysX."""
