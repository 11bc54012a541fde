"""Sparse training: a sparse network is an ordinary network whose kernels obey a mask.

    optimizer = sparsify(model, method="rigl", sparsity=0.9, optimizer="adam", total_steps=10_000)
    model.compile(optimizer, loss="mse")
    model.fit(x, y)

Independent of agents and environments. See `docs/design.md`.
"""

from rigl_rl.sparsity.keras_optimizers import LegacySparseOptimizer, NewSparseOptimizer
from rigl_rl.sparsity.mask_updaters import METHODS, DropAndGrow, MaskUpdater, register
from rigl_rl.sparsity.masks import MaskedKernel, kernels_of, sparsity_of
from rigl_rl.sparsity.optimizer import SparseOptimizer
from rigl_rl.sparsity.settings import DENSE, SparseSettings
from rigl_rl.sparsity.sparsify import sparsify, sparsify_with

__all__ = [
    "DENSE",
    "METHODS",
    "DropAndGrow",
    "LegacySparseOptimizer",
    "MaskUpdater",
    "MaskedKernel",
    "NewSparseOptimizer",
    "SparseOptimizer",
    "SparseSettings",
    "kernels_of",
    "register",
    "sparsify",
    "sparsify_with",
    "sparsity_of",
]
