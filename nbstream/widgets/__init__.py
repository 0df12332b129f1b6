"""The live views, as widgets."""
