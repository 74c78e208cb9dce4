"""The pages: they parse, call and present, and hold no rule."""
