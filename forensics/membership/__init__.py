"""Was this picture in the training set? Membership inference on diffusion models."""
