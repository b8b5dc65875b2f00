"""An adapted model's masks, and what is made of them."""
