"""Where Isaac Lab's trainers start on our tasks; see ``isaac_lab``. A start, not tuned."""

from isaaclab.utils import configclass
from isaaclab_rl.rsl_rl import RslRlMLPModelCfg, RslRlOnPolicyRunnerCfg, RslRlPpoAlgorithmCfg


@configclass
class PpoRunnerCfg(RslRlOnPolicyRunnerCfg):
    """PPO of RSL-RL: ``isaaclab train --rl_library rsl_rl --task MolmoSpaces-Pick-Direct``."""

    num_steps_per_env = 64
    max_iterations = 500
    save_interval = 50
    experiment_name = "molmospaces"
    device = "cpu"
    obs_groups: dict[str, list[str]] = {"actor": ["policy"], "critic": ["policy"]}
    actor = RslRlMLPModelCfg(
        hidden_dims=[256, 256],
        activation="elu",
        obs_normalization=True,
        distribution_cfg=RslRlMLPModelCfg.GaussianDistributionCfg(init_std=0.5),
    )
    critic = RslRlMLPModelCfg(hidden_dims=[256, 256], activation="elu", obs_normalization=True)
    algorithm = RslRlPpoAlgorithmCfg(
        value_loss_coef=1.0,
        use_clipped_value_loss=True,
        clip_param=0.2,
        entropy_coef=0.0,
        num_learning_epochs=4,
        num_mini_batches=4,
        learning_rate=3.0e-4,
        schedule="adaptive",
        gamma=0.97,
        lam=0.95,
        desired_kl=0.01,
        max_grad_norm=1.0,
    )
