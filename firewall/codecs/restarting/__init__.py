"""Beginning again after an answer broke off: what closes what was said, and that another answer follows."""
