"""What the detectors of forged faces and their maps are worth, measured on the embedded datasets."""
