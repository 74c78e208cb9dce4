"""Flags and the clinic's lists: raised and cleared by rules, with reason and age."""
