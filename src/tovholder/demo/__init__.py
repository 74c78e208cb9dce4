"""The demo: a fictitious population (synth, bulk-imported) and personas whose stories go through the real actions."""
