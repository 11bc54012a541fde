"""Simulated studies with known truth: how often claims and intervals are wrong."""
