"""Bindings beside the hyperparameters: what a run records of them."""

from rigl_rl.runs import config
from rigl_rl.tfagents import dqn_train_eval, sac_train_eval  # noqa: F401, they register names


def test_bindings_that_no_hyperparameter_shows_are_recorded():
    config.parse(
        [],
        [
            "CLIP = 0.25",
            "SparseDqnAgent.gradient_clipping = %CLIP",
            "SparseDqnAgent.emit_log_probability = False",  # the default
            "QNetwork.activation_fn = @SparseDqnAgent",
            "TanhNormalProjectionNetwork.std_transform = None",
            "dqn_train_eval.train_eval.gamma = 0.5",
            "init_masks.sparsity = 0.5",
            "log_snr.freq = 5",
        ],
    )
    assert config.other_bindings({"gamma": 0.5, "std_transform": "exp"}) == {
        "QNetwork.activation_fn": "@SparseDqnAgent",
        "SparseDqnAgent.gradient_clipping": 0.25,
    }
