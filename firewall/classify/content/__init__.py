"""Text that servers give and models read: what hides in it is shown, what is aimed at the model is found."""
