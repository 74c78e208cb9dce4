"""The console script: parse, call, present; holds no rule."""
