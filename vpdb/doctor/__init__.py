"""The doctor: collect facts from the outside in, judge each, repair what is safe to repair."""
