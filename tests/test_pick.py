"""Pick: the official success rule, reward ranking, and what the sampler promises."""

import gymnasium as gym
import numpy as np
import pytest

import molmospaces_gym  # noqa: F401
from molmospaces_gym.errors import InvalidScene
from molmospaces_gym.robots import get_robot
from molmospaces_gym.robots.kinematics import Kinematics
from molmospaces_gym.scenes.clearance import Clearance
from molmospaces_gym.scenes.compose import get_scene
from molmospaces_gym.scenes.placement import TOOL_DOWN, placements
from molmospaces_gym.scenes.referral import spoken_name
from molmospaces_gym.scenes.resolve import resolve_house
from molmospaces_gym.tasks.base import TaskState, dense_terms
from molmospaces_gym.tasks.pick import PickTask

ID = "molmospaces_gym/Pick-v1"


def make(**kwargs):
    return gym.make(ID, **({"houses": 2, "terminate_on_success": False} | kwargs))


def set_object_height(env, lift):
    """Put the target ``lift`` metres above its start and hold it there for one step."""
    inner = env.unwrapped
    data = inner.world.data(0)
    address, dof = inner.scene.free_joint(inner.episode.task["pickup_obj_name"])
    data.qpos[address + 2] += lift
    data.qvel[dof : dof + 6] = 0


def test_height_alone_is_no_success():
    env = make()
    env.reset(seed=0)
    set_object_height(env, 0.2)
    *_, info = env.step(np.zeros(8, np.float32))
    assert info["is_success"] is False
    assert env.unwrapped.session.state.quantities["lift"] > 0.1


def test_the_reward_is_the_change_of_the_potentials():
    scales = PickTask.reward_scales
    before = TaskState(False, dict.fromkeys(scales, 0.25), {})
    after = TaskState(True, dict.fromkeys(scales, 0.75), {})
    there = dense_terms(scales, after, before)
    back = dense_terms(scales, before, after)
    assert there == {name: 0.5 * scale for name, scale in scales.items()}
    assert sum(there.values()) + sum(back.values()) == 0


def test_dense_return_tells_moving_towards_from_idle_and_away():
    returns = {}
    for name, sign in (("towards", 1.0), ("idle", 0.0), ("away", -1.0)):
        env = make(action_mode="ee_delta", houses=1)
        observation, _ = env.reset(seed=3)
        total = 0.0
        for _ in range(8):
            action = np.zeros(7, np.float32)
            direction = -observation["object_to_tcp"]
            action[:3] = sign * direction / max(np.linalg.norm(direction), 1e-6)
            observation, reward, *_ = env.step(action)
            total += reward
        returns[name] = total
    assert returns["towards"] > 0.2 > 0.05 > abs(returns["idle"]), returns
    assert returns["away"] < -0.05, returns


def test_sparse_and_official_rewards():
    for mode in ("sparse", "official"):
        env = make(reward_mode=mode)
        env.reset(seed=1)
        _, reward, *_, info = env.step(np.zeros(8, np.float32))
        assert reward == 0.0 == info[f"reward/{mode}"]


@pytest.fixture(scope="module", params=["generated/val/0", "generated/train/5"])
def scene(request):
    return get_scene(resolve_house(request.param), get_robot("franka_droid"))


def test_sampled_starts_are_clear_reachable_and_exact(scene):
    rng, clearance = np.random.default_rng(0), Clearance(scene)
    kinematics = Kinematics(scene.robot)
    task = PickTask()
    for _ in range(15):
        spec = task.sample(scene, rng, None)
        base, arm = spec.task["robot_base_pose"], spec.robot.init_qpos["arm"]
        name = spec.task["pickup_obj_name"]
        pose = np.array(spec.scene_modifications.object_poses[name])
        assert spec.task["pickup_obj_start_pose"] == pose.tolist()
        assert clearance.is_free(tuple(base), np.array(arm), 0.0)
        yaw = 2 * np.arctan2(base[6], base[3])
        cos, sin = np.cos(yaw), np.sin(yaw)
        offset = pose[:3] - np.array(base[:3]) - [0, 0, 0.58]
        local = np.array([cos * offset[0] + sin * offset[1], cos * offset[1] - sin * offset[0], 0])
        local[2] = offset[2] + 0.1
        home = np.array(scene.robot.config.home["arm"])
        assert kinematics.solve(local, TOOL_DOWN, home, (2e-3, 2e-2)) is not None


def test_sampling_varies_objects_places_and_robot(scene):
    rng, task = np.random.default_rng(1), PickTask()
    specs = [task.sample(scene, rng, None) for _ in range(60)]
    assert len({s.task["pickup_obj_name"] for s in specs}) >= 5
    assert len({s.task["robot_base_pose"][0] for s in specs}) >= 8
    assert len({tuple(s.robot.init_qpos["arm"]) for s in specs}) == 60


def test_sampled_objects_stay_where_they_were_put():
    env = make(houses=4)
    for seed in range(6):
        env.reset(seed=seed)
        inner = env.unwrapped
        address, _ = inner.scene.free_joint(inner.episode.task["pickup_obj_name"])
        start = inner.world.joint_pos(0)[address : address + 3].copy()
        for _ in range(20):
            env.step(np.zeros(8, np.float32) - np.eye(8, dtype=np.float32)[7])
        end = inner.world.joint_pos(0)[address : address + 3]
        assert np.linalg.norm(end - start) < 3e-3, inner.episode.task["pickup_obj_name"]


def test_categories_choose_the_object():
    everything = make(houses=1)
    everything.reset(seed=0)
    objects = everything.unwrapped.scene.objects
    category = objects[everything.unwrapped.episode.task["pickup_obj_name"]]["category"]
    env = make(houses=1, categories=[category])
    for seed in range(4):
        env.reset(seed=seed)
        name = env.unwrapped.episode.task["pickup_obj_name"]
        assert objects[name]["category"] == category
    with pytest.raises(InvalidScene, match=f"Unicorn.*are of the categories.*{category}"):
        make(houses=1, categories=["Unicorn"]).reset(seed=0)


def test_placements_are_found_once_and_keep_their_order(scene):
    first = placements(scene)
    assert first is placements(scene) and len(first) >= 5
    assert all(p.objects for p in first)


def test_bodies_without_metadata_get_words():
    assert spoken_name("salt_shaker_" + "a" * 32 + "_1_0_3") == "salt shaker"
    assert spoken_name("red_block") == "red block"
