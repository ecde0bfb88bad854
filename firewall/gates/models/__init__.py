"""The models gate: agents point at it as their model endpoint; tool calls wait here until they are ruled on."""
