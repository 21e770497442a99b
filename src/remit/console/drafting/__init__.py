"""From one remit to the next: a draft, who must agree to it, and the step that puts it live."""
