"""Fraud on trial: labelled attacks among honest members, and what a programme's signals make of them."""
