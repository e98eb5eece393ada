"""Make an environment, look at what it offers, play one episode and save what the camera sees.

python examples/make_and_step.py
"""

import gymnasium as gym
import matplotlib.pyplot as plt

import molmospaces_gym  # noqa: F401 - registers the ids
from molmospaces_gym.policies.base import bind_policy, load_policy, policy_env_kwargs

policy = load_policy("expert")
env = gym.make(
    "molmospaces_gym/Pick-v1",
    split="val",
    terminate_on_success=False,
    horizon=90,
    render_mode="rgb_array",
    **policy_env_kwargs(policy),
)

print("observation")
for key, space in env.observation_space.spaces.items():
    print(f"  {key:16} {space.shape} {space.dtype}")
print("action", env.action_space)

observation, info = env.reset(seed=1)
print("house", info["house"])
print("instruction", info["instruction"])
before = env.render()

# The scripted expert reads the simulator, so it is shown the env; a learned policy is not.
bind_policy(policy, env)
policy.reset(info["instruction"], seed=1)
total, steps, finished = 0.0, 0, False
while not finished:
    action, _ = policy.predict(observation)
    observation, reward, terminated, truncated, info = env.step(action)
    total, steps, finished = total + reward, steps + 1, terminated or truncated
print(f"{steps} steps, return {total:.2f}, success {info['is_success']}")

figure, axes = plt.subplots(1, 2, figsize=(10, 3.2), layout="constrained")
for axis, image, title in zip(axes, (before, env.render()), ("first", "last"), strict=True):
    axis.imshow(image)
    axis.set_title(title)
    axis.axis("off")
figure.savefig("make_and_step.png")
print("picture make_and_step.png")
env.close()
