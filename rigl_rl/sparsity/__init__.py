"""Sparse training: a sparse network is an ordinary network whose kernels obey a mask.

    optimizer = sparsify(model, method="rigl", sparsity=0.9, optimizer="adam", total_steps=10_000)
    model.compile(optimizer, loss="mse")
    model.fit(x, y)

Knows no agent and no environment. See `docs/design.md`.
"""

from rigl_rl.sparsity.mask_updaters import METHODS
from rigl_rl.sparsity.masks import MaskedKernel, kernels_of, sparsity_of
from rigl_rl.sparsity.optimizer import SparseOptimizer
from rigl_rl.sparsity.sparsify import sparsify

__all__ = ["METHODS", "MaskedKernel", "SparseOptimizer", "kernels_of", "sparsify", "sparsity_of"]
