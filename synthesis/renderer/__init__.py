"""The renderer: a source picture and a Motion become frames. All four methods end here."""
