"""Play Pick in a scene of your own: any MJCF file, no metadata, no robot in it.

The scene needs free bodies to pick. The robot is added where the episode says. This file writes
its scene, so that everything is in one place; give yours with `--scene my_room.xml --object mug`.

python examples/custom_scene.py
"""

import argparse
import tempfile
from pathlib import Path

import gymnasium as gym

import molmospaces_gym  # noqa: F401 - registers the ids
from molmospaces_gym.policies.base import bind_policy, load_policy, policy_env_kwargs

ROOM = """
<mujoco model="my_room">
  <option timestep="0.002"/>
  <worldbody>
    <light pos="0 0 3" dir="0 0 -1"/>
    <geom name="floor" type="plane" size="3 3 0.1" rgba="0.7 0.7 0.7 1"/>
    <body name="table" pos="0.6 0 0.35">
      <geom type="box" size="0.3 0.5 0.35" rgba="0.6 0.45 0.3 1"/>
    </body>
    <body name="red_box" pos="0.5 0.1 0.73">
      <freejoint/>
      <geom type="box" size="0.02 0.02 0.03" density="400" rgba="0.8 0.1 0.1 1"/>
    </body>
    <body name="can" pos="0.55 -0.15 0.75">
      <freejoint/>
      <geom type="cylinder" size="0.03 0.05" density="300" rgba="0.1 0.3 0.8 1"/>
    </body>
  </worldbody>
</mujoco>
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scene", type=Path, help="MJCF file; default: a room with a table")
    parser.add_argument("--object", default="red_box", help="name of the body to pick")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scene = args.scene or Path(folder, "my_room.xml")
        if args.scene is None:
            scene.write_text(ROOM)
        play(scene, args.object)


def play(scene, name):
    """Let the scripted expert pick the body `name` up."""
    policy = load_policy("expert")
    env = gym.make("molmospaces_gym/Pick-v1", scene=str(scene), **policy_env_kwargs(policy))
    # What is left out (robot joints, base pose, cameras) is completed from the scene.
    episode = {
        "task": {"pickup_obj_name": name},
        "language": {"task_description": f"pick up the {name.replace('_', ' ')}."},
    }
    observation, info = env.reset(seed=0, options={"episode": episode})
    print(info["instruction"])
    bind_policy(policy, env)
    policy.reset(info["instruction"], seed=0)
    finished = False
    while not finished:
        action, _ = policy.predict(observation)
        observation, _, terminated, truncated, info = env.step(action)
        finished = terminated or truncated
    print("success" if info["is_success"] else "no success")
    env.close()


if __name__ == "__main__":
    main()
