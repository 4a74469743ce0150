"""Makeup painted by formula: training pairs, references and tests."""
