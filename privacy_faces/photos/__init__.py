"""Read and write photos, find faces, cut upright frames, paste protected frames back."""
