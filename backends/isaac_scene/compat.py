"""What Isaac Lab 3.0.0 does not do by itself and this backend needs, in one place.

Everything here reaches into private parts of pinned versions (isaaclab 3.0.0, newton 1.6.1, warp
1.17.0); ``tests/isaac/test_compat.py`` fails when one of them has moved.
"""

import contextlib
import copy
import io
import logging
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import mujoco
import warp as wp
from isaaclab.physics import PhysicsManager
from isaaclab.sim import SimulationContext
from isaaclab.sim.utils import stage as stage_utils
from isaaclab_newton.physics.mjwarp_manager import NewtonMJWarpManager
from isaaclab_newton.physics.newton_manager import NewtonManager
from newton import ModelFlags
from newton.solvers import SolverMuJoCo

_PROCESS_WIDE = frozenset(
    {"_callback_id", "_locked_device", "_atexit_registered", "_physx_schemas_registered"}
)
"""Class attributes that belong to the process and not to one simulation."""


class ManyStepSolver(SolverMuJoCo):
    """MuJoCo C behind Newton that takes several steps under one command without copying between.

    Newton's own ``step`` converts the state on both sides of every ``mj_step``, in single
    precision and for several hundred microseconds.
    """

    steps = 1

    def notify_model_changed(self, flags: Any) -> None:
        """Newton moves the roots of fixed articulations in its own arrays only."""
        super().notify_model_changed(flags)
        if flags & ModelFlags.JOINT_PROPERTIES:
            self.mj_data.mocap_pos[:] = self.mjw_data.mocap_pos.numpy()[0]
            self.mj_data.mocap_quat[:] = self.mjw_data.mocap_quat.numpy()[0]

    def _sync_mjw_inertias_to_mjc_cpu(self) -> None:
        """Nothing: masses stay as compiled, and so must the frames that they are given in.

        Newton turns them into equal ones of other order, but MuJoCo keeps its bounding volumes in
        them: some contacts were no longer found (pads went through handles).
        """

    def step(self, state_in: Any, state_out: Any, control: Any, contacts: Any, dt: float) -> None:
        self._apply_mjc_control(self.model, state_in, control, self.mj_data)
        self._update_mjc_data(self.mj_data, self.model, state_in)
        self.mj_model.opt.timestep = dt
        self._mujoco.mj_step(self.mj_model, self.mj_data, self.steps)
        self._update_newton_state(self.model, state_out, self.mj_data, state_prev=state_in)
        self._step += 1


class NewtonMujocoCManager(NewtonMJWarpManager):
    """Isaac Lab's Newton manager with MuJoCo C as the engine; one world, no contact sensors."""

    @classmethod
    def _create_solver(cls, model: Any, solver_cfg: Any) -> SolverMuJoCo:
        kwargs = cls._filter_solver_kwargs(SolverMuJoCo, solver_cfg)
        kwargs.pop("ls_parallel", None)
        return ManyStepSolver(model, **kwargs)

    @classmethod
    def _initialize_contacts(cls) -> None:
        """Nothing: Newton cannot count the contacts of MuJoCo C and raises."""

    @classmethod
    def _run_solver_substeps(cls, contacts: Any) -> None:
        backend = cls.backend
        cls._apply_staged_body_forces(backend.state_0)
        cls._solver.steps = cls._num_substeps
        cls._step_solver(
            backend.state_0, backend.state_0, backend.control, contacts, cls._solver_dt
        )
        backend.state_0.clear_forces()


def newton_steps(count: int, timestep: float) -> None:
    """How many steps of what length (s) the next one of the simulation takes.

    On a GPU Isaac Lab replays the graph of one step, which holds their number.
    """
    if (NewtonManager._num_substeps, NewtonManager._solver_dt) != (count, timestep):
        NewtonManager._num_substeps, NewtonManager._solver_dt = count, timestep
        NewtonManager._invalidate_graph()


def mujoco_c_model() -> mujoco.MjModel:
    """The model with which MuJoCo C simulates; Newton keeps its own masses beside it."""
    found: mujoco.MjModel = NewtonManager._solver.mj_model
    return found


