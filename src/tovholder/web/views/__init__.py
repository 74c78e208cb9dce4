"""One module per part of the house that a person visits."""
