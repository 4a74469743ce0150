"""Fine-tuning the diffusion model on a folder of photos (DiffAM, CVPR 2024)."""
