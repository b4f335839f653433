"""From one command to a finished dataset."""
