"""Values in, values out: what is decided, and why.  No module here touches the world."""
