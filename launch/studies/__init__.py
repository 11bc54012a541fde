"""Which runs make a figure or a table: `all_studies` lists them, `presets` sets the scale."""
