"""Tools that say where the face is.  They return masks, never images."""
