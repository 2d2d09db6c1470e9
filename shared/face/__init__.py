"""Faces: detection, landmarks, tracks, crops, and the linear 3D head with its fitting."""
