"""The only modules that read the input and write the output."""
