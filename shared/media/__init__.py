"""Files in and out: video and audio as streams, pictures, and the marks that generated media carry."""
