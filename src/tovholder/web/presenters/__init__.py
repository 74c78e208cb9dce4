"""From read models to what the pages show; no markup, no rule."""
