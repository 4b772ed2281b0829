"""Multi-LoRA serving on CPU, measured: one configuration in, one comparable result out."""
