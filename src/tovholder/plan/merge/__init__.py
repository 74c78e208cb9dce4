"""The one plan of a patient with several packages: what is done together, counted, and where packages disagree."""
