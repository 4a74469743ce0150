"""The diffusion model behind makeup: latents there and back, adapters, transfer and removal; and how the published
models are read."""
