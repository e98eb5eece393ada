"""Which physics engine of Isaac Lab simulates, and how it is set up."""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import mujoco

from molmospaces_gym.errors import BackendUnavailable, InvalidConfig

ENGINES = ("auto", "newton", "mujoco", "physx")
PHYSX_STEP = 0.01
"""Longest step of PhysX, s; the model's own while joints with springs move, and for MuJoCo."""
_MULTICCD = (
    int(mujoco.mjtDisableBit.mjDSBL_MULTICCD)
    if hasattr(mujoco.mjtDisableBit, "mjDSBL_MULTICCD")
    else 0
)


@dataclass(frozen=True)
class Engine:
    """An engine by the name that a user asks for it, on a device of torch's names."""

    name: str
    device: str

    @property
    def is_physx(self) -> bool:
        """Whether it is PhysX; the others are MuJoCo's solver."""
        return self.name == "physx"

    @property
    def is_batched(self) -> bool:
        """Whether it simulates several worlds of one house at once."""
        return self.name != "mujoco"


def choose_engine(physics: str, num_worlds: int, mixed: bool = False) -> Engine:
    """The engine for a request: with CUDA MJWarp, on the CPU what is fastest for so many worlds.

    Of PhysX there is one house in a process: for worlds in ``mixed`` houses it is MuJoCo C.

    Raises:
        InvalidConfig: no such engine.
        BackendUnavailable: PhysX is asked for and not installed.
    """
    if physics not in ENGINES:
        raise InvalidConfig(f"physics must be one of {', '.join(ENGINES)}, not {physics!r}")
    import torch

    device = "cuda:0" if torch.cuda.is_available() and physics != "mujoco" else "cpu"
    has_physx = find_spec("ovphysx") is not None
    if physics == "auto":
        if device != "cpu":
            physics = "newton"
        elif num_worlds == 1 or mixed:
            physics = "mujoco"
        else:
            physics = "physx" if has_physx else "newton"
    if physics == "physx" and not has_physx:
        raise BackendUnavailable(
            "physics='physx' needs OvPhysX; install it with:"
            ' pip install "molmospaces-gym[isaac-physx]"'
        )
    return Engine(physics, device)


def physics_cfg(engine: Engine, model: mujoco.MjModel, constraints: int, contacts: int) -> Any:
    """Isaac Lab's configuration of an engine with the options of a model.

    ``constraints`` and ``contacts`` are how many MJWarp keeps room for in every world.
    """
    if engine.is_physx:
        from isaaclab_ov.physics import OvPhysxCfg

        from molmospaces_gym.backends.isaac_scene.compat import pinned_memory_without_cuda

        pinned_memory_without_cuda()
        # Weight in every iteration moves things with the mean speed of a step at its first weight:
        # a pendulum then swings higher and higher.
        return OvPhysxCfg(
            enable_external_forces_every_iteration=False, enable_enhanced_determinism=True
        )
    from isaaclab_newton.physics import MJWarpSolverCfg, NewtonCfg

    options: dict[str, Any] = {}
    if engine.name == "mujoco":
        options["class_type"] = f"{__package__}.compat:NewtonMujocoCManager"
        options["use_mujoco_cpu"] = True
    solver = MJWarpSolverCfg(
        njmax=constraints,
        nconmax=contacts,
        integrator=_INTEGRATORS[int(model.opt.integrator)],
        cone="elliptic" if model.opt.cone else "pyramidal",
        impratio=float(model.opt.impratio),
        iterations=int(model.opt.iterations),
        ls_iterations=int(model.opt.ls_iterations),
        ccd_iterations=int(model.opt.ccd_iterations),
        tolerance=float(model.opt.tolerance),
        enable_multiccd=not int(model.opt.disableflags) & _MULTICCD,
        **options,
    )
    return NewtonCfg(solver_cfg=solver, num_substeps=1)


_INTEGRATORS = {
    int(mujoco.mjtIntegrator.mjINT_EULER): "euler",
    int(mujoco.mjtIntegrator.mjINT_RK4): "rk4",
    int(mujoco.mjtIntegrator.mjINT_IMPLICITFAST): "implicitfast",
    int(mujoco.mjtIntegrator.mjINT_IMPLICIT): "implicitfast",
}
