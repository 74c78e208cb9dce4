"""Recall: who is to be invited, one invitation for all of a patient's packages, rounds, and the ways an invitation goes."""
