"""Recognizers: the contract, and one file per family."""