class FixedRoots:
    """Moves a fixed articulation of a Newton model.

    Isaac Lab's own ``write_root_link_pose_to_sim_index`` writes into a copy: its view leaves fixed
    joints out, among them the one that holds the root. Calling it afterwards tells the solver.
    """

    def __init__(self, link: str) -> None:
        """``link`` is the name of the root link."""
        model = NewtonManager.backend.model
        children, parents = model.joint_child.numpy(), model.joint_parent.numpy()
        worlds = model.body_world.numpy()
        self._joints = {
            int(worlds[child]): joint
            for joint, (child, parent) in enumerate(zip(children, parents, strict=True))
            if parent < 0 and model.body_label[child].rpartition("/")[2] == link
        }

    def move(self, world: int, pose: Any) -> None:
        """Set the pose (7,), xyzw, of the root in a world."""
        placed = NewtonManager.backend.model.joint_X_p
        values = placed.numpy()
        values[self._joints[world]] = pose
        placed.assign(values)


def pinned_memory_without_cuda() -> None:
    """Let Warp give out pinned memory where there is no CUDA, which OvPhysX's views ask for."""
    import warp._src.context as context

    if wp.is_cuda_available():
        return

    def allocate(self: Any, size: int) -> Any:
        pointer = context.runtime.core.wp_alloc_host(size, None)
        context._set_alloc_tag_if_tracking(pointer)
        return pointer

    def release(self: Any, pointer: Any, size: int) -> None:
        context.runtime.core.wp_free_host(pointer)

    context.CpuPinnedAllocator.allocate = allocate
    context.CpuPinnedAllocator.deallocate = release


def _holders() -> list[type]:
    """The classes in whose attributes Isaac Lab keeps the one simulation of a process."""
    found = [
        SimulationContext,
        PhysicsManager,
        NewtonManager,
        NewtonMJWarpManager,
        NewtonMujocoCManager,
    ]
    try:
        from isaaclab_ov.physics.ovphysx_manager import OvPhysxManager
    except ImportError:
        return found
    return [*found, OvPhysxManager]


def _kept(cls: type) -> dict[str, Any]:
    return {
        name: value
        for name, value in vars(cls).items()
        if not name.startswith("__")
        and name not in _PROCESS_WIDE
        and not isinstance(value, classmethod | staticmethod | property)
        and not (isinstance(value, Callable) and name in _METHODS[cls])  # type: ignore[arg-type]
    }


_CLASSES = _holders()
_METHODS = {
    cls: {
        name
        for name, value in vars(cls).items()
        if callable(value) and not name.startswith("_eval_fk") and "delegate" not in name
    }
    for cls in _CLASSES
}
_EMPTY = {
    cls: {
        name: copy.copy(value) if isinstance(value, dict | list | set) else value
        for name, value in _kept(cls).items()
    }
    for cls in _CLASSES
}


class Context:
    """The simulation that Isaac Lab keeps in class attributes, put aside and taken up again.

    Isaac Lab has one ``SimulationContext`` in a process and its managers are classes. A world has a
    simulation per house, so each keeps a copy of those attributes and lays it back before use.
    """

    _current: "Context | None" = None

    def __init__(self) -> None:
        self._saved: dict[type, dict[str, Any]] = {
            cls: {
                name: copy.copy(value) if isinstance(value, dict | list | set) else value
                for name, value in values.items()
            }
            for cls, values in _EMPTY.items()
        }
        self._stage: Any = None

    @property
    def is_current(self) -> bool:
        """Whether Isaac Lab looks at this simulation now."""
        return Context._current is self

    def enter(self) -> None:
        """Make this the simulation that Isaac Lab looks at."""
        if Context._current is self:
            return
        if Context._current is not None:
            Context._current._save()
        for cls, values in self._saved.items():
            for name in _kept(cls).keys() - values.keys():
                delattr(cls, name)
            for name, value in values.items():
                setattr(cls, name, value)
        stage_utils._context.stage = self._stage
        Context._current = self

    def _save(self) -> None:
        self._saved = {cls: _kept(cls) for cls in _CLASSES}
        self._stage = getattr(stage_utils._context, "stage", None)

    def leave(self) -> None:
        """Forget this simulation; the next one starts from what the process had at first."""
        if Context._current is self:
            Context().enter()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Isaac Lab and its parts tell much while a simulation is made that a user cannot act on."""
    loggers = [logging.getLogger(name) for name in ("isaaclab", "isaaclab_newton", "isaaclab_ov")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
