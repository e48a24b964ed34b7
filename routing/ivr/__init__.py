"""IVR flows: the document, its validation and the sans-IO interpreter."""
