"""Adversarial noise, methods of privacy-faces: the baselines that new methods are compared with."""
