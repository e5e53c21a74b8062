"""Experiments and what they train, stage by stage."""
