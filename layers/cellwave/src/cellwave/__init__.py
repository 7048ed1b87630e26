"""Cellwave: real-time, multi-channel precision marketing for telecom operators."""
