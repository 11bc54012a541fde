"""Gin names of the original that have no counterpart here, each with the reason.

Without an entry, gin would only say that the name is unknown, or, if a library registers the name,
accept it without effect.
"""

from rigl_rl.runs.monitoring import LOG_EVERY

_NO_SUMMARIES = "train steps write no separate summaries here; leave it out"
_FOUR_FRAMES = "a state is always four frames of 84 x 84 pixels; leave it out"
_RUN_DIRECTORY = "the run directory names its files itself; leave it out"
_TF1 = "it is for TensorFlow 1, and this agent uses TensorFlow 2; leave it out"
_ONE_STEP = (
    "the original draws pairs of steps from its replay buffer, so that every value but 1 fails; "
    "here it is always 1; leave it out"
)
_NO_KL = "the clipped loss has no KL term (Table 9), there and here; leave it out"
_FLAG = "the command line decides; give --{}"
_SEEDED = "all random numbers follow from --seed; leave it out"

WHY = {
    # TF-Agents' mains.
    "train_eval.reverb_port": "there is no Reverb server; experience stays in the process; "
    "leave it out",
    "train_eval.debug_summaries": _NO_SUMMARIES,
    "train_eval.summarize_grads_and_vars": _NO_SUMMARIES,
    "train_eval.summary_interval": f"TensorBoard gets its numbers every {LOG_EVERY} train "
    "steps; leave it out",
    "train_eval.replay_buffer_save_interval": "a checkpoint includes the replay buffer; bind "
    "train_eval.checkpoint_interval",
    "train_eval.update_frequency": "every train step follows one environment step (Table 6: "
    "k = 1); leave it out",
    "train_eval.n_step_update": _ONE_STEP,
    "SparseDqnAgent.n_step_update": _ONE_STEP,
    "DqnAgent.n_step_update": _ONE_STEP,
    "SparsePPOAgent.use_gae": "bind train_eval.use_gae",
    "train_eval.seed": _FLAG.format("seed"),
    "train_eval.root_dir": _FLAG.format("root_dir"),
    "SparseTrainRunner.seed": _FLAG.format("seed"),
    "SparseTrainRunner.base_dir": _FLAG.format("base_dir"),
    # PPO only: DQN and SAC take it.
    "train_eval.replay_capacity": "PPO's replay holds one iteration, there and here; leave it out",
    "log_sparsities.model_name": "each network is logged under its own name; leave it out",
    "wrap_layer": "it prunes PPO networks for discrete actions, which the original refuses to "
    "build; bind wrap_all_layers",
    "unit_scaled_init": "no agent of the original uses it; bind init_masks.fixed_sparse_init",
    "layer_scaled_init": "no agent of the original uses it; bind init_masks.fixed_sparse_init",
    "SparseSacAgent.actor_sparsity": "bind train_eval.actor_critic_sparsities_str",
    "SparseSacAgent.critic_sparsity": "bind train_eval.actor_critic_sparsities_str",
    "SparseTanhNormalProjectionNetwork": "SAC's output layer is TF-Agents' own; bind "
    "TanhNormalProjectionNetwork",
    "EncodingNetwork": "no network here is made of it; bind train_eval.value_fc_layers",
    "ValueNetwork": "no network here is made of it; bind train_eval.value_fc_layers",
    # Dopamine's main.
    "create_sparse_agent": "SparseTrainRunner.agent_type decides, there and here; leave it out",
    "SparseTrainRunner.checkpoint_file_prefix": _RUN_DIRECTORY,
    "SparseTrainRunner.logging_file_prefix": _RUN_DIRECTORY,
    "SparseTrainRunner.log_every_n": "every iteration is recorded; leave it out",
    "NatureDQNNetwork.mode": "SparseDQNAgent.mode decides, there and here; bind that",
    "ImpalaNetwork.mode": "SparseDQNAgent.mode decides, there and here; bind that",
    "RMSPropOptimizer": "Dopamine's default, which all of the authors' files replace; bind "
    "DQNAgent.optimizer = @tf.train.AdamOptimizer()",
    "AdamOptimizer.use_locking": _TF1,
    "AdamOptimizer.name": _TF1,
    "DQNAgent.observation_shape": _FOUR_FRAMES,
    "DQNAgent.observation_dtype": _FOUR_FRAMES,
    "DQNAgent.stack_size": _FOUR_FRAMES,
    "DQNAgent.tf_device": _TF1,
    "DQNAgent.use_staging": _TF1,
    "DQNAgent.eval_mode": "the runner sets it, there and here; leave it out",
    "DQNAgent.max_tf_checkpoints_to_keep": "the two newest checkpoints stay; leave it out",
    "DQNAgent.summary_writer": "the run directory has the summaries; leave it out",
    "DQNAgent.summary_writing_frequency": "summaries come once an iteration; leave it out",
    "DQNAgent.allow_partial_reload": "a checkpoint is loaded as a whole or not at all; "
    "leave it out",
    "WrappedReplayBuffer.use_staging": _TF1,
}
NOT_REFUSED_BY_GIN = (
    "DqnAgent.n_step_update",
    "SparseDqnAgent.n_step_update",
    "SparsePPOAgent.use_gae",
    "EncodingNetwork",
    "ValueNetwork",
)
"""The names among them that TF-Agents registers with gin."""
for _growing in ("UpdatedRigLOptimizer", "UpdatedSETOptimizer"):
    WHY.update(
        {
            f"{_growing}.use_locking": _TF1,
            f"{_growing}.name": _TF1,
            f"{_growing}.use_tpu": _TF1,
            f"{_growing}.use_stateless": _SEEDED,
            f"{_growing}.stateless_seed_offset": _SEEDED,
            f"{_growing}.grow_init": "new connections start at 0, the original's default; "
            "leave it out",
            f"{_growing}.initial_acc_scale": "moments of new connections start at 0, the "
            "original's default; leave it out",
        }
    )
for _kl in (
    "kl_cutoff_factor",
    "kl_cutoff_coef",
    "initial_adaptive_kl_beta",
    "adaptive_kl_target",
    "adaptive_kl_tolerance",
):
    WHY.update({f"{_where}.{_kl}": _NO_KL for _where in ("train_eval", "SparsePPOAgent")})


def why_not(configurable: str, parameter: str = "") -> str | None:
    """The message for binding a name that only the original accepts.

    Args:
      configurable: its gin name, with or without modules.
      parameter: the bound parameter; empty for the configurable itself.

    Returns:
      One line; None for any other name.
    """
    name = configurable.rsplit(".", 1)[-1] + (f".{parameter}" if parameter else "")
    return f"{name} has no counterpart here: {WHY[name]}" if name in WHY else None
