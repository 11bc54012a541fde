"""Which runs make a figure or a table: `catalog` lists the studies, `presets` says how much."""
