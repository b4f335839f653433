"""Files of any kind as strings with places: the readers of ``bidsdeid audit``.

Each reader takes a path and returns a `bidsdeid.core.piece.Reading`; `dispatch.read` chooses the
reader.  What they promise:

1. Nothing is written, run, or loaded as code, and no pixel or voxel is decoded.
2. How much is read, inflated and kept has limits; what lies beyond is told, in ``unseen``.
3. Whatever the bytes, nothing but a `bidsdeid.errors.FileProblem` is raised, without a value of
   the file in its message.  What was found before the damage is returned, and the damage told.
4. A place is made of constants, numbers and names of a standard: never of the file's own words.
"""
