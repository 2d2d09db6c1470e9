"""OPT: talking heads whose pose is free and whose mouth does not know the driving voice."""
