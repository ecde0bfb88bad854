"""What the operations of published APIs do: tables distilled from the vendors' descriptions, and rules."""
