"""What the operations of published APIs do: tables distilled from the vendors' own descriptions, and rules over them."""
