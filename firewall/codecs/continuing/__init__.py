"""Going on after refused calls: the model is told, and what it says next belongs to the same answer."""
