"""The ground floor: what synthesis and forensics both stand on. Imports nothing above itself."""
