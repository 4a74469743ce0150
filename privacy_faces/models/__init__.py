"""The models that this project trains and ships: a linear face model, a small diffusion model, a small CLIP."""
