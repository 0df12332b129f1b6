"""The programs that show streams: notebooks, marimo, terminals."""
