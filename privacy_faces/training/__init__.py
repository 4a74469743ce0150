"""How the shipped models are made from a folder of portraits."""
