"""Which runs a figure or a table needs: `all_studies` lists them, `presets` sets the scale."""
