"""Studies whose truth is known: how often claims and intervals err."""
