"""Environments: gymnasium for TF-Agents, and batched evaluation. Knows no agent."""
