"""Figures of many days: requests beside the least possible, and a month under a daily quota."""
