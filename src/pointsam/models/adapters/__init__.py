"""LoRA adapters and their cards."""
