"""Plain Keras and TF-Agents networks with a `width` multiplier. Nothing here is sparse."""
