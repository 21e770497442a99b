"""The report as files: HTML, PDF, JSON and OSCAL. Pure: bytes in hand, nothing written."""
