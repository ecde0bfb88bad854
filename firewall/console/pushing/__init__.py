"""Browsers of approvers that are told while their page is closed (ADR 0054)."""
