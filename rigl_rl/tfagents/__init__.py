"""TF-Agents mains: thin scripts over one off-policy loop."""
