"""What the integration costs, measured beside Home Assistant's own smtp."""
