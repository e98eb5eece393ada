"""The places of Isaac Lab, Newton and Warp that ``compat`` reaches into are still there."""

from importlib.metadata import version

import pytest

pytest.importorskip("isaaclab", reason="needs the extra isaac: Python 3.12, make isaac")

from molmospaces_gym.backends.isaac_scene import compat


def test_the_pinned_versions_are_installed():
    assert version("isaaclab") == "3.0.0"
    assert version("newton") == "1.6.1"
    assert version("warp-lang") == "1.17.0"
    assert version("mujoco-usd-converter") == "0.6.1"


def test_newton_still_cannot_count_the_contacts_of_mujoco_c():
    """When it can, ``NewtonMujocoCManager._initialize_contacts`` is no longer needed."""
    solver = compat.SolverMuJoCo.__new__(compat.SolverMuJoCo)
    solver.use_mujoco_cpu = True
    with pytest.raises(NotImplementedError):
        solver.get_max_contact_count()


def test_warp_has_the_allocator_that_is_replaced_without_cuda():
    import warp as wp
    import warp._src.context as context

    wp.init()
    compat.pinned_memory_without_cuda()
    assert len(wp.zeros(4, pinned=True, device="cpu").numpy()) == 4
    assert hasattr(context.runtime.core, "wp_alloc_host")


def test_another_number_of_steps_ends_the_graph_that_holds_it(monkeypatch, compose, start, worlds):
    scene, world, ended = compose(), worlds("mujoco"), []
    world.load(0, scene)
    world.set_state(0, start(scene))
    world.step(33)
    assert callable(compat.NewtonManager._invalidate_graph)  # else the next line would make it
    monkeypatch.setattr(compat.NewtonManager, "_invalidate_graph", lambda: ended.append(True))
    for count, calls in ((33, 0), (1, 1), (1, 1), (33, 2)):
        world.step(count)
        assert len(ended) == calls


def test_two_simulations_take_turns_in_one_process(compose, start, worlds):
    from isaaclab.sim import SimulationContext

    first, second = worlds("mujoco"), worlds("mujoco")
    for world, scene in ((first, compose()), (second, compose("<geom pos='3 3 0' size='.1'/>"))):
        world.load(0, scene)
        world.set_state(0, start(scene))
    for world in (first, second, first):
        world.step(33)
        assert SimulationContext.instance() is world.stage(0).sim
    assert first.stage(0).sim is not second.stage(0).sim
    first.close()
    second.step(33)
    assert not second.diverged(0)
