"""The library behind the notebooks: one concept a file, each short enough to read in one sitting.

Start with `cases` (what is asked, what is right), then follow one question through
`corpus` -> `chunking` -> `index` -> `rag` -> `arms` -> `evaluate`. Importing `helpers` loads no
model and takes no time.
"""

__version__ = "0.1.0"
