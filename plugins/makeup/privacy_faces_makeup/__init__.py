"""Adversarial makeup, a method of privacy-faces, after DiffAM (Sun et al., CVPR 2024)."""
