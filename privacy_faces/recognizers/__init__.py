"""Recognisers: the contract, and one file per family."""
